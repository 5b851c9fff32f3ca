"""A table with a label needs 25 lines of YAML and one feature function, by days and by weeks."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import sqlalchemy as sa

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, computed
from ml_assets.monitoring.contracts.retraining import KEEP
from ml_assets.monitoring.drift import LEAST_ROWS
from ml_assets.release.decision import parse_findings
from ml_assets_tests.components.shop import UTC, definitions
from ml_assets_tests.prepared import new_home, nouns_of, opened, tick
from ml_assets_tests.project import Project

MOST_YAML_LINES, MOST_LINES = 25, 60


class Rides(Contract):
    """Bikes that were rented in a day or a week; in some nobody counted."""

    at: pd.DatetimeTZDtype = pa.Field(description="Its first moment.", dtype_kwargs=UTC)
    count: float = pa.Field(ge=0, description="Number of rides.")

    class Config:
        """A partition is a row, or none."""

        unique: ClassVar = ["at"]
        metadata: ClassVar = {"may_be_empty": True}


class RidesBefore(Contract):
    """What was known when a day or a week began."""

    at: pd.DatetimeTZDtype = computed("Its first moment.", [], dtype_kwargs=UTC)
    last: float = computed("The last count before.", ["rides.count"], nullable=True)
    before: float = computed("The count two before.", ["rides.count"], nullable=True)

    class Config:
        """One row."""

        unique: ClassVar = ["at"]


def rides_before(days: Sequence[str], *, rides: pd.DataFrame) -> pd.DataFrame:
    """The feature function: the last two counts before each partition."""
    known = rides.sort_values("at")
    known = known.assign(last=known["count"], before=known["count"].shift(1))
    wanted = pd.DataFrame({DAY: list(days), "at": pd.to_datetime(list(days), utc=True)})
    wanted["at"] = wanted["at"].dt.as_unit("us")
    return pd.merge_asof(
        wanted.sort_values("at"),
        known[["at", "last", "before"]],
        on="at",
        allow_exact_matches=False,
    )


PIPELINE = """
type: ml_assets.components.Defaults
attributes: {{owners: ["team:bikes"], days: {days}}}
---
type: ml_assets.components.SourceTable
attributes:
  key: bikes/rides
  table: rides
  time_column: at
  contract: {where}.Rides
---
type: ml_assets.components.FeatureTable
attributes:
  key: bikes/rides_before
  function: {where}.rides_before
  contract: {where}.RidesBefore
  days: {{first: "{first}"}}
  inputs: {{rides: {{asset: bikes/rides, window: {{from: -{look_back}, to: 0d}}}}}}
---
type: ml_assets.components.NewDays
---
type: ml_assets.components.ModelPipeline
attributes:
  features: bikes/rides_before
  labels: {{asset: bikes/rides, column: count}}
  estimator: {{task: regression, path: sklearn.linear_model.Ridge, hyperparameters: {{random_state: 0}}}}
