"""A project with a champion of its first three weeks, and the client's days that arrive after them."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ml_assets.definitions import project_definitions
from ml_assets.defs.sources.load import DAILY, TIMEZONE, load, reference_table
from ml_assets.ledger.entries import Entry
from ml_assets.orchestration.runs.runs import RunOutcome, project_instance
from ml_assets.settings import settings
from ml_assets_tests.prepared import LOOP, TRAINING
from ml_assets_tests.project import ROOT, Project
from ml_assets_tests.soak.comparison import Histories, Node
from ml_assets_tests.soak.faults import Change
from ml_assets_tests.soak.schedule import DAYS, FIRST_DAY, day_after
from ml_assets_tests.weather_table import weather_table

WRITTEN = "%Y-%m-%d %H:%M:%S.%f"
"""How the source database writes times."""

PIPELINES = {
    "flight_delays": {
        "monitoring": {"policy": "never"},
        "test_window": "7d",
        "release": {
            "rule": "literal",
            "margin": None,
            "max_group_gap": 0.5,
            "min_segment_rows": 100,
        },
    }
}
"""One champion serves for the whole soak, so that both projects ask the same model. It knows nine days
and is tested on seven; gates are as wide as these few rows need."""
INTERVALS = {
    "run_monitoring": {"poll_interval_seconds": 1, "start_timeout_seconds": 90},
    "run_queue": {"dequeue_interval_seconds": 1},
}
"""What differs from the project's ``dagster.yaml``, so that nothing waits for minutes."""


@contextmanager
def opened(home: Path) -> Iterator[Project]:
    """The project in a folder, with settings and environment of its own."""
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    for section, values in INTERVALS.items():
        instance[section] = {**instance.get(section, {}), **values}
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "DAGSTER_HOME": str(home),
            "DAGSTER_EVENT_BATCH_SIZE": "500",
            "ML_ASSETS_DATA": str(data),
            "ML_ASSETS_COMPUTE_LOGS": str(data / "dagster" / "compute_logs"),
            "ML_ASSETS_RETRY_WAITS": "[]",
            "ML_ASSETS_SENSORS": "running",
            "ML_ASSETS_SENSOR_SECONDS": "1",
            "ML_ASSETS_PIPELINES": json.dumps(PIPELINES),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }.items():
            environment.setenv(name, value)
        environment.delenv("ML_ASSETS_POSTGRES_URL", raising=False)
        settings.cache_clear()
        with project_instance() as opened_instance:
            yield Project(data, project_definitions(), opened_instance)
    settings.cache_clear()


def build_champion(home: Path) -> None:
    """Days before the soak, and the champion that serves during it."""
    day_before = day_after(FIRST_DAY, -1)
    with opened(home) as project:
        load(project.systems, lambda *reported: None, day_before)
        _succeeds(project.materialize_daily(f"2013-01-01...{day_before}"))
        _succeeds(project.materialize(TRAINING, FIRST_DAY))
        assert project.entries("flight_delays/champion")[FIRST_DAY].rows == 1
        _succeeds(project.materialize(LOOP, day_before))


def undisturbed(home: Path, days: Sequence[str]) -> Histories:
    """What is recorded after days without faults, done in one process."""
    with opened(home) as project:
        for day in days:
            arrive(project.source, day)
        span = f"{days[0]}...{days[-1]}"
        _succeeds(project.materialize_daily(span))
        _succeeds(project.materialize(LOOP, span))
        return histories(project)


def histories(project: Project) -> Histories:
    """Everything that is recorded of the project."""
    found: dict[Node, list[Entry]] = {}
    ledger = project.lake.ledger
    for table in ledger.tables():
        for entry in ledger.history(table):
            found.setdefault((table, entry.day), []).append(entry)
    return found


@cache
def _days_of(table: str) -> dict[str, pd.DataFrame]:
    rows = reference_table(table, day_after(FIRST_DAY, DAYS + 1))
    local = rows["time_hour"].dt.tz_localize("UTC").dt.tz_convert(TIMEZONE).dt.strftime("%Y-%m-%d")
    return dict(list(rows.groupby(local)))


def arrive(source: Path, day: str, *changes: Change) -> None:
    """Add the rows of a day to the source, with further changes; readers see all or nothing."""

    def add(connection: sqlite3.Connection, day: str) -> None:
        for table in DAILY:
            rows = _days_of(table)[day]
            written = rows.assign(time_hour=rows["time_hour"].dt.strftime(WRITTEN))
            written.to_sql(table, connection, index=False, if_exists="append")

    change(source, day, add, *changes)


def change(source: Path, day: str, *changes: Change) -> None:
    """Change the source systems; readers see all of a file or nothing."""
    shutil.copy(source, _draft(source))
    with closing(sqlite3.connect(_draft(source))) as connection, connection:
        connection.execute("BEGIN")
        with weather_table(connection, source.parent):
            for one in changes:
                one(connection, day)
    _draft(source).replace(source)


def _draft(source: Path) -> Path:
    return source.with_suffix(".draft")


def _succeeds(outcome: RunOutcome) -> None:
    assert outcome.succeeded, outcome.failed_steps
