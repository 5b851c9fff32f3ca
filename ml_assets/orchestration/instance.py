"""Dagster's own storage: SQLite under ``data/``, or Postgres when its URL is set.

The SQLite event log here stores a batch of events in one transaction per file, where stock
Dagster opens two files and commits twice for every event. What it stores is the same; a batch
with an event it does not know goes the stock way. Besides ``range_events`` this is the only
module that may import Dagster's private parts.
"""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy.engine import Connection

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


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """Stock SQLite event log, with batches written in one transaction per file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._shared = threading.local()
        super().__init__(base_dir, inst_data)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run; the result equals storing them one by one."""
        if len({event.run_id for event in events}) != 1 or not all(map(_is_known, events)):
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        with self.index_connection() as connection:
            self._shared.connection = connection
            try:
                self._mirror(connection, events, rows)
            finally:
                self._shared.connection = None

    def index_connection(self) -> AbstractContextManager[Connection]:
        """The index file; inside a batch, the transaction that is already open on it."""
        shared = getattr(self._shared, "connection", None)
        return super().index_connection() if shared is None else nullcontext(shared)

    def _mirror(
        self, connection: Connection, events: Sequence[EventLogEntry], rows: list[dict[str, Any]]
    ) -> None:
        insert = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        stored = list(zip(connection.scalars(insert, rows).all(), events, strict=True))
        of_assets = [(id_, event) for id_, event in stored if _type(event) in ASSET_EVENTS]
        self._store_asset_event_tags(
            connection, [event for _, event in of_assets], [id_ for id_, _ in of_assets]
        )
        last_of_each = {(_type(event), _asset(event)): (id_, event) for id_, event in of_assets}
        for id_, event in sorted(last_of_each.values(), key=lambda pair: pair[0]):
            self._store_asset_event(connection, event, id_)
        for id_, event in stored:
            if _type(event) in CHECK_EVENTS:
                self.store_asset_check_event(event, id_)


def _type(event: EventLogEntry) -> DagsterEventType | None:
    return event.dagster_event_type if event.is_dagster_event else None


def _asset(event: EventLogEntry) -> str:
    key = event.get_dagster_event().asset_key
    return key.to_string() if key else ""


def _is_known(event: EventLogEntry) -> bool:
    return _type(event) in ASSET_EVENTS | CHECK_EVENTS


class BatchingSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with the batching event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        stock = self._event_log_storage
        self._event_log_storage = BatchingSqliteEventLogStorage(stock._base_dir)  # noqa: SLF001


class InstanceStorage(DagsterStorage, ConfigurableClass):
    """What ``dagster.yaml`` names: chooses the database when an instance is opened."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Takes no configuration: URL and folder come from ``ML_ASSETS_…`` settings."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Any:
        """Postgres when ``ML_ASSETS_POSTGRES_URL`` is set, otherwise SQLite under ``data/``."""
        del config_value
        url = settings().postgres_url
        if url is None:
            return BatchingSqliteStorage.from_local(
                str(settings().data / "dagster"), inst_data=inst_data
            )
        return DagsterPostgresStorage(with_driver(url.get_secret_value()), inst_data=inst_data)
