"""Dagster's storages on SQLite."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage

from ml_assets.orchestration.storage.sqlite import RunStorage


@pytest.mark.parametrize(
    ("question", "column"),
    [
        (RunStorage.has_run_stats_index_cols, "start_time"),
        (RunStorage.has_backfill_id_column, "backfill_id"),
    ],
    ids=["times of runs", "backfills of runs"],
)
def test_a_column_that_a_migration_adds_is_found(
    tmp_path: Path, question: Callable[[RunStorage], bool], column: str
) -> None:
    storage = RunStorage(SqliteRunStorage.from_local(str(tmp_path))._conn_string)

    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        connection.execute(f"ALTER TABLE runs RENAME COLUMN {column} TO earlier")
        assert not question(storage)
        connection.execute(f"ALTER TABLE runs RENAME COLUMN earlier TO {column}")

    assert question(storage)
