"""Dagster's storage: SQLite under ``data/``, or Postgres when its URL is set.

The SQLite event log here stores a batch of events in one transaction per file, whereas stock
Dagster opens two files and commits twice for every event. The stored data is the same. Batches with
other types of events are stored by stock Dagster.
"""

import contextlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from dagster import AssetCheckEvaluation, DagsterEventType, EventLogEntry
from dagster._core.events import BATCH_WRITABLE_EVENTS
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as CheckStatus,
)
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as ChecksTable
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as EventsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData, serialize_value
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from ml_assets.data_folder import keep_private
from ml_assets.orchestration.storage.sqlite import RunStorage, ScheduleStorage, has_revision
from ml_assets.settings import settings, with_driver

ASSET_EVENTS = {
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_OBSERVATION,
}
CHECK_EVENTS = {
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
}

KEPT_ENGINES = 8
"""Number of open files: the index and those of the newest runs."""

CHECK_OF_DAY = ("asset_key", "check_name", "run_id", "partition")
"""Columns of a unique index on check results, which does not cover rows with nulls."""


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """Stock SQLite event log, with batches written in one transaction per file."""

    _empty_file: ClassVar[bytes] = b""
    """The file of a run without events, once this process created one."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._shared = threading.local()
        self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
        self._known_tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        """As in stock Dagster, but reuses engines, which take longer to create than to store an event."""
        with self._db_lock:
            engine = self._engine_of(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine_of(self, shard: str) -> sa.Engine:
        if shard not in self._engines:
            self._engines[shard] = sa.create_engine(
                self.conn_string_for_shard(shard),
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
        self._engines.move_to_end(shard)
        if len(self._engines) > KEPT_ENGINES:
            self._engines.popitem(last=False)[1].dispose()
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """As in stock Dagster, which opens the file again for every event of a check."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def dispose(self) -> None:
        """Close the files."""
        for engine in self._engines.values():
            engine.dispose()
        super().dispose()

    def _initdb(self, engine: sa.Engine, for_index_shard: bool = False) -> None:
        """As in stock Dagster, but reads alembic's revisions, which takes as long as a small run, only once.

        An initialized file stays as it is; a run's new file is a copy of the first one.
        """
        path = Path(str(engine.url.database))
        is_new = not path.exists() and not for_index_shard
        if is_new and self._empty_file:
            with contextlib.suppress(FileExistsError), path.open("xb") as file:
                file.write(self._empty_file)
            return
        if not is_new and has_revision(engine):
            return
        super()._initdb(engine, for_index_shard)
        if is_new:
            with contextlib.closing(sqlite3.connect(path)) as connection:
                type(self)._empty_file = connection.serialize()  # noqa: SLF001

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run; the result equals storing them one by one.

        The index is written first. If it rejects the batch, nothing is stored, so the instance can
        store the events one by one without duplicates.
        """
        known = all(_type(event) in ASSET_EVENTS | CHECK_EVENTS for event in events)
        if not known or len({event.run_id for event in events}) != 1:
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        with self.index_connection() as connection:
            self._shared.connection = connection
            try:
                self._mirror(connection, events, rows)
            finally:
                self._shared.connection = None
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(EventsTable.insert(), rows)

    def index_connection(self) -> AbstractContextManager[sa.Connection]:
        """A connection to the index file; inside a batch, the one of the open transaction."""
        shared = getattr(self._shared, "connection", None)
        return super().index_connection() if shared is None else nullcontext(shared)

    def _mirror(
        self, connection: sa.Connection, events: Sequence[EventLogEntry], rows: list[dict[str, Any]]
    ) -> None:
        insert = EventsTable.insert().returning(EventsTable.c.id, sort_by_parameter_order=True)
        stored = list(zip(connection.scalars(insert, rows).all(), events, strict=True))
        of_assets = [(id_, event) for id_, event in stored if _type(event) in ASSET_EVENTS]
        self._store_asset_event_tags(
            connection, [event for _, event in of_assets], [id_ for id_, _ in of_assets]
        )
        last_of_each = {
            (_type(event), event.get_dagster_event().asset_key): (id_, event)
            for id_, event in of_assets
        }
        for id_, event in sorted(last_of_each.values(), key=lambda pair: pair[0]):
            self._store_asset_event(connection, event, id_)
        if not _update_planned(connection, stored, rows):
            for id_, event in stored:
                if _type(event) in CHECK_EVENTS:
                    self.store_asset_check_event(event, id_)

    def _store_asset_check_evaluation_planned(
        self, event: EventLogEntry, event_id: int | None
    ) -> None:
        """As in stock Dagster, but serializes the event once instead of once per day."""
        planned = event.get_dagster_event().asset_check_planned_data
        days = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": CheckStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": datetime.fromtimestamp(event.timestamp, UTC),
            "evaluation_event_storage_id": event_id,
        }
        partitions = days.get_partition_keys() if days else [None]
        rows = [{**row, "partition": partition} for partition in partitions]
        with self.index_connection() as connection:
            connection.execute(ChecksTable.insert(), rows)


def _update_planned(
    connection: sa.Connection,
    stored: Sequence[tuple[int, EventLogEntry]],
    rows: Sequence[dict[str, Any]],
) -> bool:
    """Update the planned rows of a run's check results in one statement.

    Returns:
        Whether every event was a result with exactly one planned row. Otherwise the caller must
        store all events by stock Dagster, which handles the other cases.
    """
    results = [
        _result(id_, row, data)
        for (id_, event), row in zip(stored, rows, strict=True)
        if isinstance(data := event.get_dagster_event().event_specific_data, AssetCheckEvaluation)
        if data.partition and row["run_id"]
    ]
    if len(results) < len(stored):
        return False
    planned = [ChecksTable.c[name] == sa.bindparam(f"of_{name}") for name in CHECK_OF_DAY]
    update = ChecksTable.update().where(*planned)
    return connection.execute(update, results).rowcount == len(results)


def _result(id_: int, row: dict[str, Any], evaluation: AssetCheckEvaluation) -> dict[str, Any]:
    status = CheckStatus.SUCCEEDED if evaluation.passed else CheckStatus.FAILED
    target = evaluation.target_materialization_data
    return {
        "of_asset_key": evaluation.asset_key.to_string(),
        "of_check_name": evaluation.check_name,
        "of_run_id": row["run_id"],
        "of_partition": evaluation.partition,
        "execution_status": status.value,
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": id_,
        "materialization_event_storage_id": target.storage_id if target else None,
    }


def _type(event: EventLogEntry) -> DagsterEventType | None:
    return event.dagster_event_type if event.is_dagster_event else None


class BatchingSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with the batching event log and kept engines."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        runs, events, schedules = (
            self._run_storage,
            self._event_log_storage,
            self._schedule_storage,
        )
        self._run_storage = RunStorage(runs._conn_string)  # noqa: SLF001
        self._event_log_storage = BatchingSqliteEventLogStorage(events._base_dir)  # noqa: SLF001
        self._schedule_storage = ScheduleStorage(schedules._conn_string)  # noqa: SLF001


class QuietPostgresEventLogStorage(PostgresEventLogStorage):
    """Postgres event log that avoids the error stock Dagster logs for batches of check results."""

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one batch if Postgres supports it, otherwise one by one."""
        if all(_type(event) in BATCH_WRITABLE_EVENTS for event in events):
            super().store_event_batch(events)
            return
        for event in events:
            self.store_event(event)


class PostgresStorage(DagsterPostgresStorage):
    """Dagster's Postgres storage with ``QuietPostgresEventLogStorage``."""

    def __init__(self, url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(url, inst_data=inst_data)
        self._event_log_storage = QuietPostgresEventLogStorage(url)


class InstanceStorage(DagsterStorage, ConfigurableClass):
    """The storage in ``dagster.yaml``, which selects the database when an instance is opened."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Empty: URL and folder come from ``ML_ASSETS_…`` settings."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> DagsterStorage:
        """Postgres when ``ML_ASSETS_POSTGRES_URL`` is set, otherwise SQLite under ``data/``."""
        del config_value
        keep_private(settings().data)
        url = settings().postgres_url
        if url is None:
            return BatchingSqliteStorage.from_local(
                str(settings().data / "dagster"), inst_data=inst_data
            )
        return PostgresStorage(with_driver(url.get_secret_value()), inst_data=inst_data)
