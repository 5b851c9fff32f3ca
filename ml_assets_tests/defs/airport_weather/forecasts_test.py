"""Forecasts that exist before their hour, and a daily table of another pipeline that waits for them.

Real weather of two weeks; the clock is moved from hour to hour. Sensors do everything but the model.
"""

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import pytest
import time_machine
import yaml

from ml_assets.cadence import Cadence, Calendar
from ml_assets.configuration.file_defaults import completed_documents
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.defs.sources.load import SourceSystems, advance, load, reference_table
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import build_once, new_home, opened, opened_copy, tick
from ml_assets_tests.project import ROOT, Project
from ml_assets_tests.sensor_runs import run_requested

DEFS = ROOT / "ml_assets" / "defs"
NEW_HOURS, FORECASTS, OUTLOOK = (
    "airport_weather__new_hours",
    "airport_temperature__days",
    "outlook__new_days",
)
YESTERDAY, TODAY = "2013-01-13", "2013-01-14"
ZONE = "America/New_York"
MIDNIGHT = datetime(2013, 1, 14, tzinfo=ZoneInfo(ZONE))
CALENDAR = Calendar(Cadence.HOURLY, ZONE)
STATIONS = 3
PREDICTIONS = "airport_temperature/predictions"
MODEL: dict[str, Any] = {
    "as_of_days": {"first": "2013-01-10", "last": "2014-01-01", "timezone": ZONE},
    "window": "12d",
    "validation_window": "1d",
    "test_window": "5d",
    "drift_window": "2d",
    "release": {"min_segment_rows": 100},
}
"""Keys of the temperature's pipeline that differ, so that it can be trained on a few days."""


class Outlook(Contract):
    """Departures of a day and the temperature that was forecast for them."""

    origin: str = pa.Field(description="The airport.", metadata={"from": ["flights.origin"]})
    departures: int = pa.Field(description="Departures.", metadata={"from": ["flights.origin"]})
    hours: int = pa.Field(
        description="Hours with a forecast.", metadata={"from": ["predictions.origin"]}
    )
    temp: float = pa.Field(
        description="Mean forecast.", metadata={"from": ["predictions.prediction"]}
    )

    class Config:
        """One row a day for each airport."""

        unique: ClassVar = ["origin"]


def outlook(days: Sequence[str], *, flights: pd.DataFrame, forecasts: pd.DataFrame) -> pd.DataFrame:
    """Feature function of a daily table that reads hourly forecasts."""
    of_day = flights[flights[DAY].isin(days)].groupby([DAY, "origin"])
    of_forecasts = forecasts.groupby([DAY, "origin"])["prediction"]
    found = {
        "departures": of_day.size(),
        "hours": of_forecasts.size(),
        "temp": of_forecasts.mean(),
    }
    return pd.concat(found, axis=1, join="inner").reset_index()


DAILY = f"""
- type: ml_assets.components.FeatureTable
  attributes:
    key: outlook/departures
    function: {__name__}.outlook
    contract: {__name__}.Outlook
    description: Departures of a day and the temperature that was forecast for them.
    owners: ["team:outlook"]
    days: {{first: "{TODAY}", last: "2013-12-31", timezone: {ZONE}}}
    inputs:
      flights: {{asset: sources/flights}}
      forecasts: {{asset: {PREDICTIONS}, cadence: hourly}}
- type: ml_assets.components.NewDays
  attributes:
    name: {OUTLOOK}
    sources: [sources/flights]
    tables: [outlook/departures]
"""
"""Another pipeline: a daily table of a daily source and of the hourly forecasts."""


def documents() -> list[dict[str, Any]]:
    """The project's documents that make the temperature's forecasts, and those of another pipeline."""
    files = [DEFS / name / "defs.yaml" for name in SOURCES]
    every = [document for file in files for _, document in completed_documents(file)]
    wanted = {"sources/flights", "sources/hourly_weather", "sources/weather_stations"}
    kept = [one for one in every if one["attributes"].get("key", "").startswith("airport_weather/")]
    kept += [one for one in every if one["attributes"].get("key") in wanted]
    kept += [one for one in every if one["attributes"].get("name") == NEW_HOURS]
    [model] = [o for o in every if o["attributes"].get("pipeline") == "airport_temperature"]
    model["attributes"] |= MODEL
    return [*kept, model, *yaml.safe_load(DAILY)]


SOURCES = ("sources", "airport_weather")


def both_pipelines(folder: Path) -> dg.Definitions:
    """The definitions of these documents."""
    shutil.copytree(DEFS / "airport_weather" / "policies", folder / "policies")
    return definitions(folder, yaml.safe_dump_all(documents()))


