"""Pipelines of other cadences, from the source to the release decision and to monitoring.

Meters of consumption: the time of a reading decides its partition, and the consumption of the next
partition is what a model predicts.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import sqlalchemy as sa

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets_tests.components.shop import UTC, definitions
from ml_assets_tests.prepared import new_home, opened, tick
from ml_assets_tests.project import Project

WHERE = __name__


class Readings(Contract):
    """Readings of meters."""

    meter: str = pa.Field(description="The meter.")
    at: pd.DatetimeTZDtype = pa.Field(description="When it was read.", dtype_kwargs=UTC)
    used: float = pa.Field(ge=0, description="Consumption.", metadata={"unit": "kWh"})
    warmth: float = pa.Field(description="Outside temperature.", metadata={"unit": "°C"})

    class Config:
        """Partitions without readings are usual."""

        unique: ClassVar = ["meter", "at"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


class OfReading(Contract):
    """Columns that identify a reading."""

    meter: str = pa.Field(description="The meter.", metadata={"from": ["readings.meter"]})
    at: pd.DatetimeTZDtype = pa.Field(
        description="When it was read.", dtype_kwargs=UTC, metadata={"from": ["readings.at"]}
    )


class Features(OfReading):
    """Readings with the mean of the time before."""

    warmth: float = pa.Field(description="Temperature.", metadata={"from": ["readings.warmth"]})
    before: float = pa.Field(
        nullable=True, description="Mean use before.", metadata={"from": ["readings.used"]}
    )

    class Config:
        """Partitions without readings have no features."""

        unique: ClassVar = ["meter", "at"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


class Outcomes(OfReading):
    """Use of each reading, known half an hour later."""

    used: float = pa.Field(description="Consumption.", metadata={"from": ["readings.used"]})
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When it was known.", dtype_kwargs=UTC, metadata={"from": ["readings.at"]}
    )

    class Config:
        """Partitions without readings have no outcomes."""

        unique: ClassVar = ["meter", "at"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


def features(days: Sequence[str], *, readings: pd.DataFrame) -> pd.DataFrame:
    """Feature function: the mean of the three readings of the same meter before."""
    ordered = readings.sort_values("at")
    by_meter = ordered.groupby("meter")["used"]
    before = by_meter.transform(lambda used: used.shift().rolling(3, min_periods=1).mean())
    found = ordered.assign(before=before)
    return found.loc[found[DAY].isin(days), [DAY, "meter", "at", "warmth", "before"]]


def outcomes(days: Sequence[str], *, readings: pd.DataFrame) -> pd.DataFrame:
    """Feature function of the label."""
    found = readings.assign(known_at=readings["at"] + pd.Timedelta(minutes=30))
    return found.loc[found[DAY].isin(days), [DAY, "meter", "at", "used", "known_at"]]


@dataclass(frozen=True)
class Series:
    """A table of readings, and the pipeline that is made of it.

    Attributes:
        days: value of ``days`` in the YAML.
        moments: times of the readings.
        meters: number of meters with a reading at each time.
        windows: windows of the model in the YAML.
        as_of: the as-of partition of the model.
        scored: partitions to score after it.
    """

    days: str
    moments: Sequence[datetime]
    meters: int
    windows: str
    as_of: str
    scored: str


def every(first: date, count: int, step: timedelta) -> list[datetime]:
    """Times at half past twelve from a day on."""
    start = datetime(first.year, first.month, first.day, 12, 30)
    return [start + n * step for n in range(count)]


WEEK, ONE_DAY, HOUR = timedelta(weeks=1), timedelta(days=1), timedelta(hours=1)
WEEKS = "weeks, some of them missing"
MISSING_WEEKS = {12, 13, 14, 40, 71}
SERIES = {
    WEEKS: Series(
        days='{first: "2021-01-04", last: "2022-12-25", cadence: weekly}',
        moments=[
            moment
            for n, moment in enumerate(every(date(2021, 1, 5), 103, WEEK))
            if n not in MISSING_WEEKS
        ],
        meters=3,
        windows="window: 80w, validation_window: 4w, test_window: 12w, drift_window: 8w",
        as_of="2022-09-05",
        scored="2022-09-05...2022-09-19",
    ),
    "weekdays only": Series(
        days='{first: "2022-01-03", last: "2022-06-30"}',
        moments=[m for m in every(date(2022, 1, 3), 178, ONE_DAY) if m.weekday() < 5],
        meters=3,
        windows="window: 150d, validation_window: 7d, test_window: 28d, drift_window: 14d",
        as_of="2022-06-01",
        scored="2022-06-01...2022-06-06",
    ),
    "one row a day": Series(
        days='{first: "2022-01-01", last: "2022-06-30", timezone: America/New_York}',
        moments=every(date(2022, 1, 1), 181, ONE_DAY),
        meters=1,
        windows="window: 150d, validation_window: 7d, test_window: 28d, drift_window: 28d",
        as_of="2022-06-01",
        scored="2022-06-01...2022-06-03",
    ),
    "hours over a clock change": Series(
        days='{first: "2022-03-01", last: "2022-03-31", timezone: America/New_York, cadence: hourly}',
        moments=every(date(2022, 3, 1), 24 * 30, HOUR),
        meters=1,
        windows="window: 14d, validation_window: 24h, test_window: 72h, drift_window: 48h",
        as_of="2022-03-13-01:00",
        scored="2022-03-13-01:00...2022-03-13-04:00",
    ),
    "months": Series(
        days='{first: "2012-01-01", last: "2021-12-31", cadence: monthly}',
        moments=every(date(2012, 1, 2), 3640, ONE_DAY),
        meters=1,
        windows="window: 96mo, validation_window: 2mo, test_window: 12mo, drift_window: 6mo",
        as_of="2021-03-01",
        scored="2021-03-01...2021-04-01",
    ),
}

PIPELINE = """
type: ml_assets.components.SourceTable
attributes:
  key: meters/readings
  table: readings
  contract: {where}.Readings
  description: Readings of meters.
  owners: ["team:meters"]
  time_column: at
  days: {days}
