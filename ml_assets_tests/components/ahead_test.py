"""Predictions of days that have not happened: visitors of shops on the day after tomorrow.

The plan of each shop is known a week ahead, its visitors when a day has ended. The clock is moved from
morning to morning; sensors do everything but the first model.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import sqlalchemy as sa
import time_machine
from dagster import AssetKey

from ml_assets.cadence import shifted
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets.settings import settings
from ml_assets_tests.components.shop import UTC as IN_UTC
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import Tick, build_once, new_home, opened, opened_copy, tick
from ml_assets_tests.project import Project
from ml_assets_tests.sensor_runs import run_requested

WHERE = __name__
FIRST, TODAY = "2024-01-01", "2024-03-20"
TOMORROW = shifted(TODAY, 1)
SHOPS = ("north", "south", "west")
KNOWN_AHEAD = 7
"""Days for which the source has a plan in advance."""


class Plan(Contract):
    """Opening hours of each shop, decided a week before."""

    shop: str = pa.Field(description="The shop.")
    at: pd.DatetimeTZDtype = pa.Field(description="When it opens.", dtype_kwargs=IN_UTC)
    hours: float = pa.Field(ge=0, description="Time that it is open.", metadata={"unit": "h"})

    class Config:
        """One row a day for each shop."""

        unique: ClassVar = ["shop", "at"]


class Visits(Contract):
    """Visitors of each shop."""

    shop: str = pa.Field(description="The shop.")
    at: pd.DatetimeTZDtype = pa.Field(description="When it opened.", dtype_kwargs=IN_UTC)
    visitors: float = pa.Field(ge=0, description="Visitors of the day.")

    class Config:
        """One row a day for each shop."""

        unique: ClassVar = ["shop", "at"]


class Features(Contract):
    """The plan of a shop, and its usual visitors until two days before."""

    shop: str = pa.Field(description="The shop.", metadata={"from": ["plan.shop"]})
    at: pd.DatetimeTZDtype = pa.Field(
        description="When it opens.", dtype_kwargs=IN_UTC, metadata={"from": ["plan.at"]}
    )
    hours: float = pa.Field(description="Time that it is open.", metadata={"from": ["plan.hours"]})
    usual: float = pa.Field(
        nullable=True,
        description="Mean of the week before.",
        metadata={"from": ["visits.visitors"]},
    )

    class Config:
        """One row a day for each shop."""

        unique: ClassVar = ["shop", "at"]


class Outcomes(Contract):
    """Visitors, known when the shop closes."""

    shop: str = pa.Field(description="The shop.", metadata={"from": ["visits.shop"]})
    at: pd.DatetimeTZDtype = pa.Field(
        description="When it opened.", dtype_kwargs=IN_UTC, metadata={"from": ["visits.at"]}
    )
    visitors: float = pa.Field(description="Visitors.", metadata={"from": ["visits.visitors"]})
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When it closed.", dtype_kwargs=IN_UTC, metadata={"from": ["visits.at"]}
    )

    class Config:
        """One row a day for each shop."""

        unique: ClassVar = ["shop", "at"]


def features(days: Sequence[str], *, plan: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Feature function: a row for each row of the plan."""
    rows = plan[plan[DAY].isin(days)].copy()
    usual = []
    for row in rows.itertuples():
        of_shop = visits[visits["shop"] == row.shop]
        before = (
            of_shop["at"].dt.strftime("%Y-%m-%d").between(shifted(row.ds, -8), shifted(row.ds, -2))
        )
        usual.append(of_shop.loc[before, "visitors"].mean())
    return rows.assign(usual=usual)[[DAY, "shop", "at", "hours", "usual"]]


def features_without_a_shop(
    days: Sequence[str], *, plan: pd.DataFrame, visits: pd.DataFrame
) -> pd.DataFrame:
    """Feature function that loses a row of the plan."""
    found = features(days, plan=plan, visits=visits)
    return found[found["shop"] != "west"]