def build(home: Path) -> None:
    """The hours until midnight, and a model as of the day before."""
    new_home(home)
    load(SourceSystems.below(home / "data"), lambda *_: None, YESTERDAY)
    with (
        time_machine.travel(MIDNIGHT + timedelta(minutes=5)),
        opened(home, both_pipelines(home / "defs")) as project,
    ):
        run_requested(project, NEW_HOURS)
        trained = project.materialize(
            "group:airport_temperature__training or group:airport_temperature__release", YESTERDAY
        )
        assert trained.succeeded, trained.failed_steps


@pytest.fixture
def airports(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project five minutes after midnight, with a model as of the day before."""
    prepared = build_once(tmp_path_factory, "airports", build)
    defined = both_pipelines(tmp_path / "defs")
    with (
        time_machine.travel(MIDNIGHT + timedelta(minutes=5)),
        opened_copy(prepared, tmp_path / "home", defined) as project,
    ):
        yield project


def observed(project: Project, until: datetime) -> None:
    """Add the observations that are known at a time to the source."""
    rows = reference_table("weather", TODAY)
    known = pd.Timestamp(until.astimezone(ZoneInfo("UTC")).replace(tzinfo=None))
    project.systems.weather.append(rows[rows["time_hour"] + pd.Timedelta(hours=1) <= known])


def forecast(project: Project, known: datetime, hours: str) -> None:
    """Make the forecasts of some hours from the observations that are known at a time."""
    observed(project, known)
    run_requested(project, NEW_HOURS)
    predicted = project.materialize(f'key:"{PREDICTIONS}"', hours)
    assert predicted.succeeded, predicted.failed_steps


def hour(count: int) -> str:
    """The key of an hour of today."""
    return CALENDAR.key_of(MIDNIGHT + timedelta(hours=count))


@pytest.mark.slow
def test_an_hour_is_predicted_before_it_begins_and_joined_with_its_observation_later(
    airports: Project,
) -> None:
    for passed in range(5):
        now = MIDNIGHT + timedelta(hours=passed, minutes=5)
        with time_machine.travel(now):
            observed(airports, now)
            run_requested(airports, NEW_HOURS, FORECASTS)
            ahead = airports.lake.read(PREDICTIONS, [hour(passed + 2)])
        assert len(ahead) == STATIONS
        assert ahead["horizon_hours"].eq(2).all()
        assert not ahead["is_replayed"].any()
        assert max(airports.entries(PREDICTIONS)) == hour(passed + 2)

    labels = airports.lake.read("airport_temperature/labels")
    joined = labels[labels["prediction_day"] == hour(2)]
    first = airports.lake.read(PREDICTIONS, [hour(2)])
    assert sorted(joined["prediction_id"]) == sorted(first["prediction_id"])
    performance = airports.lake.read("airport_temperature/performance", [hour(2)])
    coverage = performance.set_index("metric")["value"]["label_coverage"]
    assert coverage == 1
    decisions = airports.entries("airport_temperature/retraining_decision")
    assert max(decisions) == hour(3)


@pytest.mark.slow
def test_a_daily_table_waits_for_the_hourly_forecasts_of_another_pipeline(
    airports: Project,
) -> None:
    advance(airports.systems, TODAY, ["flights"])
    evening = MIDNIGHT + timedelta(hours=20, minutes=5)
    with time_machine.travel(MIDNIGHT + timedelta(hours=24, minutes=5)):
        forecast(airports, evening, f"{hour(0)}...{hour(22)}")
        run_requested(airports, OUTLOOK)
        waiting = tick(airports, OUTLOOK)

        assert TODAY in airports.entries("sources/flights")
        assert airports.entries("outlook/departures") == {}
        assert waiting.requests == []
        assert waiting.reason.startswith(f"{TODAY} waits for {PREDICTIONS}, which is complete")

        forecast(airports, evening + timedelta(hours=1), hour(23))
        run_requested(airports, OUTLOOK)

    rows = airports.lake.read("outlook/departures", [TODAY])
    assert len(rows) == STATIONS
    assert rows["hours"].eq(24).all()
    assert rows["departures"].gt(0).all()


def test_hours_that_exist_are_those_that_begin_within_two_hours(tmp_path: Path) -> None:
    with time_machine.travel(MIDNIGHT + timedelta(minutes=5)):
        graph = both_pipelines(tmp_path).resolve_asset_graph()
        last = {
            table: graph.get(dg.AssetKey(table.split("/"))).partitions_def.get_last_partition_key()
            for table in ("airport_weather/weather_features", "sources/hourly_weather", PREDICTIONS)
        }

    assert last == {
        "airport_weather/weather_features": hour(2),
        "sources/hourly_weather": hour(-1),
        PREDICTIONS: hour(2),
    }