---
type: ml_assets.components.FeatureTable
attributes:
  key: meters/features
  function: {where}.features
  contract: {where}.Features
  description: One row per reading.
  owners: ["team:meters"]
  days: {days}
  inputs: {{readings: {{asset: meters/readings, look_back: {look_back}}}}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: meters/outcomes
  function: {where}.outcomes
  contract: {where}.Outcomes
  description: What was used.
  owners: ["team:meters"]
  days: {days}
  inputs: {{readings: {{asset: meters/readings}}}}
---
type: ml_assets.components.NewDays
attributes:
  name: meters__new_days
  sources: [meters/readings]
  tables: [meters/features, meters/outcomes]
---
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: meters
  features: meters/features
  labels: {{asset: meters/outcomes, column: used, arrive_within: {arrive_within}}}
  {windows}
  estimator:
    task: regression
    path: sklearn.ensemble.HistGradientBoostingRegressor
    numeric: [warmth, before]
    hyperparameters: {{random_state: 0, min_samples_leaf: 5, max_iter: 30}}
"""

LOOK_BACKS = {
    Cadence.HOURLY: "6h",
    Cadence.DAILY: "7d",
    Cadence.WEEKLY: "8w",
    Cadence.MONTHLY: "1mo",
}
LATEST = {
    Cadence.HOURLY: "2h",
    Cadence.DAILY: "2d",
    Cadence.WEEKLY: "1w",
    Cadence.MONTHLY: "1mo",
}


def cadence_of(series: Series) -> Cadence:
    """The cadence in the YAML of a series."""
    return next((one for one in Cadence if f"cadence: {one}" in series.days), Cadence.DAILY)


def write(file: Path, series: Series) -> None:
    """The source database with the readings of a series."""
    random = np.random.default_rng(0)
    count = len(series.moments) * series.meters
    warmth = random.normal(10, 8, count)
    rows = pd.DataFrame(
        {
            "meter": [f"m{n % series.meters}" for n in range(count)],
            "at": np.repeat(series.moments, series.meters),
            "used": 60 - warmth + random.normal(0, 1, count),
            "warmth": warmth,
        }
    )
    engine = sa.create_engine(f"sqlite:///{file}")
    with closing(engine.raw_connection()):
        rows.to_sql("readings", engine, index=False, dtype={"at": sa.DateTime()})
    engine.dispose()


@pytest.fixture(params=[pytest.param(item, id=name) for name, item in SERIES.items()])
def series(request: pytest.FixtureRequest) -> Series:
    """Each of the series."""
    found: Series = request.param
    return found


@pytest.fixture
def meters(tmp_path: Path, series: Series) -> Iterator[Project]:
    """A project with the pipeline of a series and its source database."""
    new_home(tmp_path)
    write(tmp_path / "data" / "source.db", series)
    cadence = cadence_of(series)
    text = PIPELINE.format(
        where=WHERE,
        days=series.days,
        windows="\n  ".join(series.windows.split(", ")),
        look_back=LOOK_BACKS[cadence],
        arrive_within=LATEST[cadence],
    )
    with opened(tmp_path, definitions(tmp_path / "defs", text)) as project:
        yield project


@pytest.mark.slow
def test_series_goes_from_its_source_to_a_decision(meters: Project, series: Series) -> None:
    calendar = Calendar(cadence_of(series), "America/New_York" if "York" in series.days else "UTC")
    first, _, last = series.scored.partition("...")
    start = calendar.first_of(series.days.split('"')[1])
    known = meters.materialize(
        "group:meters__tables or group:meters__features", f"{start}...{last}"
    )
    assert known.succeeded, known.failed_steps

    trained = meters.materialize("group:meters__training or group:meters__release", series.as_of)
    assert trained.succeeded, "\n".join(trained.failed_steps.values())
    scored = meters.materialize(
        "group:meters__predictions or group:meters__monitoring", series.scored
    )
    assert scored.succeeded, scored.failed_steps

    readings = meters.lake.read("meters/readings")
    assert (
        len(readings)
        == sum(
            start <= calendar.key_of(moment.astimezone()) <= last for moment in utc(series.moments)
        )
        * series.meters
    )
    [decision] = meters.lake.read("meters/release_decision", [series.as_of]).to_dict("records")
    assert decision["verdict"] == "passed", decision["reason"]
    with_readings = {key for key in calendar.keys(first, last) if key in set(readings[DAY])}
    assert set(meters.lake.read("meters/predictions")[DAY]) == with_readings
    states = {
        table: {entry.status.value for entry in meters.entries(table).values()}
        for table in ("meters/readings", "meters/predictions", "meters/retraining_decision")
    }
    assert states == {table: {"stored"} for table in states}


def utc(moments: Sequence[datetime]) -> list[datetime]:
    """The times with their zone."""
    return [pd.Timestamp(moment, tz="UTC").to_pydatetime() for moment in moments]


def test_sensor_requests_the_partitions_that_the_source_has(meters: Project) -> None:
    [request] = tick(meters, "meters__new_days").requests

    assert len(request.asset_selection or []) == 3


DAYS_OF_HISTORY = """
type: ml_assets.components.SourceTable
attributes:
  key: meters/readings
  table: readings
  contract: {where}.Readings
  description: Readings of meters.
  owners: ["team:meters"]
  time_column: at
  days: {{first: "2022-03-01", last: "2022-03-20", timezone: America/New_York, cadence: {source}}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: meters/features
  function: {where}.features
  contract: {where}.Features
  description: One row per reading.
  owners: ["team:meters"]
  days: {{first: "2022-03-05", last: "2022-03-20", timezone: America/New_York, cadence: {features}}}
  inputs: {{readings: {{asset: meters/readings, look_back: 2d}}}}
"""
"""A table of features, from a source table of the same or another cadence."""


def daily_features(folder: Path, source: str, days: str) -> dict[str, str]:
    """Day → content hash of the features, from a source table of a cadence."""
    new_home(folder)
    write(folder / "data" / "source.db", SERIES["hours over a clock change"])
    text = DAYS_OF_HISTORY.format(where=WHERE, source=source, features="daily")
    with opened(folder, definitions(folder / "defs", text)) as project:
        for selection, span in (
            ('key:"meters/readings"', days),
            ('key:"meters/features"', "2022-03-05...2022-03-20"),
        ):
            outcome = project.materialize(selection, span)
            assert outcome.succeeded, outcome.failed_steps
        entries = project.entries("meters/features")
        return {day: entry.content_hash for day, entry in entries.items()}


def test_daily_features_are_the_same_from_hours_and_from_days(tmp_path: Path) -> None:
    daily = daily_features(tmp_path / "daily", "daily", "2022-03-01...2022-03-20")
    hourly = daily_features(tmp_path / "hourly", "hourly", "2022-03-01-00:00...2022-03-20-23:00")

    assert len(daily) == 16
    assert hourly == daily


def test_a_table_finer_than_its_input_is_shown_as_broken(tmp_path: Path) -> None:
    text = DAYS_OF_HISTORY.format(where=WHERE, source="daily", features="hourly")

    graph = definitions(tmp_path / "defs", text).resolve_asset_graph()

    [problem] = broken_assets(graph).values()
    assert (
        "meters/readings is daily, so the hourly table would read values that are not known"
        in problem
    )