def outcomes(days: Sequence[str], *, visits: pd.DataFrame) -> pd.DataFrame:
    """Feature function of the label."""
    found = visits.assign(known_at=visits["at"] + pd.Timedelta(hours=8))
    return found.loc[found[DAY].isin(days), [DAY, "shop", "at", "visitors", "known_at"]]


PIPELINE = """
type: ml_assets.components.SourceTable
attributes:
  key: shops/plan
  table: plan
  contract: {where}.Plan
  description: Opening hours.
  owners: ["team:shops"]
  time_column: at
  days: {{first: "{first}", ahead: 3d}}
  max_age: 16h
---
type: ml_assets.components.SourceTable
attributes:
  key: shops/visits
  table: visits
  contract: {where}.Visits
  description: Visitors.
  owners: ["team:shops"]
  time_column: at
  days: {{first: "{first}"}}
  max_age: 16h
---
type: ml_assets.components.FeatureTable
attributes:
  key: shops/features
  function: {where}.{function}
  contract: {where}.Features
  description: What is known two days before.
  owners: ["team:shops"]
  days: {{first: "{first}", ahead: 3d}}
  inputs:
    plan: {{asset: shops/plan}}
    visits: {{asset: shops/visits, window: {window}}}
  rows: {rows}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shops/outcomes
  function: {where}.outcomes
  contract: {where}.Outcomes
  description: Visitors and when they were known.
  owners: ["team:shops"]
  days: {{first: "{first}"}}
  inputs: {{visits: {{asset: shops/visits}}}}
---
type: ml_assets.components.NewDays
attributes:
  name: shops__new_days
  sources: [shops/plan, shops/visits]
  tables: [shops/features, shops/outcomes]
---
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: shops
  features: shops/features
  labels: {{asset: shops/outcomes, column: visitors, arrive_within: 2d}}
  window: 60d
  validation_window: 7d
  test_window: 14d
  drift_window: 14d
  registry: false
  estimator:
    task: regression
    path: sklearn.linear_model.Ridge
    numeric: [hours, usual]
    hyperparameters: {{random_state: 0}}
"""


def pipeline(
    window: str = "{from: -8d, to: -1d}",
    rows: str = "plan",
    function: str = "features",
) -> str:
    """The pipeline in YAML."""
    return PIPELINE.format(where=WHERE, first=FIRST, window=window, rows=rows, function=function)


def draws() -> tuple[np.ndarray, np.ndarray]:
    """Hours and visitors of a hundred days in each shop."""
    random = np.random.default_rng(0)
    hours = random.integers(4, 12, (100, len(SHOPS))).astype(float)
    return hours, hours * 20 + random.normal(0, 4, hours.shape)


def write(source: Path, ended: str) -> None:
    """What the source has when a day has ended: visitors up to it, plans for a week more."""
    start = date.fromisoformat(FIRST)
    count = (date.fromisoformat(ended) - start).days + 1
    hours, visitors = draws()
    moments = [
        datetime(start.year, 1, 1, 9) + timedelta(days=n) for n in range(count + KNOWN_AHEAD)
    ]
    plan = pd.DataFrame(
        {
            "shop": [*SHOPS] * len(moments),
            "at": np.repeat(moments, len(SHOPS)),
            "hours": hours[: len(moments)].ravel(),
            "visitors": visitors[: len(moments)].ravel(),
        }
    )
    engine = sa.create_engine(f"sqlite:///{source}")
    with closing(engine.raw_connection()):
        types = {"at": sa.DateTime()}
        rows = plan.drop(columns="visitors")
        rows.to_sql("plan", engine, index=False, dtype=types, if_exists="replace")
        rows = plan.drop(columns="hours").iloc[: count * len(SHOPS)]
        rows.to_sql("visits", engine, index=False, dtype=types, if_exists="replace")
    engine.dispose()


def morning(day: str) -> datetime:
    """Six o'clock on a day."""
    return datetime.fromisoformat(day).replace(hour=6, tzinfo=UTC)


