"""Dagster's SQLite storages of runs and schedules, which here reuse their engines."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import sqlalchemy as sa
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage


class _OneEngine:
    """Base of a storage with one engine: a new one compiles every statement again."""

    _conn_string: str

    @cached_property
    def _engine(self) -> sa.Engine:
        return sa.create_engine(self._conn_string, poolclass=sa.NullPool)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """A connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection


class RunStorage(_OneEngine, SqliteRunStorage):
    """Runs. Stock Dagster looks up the columns of their table up to five times in each run."""

    _has_times = _has_backfill_id = False

    def has_run_stats_index_cols(self) -> bool:
        """Whether the table has the times of runs, which a migration adds; looked up until it has."""
        self._has_times = self._has_times or super().has_run_stats_index_cols()
        return self._has_times

    def has_backfill_id_column(self) -> bool:
        """Whether the table has the backfills of runs, which a migration adds; looked up until it has."""
        self._has_backfill_id = self._has_backfill_id or super().has_backfill_id_column()
        return self._has_backfill_id


class ScheduleStorage(_OneEngine, SqliteScheduleStorage):
    """Sensors, schedules and their ticks."""


def has_revision(engine: sa.Engine) -> bool:
    """Whether a file contains all tables: alembic's revision is what Dagster writes last."""
    with engine.connect() as connection:
        return sa.inspect(connection).has_table("alembic_version") and bool(
            connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        )