"""


@dataclass(frozen=True)
class Table:
    """A table of rides, and the partitions that the test is about.

    Attributes:
        days: value of ``days`` in the YAML.
        first: first day with features.
        look_back: time before a partition that its features read.
        step: time between two rows.
        rows: number of rows.
        missing: numbers of the rows that are missing.
        as_of: as-of day of the first model.
        scored: partitions after it.
        known: all partitions before and in these.
    """

    days: str
    first: str
    look_back: str
    step: pd.Timedelta
    rows: int
    missing: frozenset[int]
    as_of: str
    scored: str
    known: str

    @property
    def text(self) -> str:
        """Its ``defs.yaml``."""
        return PIPELINE.format(
            where=__name__, days=self.days, first=self.first, look_back=self.look_back
        )


WEEKS = "weeks, some of them missing"
TABLES = {
    "days": Table(
        days='{first: "2023-01-02", last: "2023-09-30"}',
        first="2023-01-16",
        look_back="14d",
        step=pd.Timedelta(days=1),
        rows=272,
        missing=frozenset(),
        as_of="2023-09-01",
        scored="2023-09-01...2023-09-10",
        known="2023-01-02...2023-09-30",
    ),
    WEEKS: Table(
        days='{first: "2019-01-07", last: "2023-12-31", cadence: weekly}',
        first="2019-03-04",
        look_back="8w",
        step=pd.Timedelta(weeks=1),
        rows=260,
        missing=frozenset({30, 31, 32, 90, 170, 215, 251}),
        as_of="2023-09-04",
        scored="2023-09-04...2023-11-06",
        known="2019-01-07...2023-12-25",
    ),
}


@pytest.fixture(
    params=[
        pytest.param(table, id=name, marks=() if name == WEEKS else pytest.mark.slow)
        for name, table in TABLES.items()
    ]
)
def table(request: pytest.FixtureRequest) -> Table:
    """Each of the tables."""
    found: Table = request.param
    return found


@pytest.fixture
def bikes(tmp_path: Path, table: Table) -> Iterator[Project]:
    """A project with the pipeline of a table and its source database."""
    new_home(tmp_path)
    write(tmp_path / "data" / "source.db", table)
    with opened(tmp_path, definitions(tmp_path / "defs", table.text)) as project:
        yield project


def write(file: Path, table: Table) -> None:
    """The source database: counts that follow from the count before."""
    random = np.random.default_rng(0)
    first = pd.Timestamp(table.days.split('"')[1])
    level, rows = 100.0, []
    for number in range(table.rows):
        level = 100 + 0.9 * (level - 100) + random.normal(0, 10)
        rows.append({"at": first + number * table.step, "count": max(level, 0.0)})
    known = [row for number, row in enumerate(rows) if number not in table.missing]
    engine = sa.create_engine(f"sqlite:///{file}")
    with closing(engine.raw_connection()):
        pd.DataFrame(known).to_sql("rides", engine, index=False, dtype={"at": sa.DateTime()})
    engine.dispose()


def test_the_pipeline_is_short(table: Table) -> None:
    yaml = table.text.strip().splitlines()
    python = [inspect.getsource(part) for part in (Rides, RidesBefore, rides_before)]
    lines = [line for text in python for line in text.splitlines() if line.strip()]
    assert len(yaml) <= MOST_YAML_LINES
    assert len(yaml) + len(lines) <= MOST_LINES


@pytest.mark.slow
def test_a_table_goes_from_its_source_to_a_retraining_decision(
    bikes: Project, table: Table
) -> None:
    [request] = tick(bikes, "bikes__new_days").requests
    assert nouns_of(request) == ["rides"]  # until the first day with features
    extracted = bikes.materialize("group:bikes__tables", table.known)
    assert extracted.succeeded, extracted.failed_steps
    of_features = f"{table.first}...{table.known.rpartition('...')[2]}"
    known = bikes.materialize("group:bikes__features", of_features)
    assert known.succeeded, known.failed_steps
    trained = bikes.materialize("group:bikes__training or group:bikes__release", table.as_of)
    assert trained.succeeded, trained.failed_steps
    scored = bikes.materialize("group:bikes__predictions or group:bikes__monitoring", table.scored)
    assert scored.succeeded, scored.failed_steps

    assert len(bikes.lake.read("bikes/rides")) == table.rows - len(table.missing)
    [decision] = bikes.lake.read("bikes/release_decision", [table.as_of]).to_dict("records")
    assert decision["verdict"] == "passed", decision["reason"]
    findings = parse_findings(decision["findings"])
    assert "fairness was not judged" in findings["groups_are_close"].reason
    assert "no segment is configured" in findings["no_segment_degraded"].reason
    [card] = bikes.lake.read("bikes/model_card", [table.as_of]).to_dict("records")
    assert "No segment is configured" in card["markdown"]
    assert "fairness was not judged" in card["markdown"]
    predicted = bikes.lake.read("bikes/predictions")
    labels = bikes.lake.read("bikes/labels")
    assert len(predicted) == 10
    assert 8 <= len(labels) <= 10
    drift = bikes.lake.read("bikes/drift_report")
    assert drift["is_judged"].any() == (drift["rows"].max() >= LEAST_ROWS)
    assert not drift.loc[drift["is_judged"], "drifted"].any()
    decided = bikes.lake.read("bikes/retraining_decision")
    assert set(decided["verdict"]) == {KEEP}
    assert tick(bikes, "bikes__days").requests