def work(project: Project) -> list[Tick]:
    """Everything that the sensors request on one morning."""
    return run_requested(project, "shops__new_days", "shops__days", "shops__retraining")


def build(home: Path) -> None:
    """A model as of ``TODAY``."""
    new_home(home)
    write(home / "data" / "source.db", shifted(TODAY, -1))
    with (
        time_machine.travel(morning(TODAY)),
        opened(home, definitions(home / "defs", pipeline())) as project,
    ):
        run_requested(project, "shops__new_days")
        trained = project.materialize("group:shops__training or group:shops__release", TODAY)
        assert trained.succeeded, trained.failed_steps


def build_predicted(home: Path, prepared: Path) -> None:
    """The same project after the sensors' work of this morning."""
    defined = definitions(home.parent / "predicted-defs", pipeline())
    with (
        time_machine.travel(morning(TODAY)),
        opened_copy(prepared, home, defined) as project,
    ):
        work(project)


@pytest.fixture(scope="module")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a model as of ``TODAY``; shared, do not change it."""
    return build_once(tmp_path_factory, "shops", build)


@pytest.fixture(scope="module")
def predicted_home(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> Path:
    """The same after the work of this morning; shared, do not change it."""
    return build_once(
        tmp_path_factory, "shops-predicted", lambda home: build_predicted(home, trained_home)
    )


@contextmanager
def this_morning(prepared: Path, folder: Path) -> Iterator[Project]:
    """A copy of a project on the morning of ``TODAY``."""
    defined = definitions(folder / "defs", pipeline())
    with (
        time_machine.travel(morning(TODAY)),
        opened_copy(prepared, folder / "home", defined) as project,
    ):
        yield project


@pytest.fixture
def shops(tmp_path: Path, trained_home: Path) -> Iterator[Project]:
    """A project on the morning of ``TODAY``, with a model as of this day."""
    with this_morning(trained_home, tmp_path) as project:
        yield project


@pytest.fixture
def predicted(tmp_path: Path, predicted_home: Path) -> Iterator[Project]:
    """The same when the sensors request no more on this morning."""
    with this_morning(predicted_home, tmp_path) as project:
        yield project


def predictions_of(project: Project, day: str) -> pd.DataFrame:
    """The stored predictions of a day."""
    return project.lake.read("shops/predictions", [day]).reset_index(drop=True)


@pytest.mark.slow
def test_a_day_is_predicted_before_it_begins_and_joined_with_its_outcome_later(
    predicted: Project,
) -> None:
    ahead = predictions_of(predicted, TOMORROW)
    assert sorted(ahead["shop"]) == sorted(SHOPS)
    assert ahead["horizon_hours"].eq(24).all()
    assert not ahead["is_replayed"].any()
    assert not predictions_of(predicted, TODAY)["is_replayed"].any()
    assert (
        max(predicted.entries("shops/features"))
        == max(predicted.entries("shops/predictions"))
        == TOMORROW
    )
    assert max(predicted.entries("shops/retraining_decision")) == shifted(TODAY, -1)

    for day in (TOMORROW, shifted(TOMORROW, 1)):
        write(predicted.source, shifted(day, -1))
        with time_machine.travel(morning(day)):
            work(predicted)

    pd.testing.assert_frame_equal(predictions_of(predicted, TOMORROW), ahead)
    labels = predicted.lake.read("shops/labels", [TOMORROW])
    joined = labels.merge(ahead, on="prediction_id", suffixes=("", "_ahead"))
    assert len(joined) == len(SHOPS)
    assert (joined["prediction"] == joined["prediction_ahead"]).all()
    performance = predicted.lake.read("shops/performance", [TOMORROW]).set_index("metric")["value"]
    assert performance["label_coverage"] == 1
    assert max(predicted.entries("shops/retraining_decision")) == TOMORROW
    assert max(predicted.entries("shops/predictions")) == shifted(TOMORROW, 2)


def test_a_row_that_is_added_to_the_plan_is_predicted_in_time(predicted: Project) -> None:
    ahead = predictions_of(predicted, TOMORROW)
    predicted.sql("INSERT INTO plan VALUES ('east', ?, 8.0)", f"{TOMORROW} 09:00:00.000000")

    work(predicted)

    found = predictions_of(predicted, TOMORROW)
    assert sorted(found["shop"]) == sorted([*SHOPS, "east"])
    assert not found["is_late"].any()
    assert not found["is_replayed"].any()
    same = found[found["shop"] != "east"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, ahead)
    assert max(predicted.entries("shops/retraining_decision")) == shifted(TODAY, -1)


@pytest.mark.slow
def test_a_row_that_is_added_after_its_day_is_late(predicted: Project) -> None:
    write(predicted.source, TOMORROW)
    with time_machine.travel(morning(shifted(TOMORROW, 1))):
        work(predicted)
        predicted.sql("INSERT INTO plan VALUES ('east', ?, 8.0)", f"{TOMORROW} 09:00:00.000000")
        work(predicted)

    found = predictions_of(predicted, TOMORROW).set_index("shop")
    assert found["is_late"].to_dict() == dict.fromkeys(SHOPS, False) | {"east": True}
    assert found["is_replayed"].to_dict() == found["is_late"].to_dict()


@pytest.mark.slow
def test_a_model_of_a_later_day_does_not_predict_an_earlier_one(predicted: Project) -> None:
    made_by = predictions_of(predicted, TOMORROW)["model_as_of"].unique()
    trained = predicted.materialize("group:shops__training or group:shops__release", TOMORROW)
    assert trained.succeeded, trained.failed_steps
    predicted.lake.ledger.append([Entry("shops/predictions", TOMORROW, Status.WRITING)])

    again = predicted.materialize('key:"shops/predictions"', TOMORROW)

    assert again.succeeded, again.failed_steps
    assert [*made_by] == [TODAY]
    assert [*predictions_of(predicted, TOMORROW)["model_as_of"].unique()] == [TODAY]


def test_a_day_that_was_due_before_the_first_model_is_skipped_with_both_days(
    shops: Project,
) -> None:
    assert shops.materialize('key:"shops/features"', TODAY).succeeded
    shops.materialize('key:"shops/predictions"', TODAY)

    assert shops.entries("shops/predictions")[TODAY].reason.startswith(
        f"not predicted: no champion serves on {shifted(TODAY, -1)}, when {TODAY} is predicted."
    )


@pytest.mark.slow
def test_a_day_without_outcomes_does_not_stop_later_days(shops: Project) -> None:
    shops.sql("DELETE FROM visits WHERE at LIKE ?", f"{TODAY}%")
    write(shops.source, TOMORROW)
    shops.sql("DELETE FROM visits WHERE at LIKE ?", f"{TODAY}%")

    with time_machine.travel(morning(shifted(TOMORROW, 1))):
        work(shops)

    assert shops.entries("shops/visits")[TODAY].status is Status.QUARANTINED
    assert max(shops.entries("shops/retraining_decision")) == TOMORROW


def test_a_model_can_be_trained_as_of_a_day_that_has_begun(shops: Project) -> None:
    graph = shops.definitions.resolve_asset_graph()

    last = {
        table: graph.get(AssetKey(["shops", table])).partitions_def.get_last_partition_key()
        for table in ("model", "features", "visits")
    }

    assert last == {"model": TODAY, "features": shifted(TODAY, 3), "visits": shifted(TODAY, -1)}


@pytest.mark.parametrize("sensors", ["running", "stopped"])
@pytest.mark.parametrize("default", ["running", "stopped"])
def test_a_sensor_runs_if_neither_its_document_nor_the_environment_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, default: str, sensors: str
) -> None:
    monkeypatch.setenv("ML_ASSETS_SENSORS", sensors)
    settings.cache_clear()
    name = f"name: shops__new_days\n  default_status: {default}"
    text = pipeline().replace("name: shops__new_days", name)

    found = definitions(tmp_path / "defs", text).resolve_sensor_def("shops__new_days")

    assert (found.default_status.value == "RUNNING") == (default == sensors == "running")
    settings.cache_clear()


@pytest.mark.parametrize("trigger", ["", '\n  schedule: "0 6 * * *"'], ids=["sensor", "schedule"])
def test_tables_with_other_partitions_load_in_one_code_location(
    tmp_path: Path, trigger: str
) -> None:
    text = pipeline().replace("name: shops__new_days", f"name: shops__new_days{trigger}")

    repository = definitions(tmp_path / "defs", text).get_repository_def()

    repository.load_all_definitions()
    assert repository.has_job("__ASSET_JOB")


def test_nothing_is_requested_before_the_next_day_ends(predicted: Project) -> None:
    reasons = {name: tick(predicted, name) for name in ("shops__new_days", "shops__days")}

    assert not any(one.requests for one in reasons.values())
    assert f"{TODAY} waits for its outcomes, shops/outcomes" in reasons["shops__days"].reason
    assert "waits for shops/visits, which is complete up to" in reasons["shops__new_days"].reason


def test_a_day_that_reads_only_its_past_is_ready_when_that_is_complete(shops: Project) -> None:
    days = [shifted(TODAY, count) for count in (-1, 0, 1)]

    states = {
        table: [day for day in days if day in shops.entries(f"shops/{table}")]
        for table in ("plan", "visits", "features", "outcomes")
    }

    assert states == {"plan": days, "visits": days[:1], "features": days, "outcomes": days[:1]}


def test_a_day_without_the_last_day_that_it_reads_is_skipped(shops: Project) -> None:
    early = shifted(TOMORROW, 1)
    shops.materialize('key:"shops/plan"', early)

    outcome = shops.materialize('key:"shops/features"', early)

    assert not outcome.succeeded
    entry = shops.entries("shops/features")[early]
    assert entry.reason == f"shops/visits {TODAY} is not materialized"


@pytest.mark.slow
def test_only_days_with_other_rows_than_the_plan_are_quarantined(tmp_path: Path) -> None:
    new_home(tmp_path)
    write(tmp_path / "data" / "source.db", shifted(TODAY, -1))
    text = pipeline(function="features_without_a_shop")
    with (
        time_machine.travel(morning(TODAY)),
        opened(tmp_path, definitions(tmp_path / "defs", text)) as project,
    ):
        project.sql("DELETE FROM plan WHERE shop = 'west' AND at LIKE ?", f"{TOMORROW}%")
        run_requested(project, "shops__new_days")

        entries = project.entries("shops/features")

    assert entries[TODAY].status is Status.QUARANTINED
    assert entries[TODAY].reason.startswith("1 rows of 'plan' have no row, such as ('west'")
    assert entries[TOMORROW].status is Status.STORED


@pytest.mark.parametrize(
    ("window", "rows", "reason"),
    [
        pytest.param("{from: -1d, to: -8d}", "plan", "it ends before it begins", id="empty"),
        pytest.param("{from: -8d, to: 2d}", "plan", "would read the future", id="the future"),
        pytest.param(
            "{from: -8d, to: -12h}", "plan", "not a whole number of daily", id="half days"
        ),
        pytest.param("{from: 8 days, to: 0d}", "plan", "is not an offset", id="no offset"),
        pytest.param("{from: -8d}", "plan", "'inputs.visits.window.to' is missing", id="no end"),
        pytest.param(
            "{from: -8d, until: 0d}", "plan", "expected one of from, to", id="another key"
        ),
        pytest.param("{from: -8d, to: 0d}", "plans", "Did you mean 'plan'", id="unknown rows"),
        pytest.param("{from: -8d, to: 0d}", "visits", "window excludes", id="rows of the past"),
    ],
)
def test_wrong_windows_are_refused(tmp_path: Path, window: str, rows: str, reason: str) -> None:
    text = pipeline(window, rows)

    graph = definitions(tmp_path / "defs", text).resolve_asset_graph()

    problems = broken_assets(graph)
    assert reason in problems["shops/features"]
