"""The prediction log on SQLite or Postgres: entries are added once, and read by day.

An entry is logged when ``append`` returns: its transaction is committed and on the disk.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ml_assets.errors import PredictionLogUnavailable
from ml_assets.ledger.database import LedgerDatabase, stored_time
from ml_assets.online.prediction_log.encoding import entry_of, row_of
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.erasures import Erasure
from ml_assets.online.prediction_log.tables import (
    create_tables,
    erased_events,
    erasures,
    insert_new,
    logged_predictions,
)

KEYS_AT_ONCE = 500
"""Ids or days of one query; databases limit the number of its parameters."""

PAGE = 2_000
"""Entries that are in memory at once where a day is read in pages."""

WAIT_SECONDS = 5.0

_columns = logged_predictions.c

_CHANGE_NOTHING = sa.update(logged_predictions).where(_columns.event_id == "").values(event_id="")
"""Needs the lock of a writer, and writes nothing: no event has an empty id."""


class PredictionLog(LedgerDatabase):
    """Every prediction that services answered.

    Args:
        url: SQLAlchemy URL, SQLite or Postgres; the table is created when it is missing.
        wait_seconds: how long an access waits for others, and for the database, before it fails.
    """

    _name = "prediction log"
    _unavailable = PredictionLogUnavailable

    def __init__(self, url: str | sa.URL, wait_seconds: float = WAIT_SECONDS) -> None:
        super().__init__(url, create_tables, wait_seconds)

    def append(self, entries: Sequence[LoggedPrediction]) -> dict[str, LoggedPrediction]:
        """Log entries in one transaction, each unless its event is logged.

        Args:
            entries: entries; of several of one event, the first is logged.

        Returns:
            Event id → the logged entry, of the events that had been logged before.

        Raises:
            PredictionLogUnavailable: the database does not answer in time; nothing is logged.
            ContractViolation: an id or a value cannot be stored; nothing is logged.
        """
        # In order of their ids, so that writers do not wait for each other's rows in a circle.
        by_id = {entry.event_id: entry for entry in reversed(entries)}
        rows = [row_of(by_id[event_id]) for event_id in sorted(by_id)]
        if not rows:
            return {}
        with self._transaction() as connection:
            new = {*connection.scalars(insert_new(connection.dialect.name), rows)}
            return {
                entry.event_id: entry
                for entry in _found(connection, _columns.event_id, by_id.keys() - new)
            }

    def entries(self, event_ids: Sequence[str]) -> dict[str, LoggedPrediction]:
        """Event id → its entry, of the events that are logged."""
        with self._transaction() as connection:
            found = _found(connection, _columns.event_id, event_ids)
            return {entry.event_id: entry for entry in found}

    def find(self, event_id: str) -> LoggedPrediction | None:
        """The entry of an event; None if it is not logged."""
        with self._transaction() as connection:
            return next(_found(connection, _columns.event_id, [event_id]), None)

    def read(self, pipeline: str, days: Sequence[str]) -> list[LoggedPrediction]:
        """The entries of a pipeline's days, by day in the order of their answers."""
        with self._transaction() as connection:
            found = _found(connection, _columns.day, days, _columns.pipeline == pipeline)
            return sorted(found, key=lambda one: (one.day, one.answered_at, one.event_id))

    def answers(self, pipeline: str, day: str, prediction_id: str) -> list[LoggedPrediction]:
        """The entries about a row, in the order of their answers."""
        return [one for one in self.read(pipeline, [day]) if one.prediction_id == prediction_id]

    def newest(self, pipeline: str, day: str, limit: int) -> list[LoggedPrediction]:
        """The entries of a day that were answered last, the newest first."""
        query = (
            sa.select(logged_predictions)
            .where(_columns.pipeline == pipeline, _columns.day == day)
            .order_by(_columns.answered_at.desc(), _columns.event_id.desc())
            .limit(limit)
        )
        with self._transaction() as connection:
            return [entry_of(dict(row)) for row in connection.execute(query).mappings()]

    def answered_since(
        self, pipeline: str, since: datetime, first: str, limit: int
    ) -> list[LoggedPrediction]:
        """The entries that were answered last, the newest first.

        Args:
            pipeline: name of the pipeline.
            since: only answers of this time or later.
            first: only entries of this day or later, as the log is indexed by day.
            limit: greatest number of entries.
        """
        query = (
            sa.select(logged_predictions)
            .where(
                _columns.pipeline == pipeline,
                _columns.day >= first,
                _columns.answered_at >= stored_time(since),
            )
            .order_by(_columns.answered_at.desc(), _columns.event_id.desc())
            .limit(limit)
        )
        with self._transaction() as connection:
            return [entry_of(dict(row)) for row in connection.execute(query).mappings()]

    def pages(self, pipeline: str, day: str) -> Iterator[list[LoggedPrediction]]:
        """The entries of a day, of which there may be more than memory holds, in pages without an order."""
        query = sa.select(logged_predictions).where(
            _columns.pipeline == pipeline, _columns.day == day
        )
        query = query.execution_options(yield_per=PAGE)
        with self._transaction() as connection:
            found = connection.execute(query).mappings()
            for page in found.partitions():
                yield [entry_of(dict(row)) for row in page]

    def last_day(self, pipeline: str, until: str) -> str | None:
        """The last day of a pipeline up to a day that has an entry; None for none."""
        query = sa.select(sa.func.max(_columns.day)).where(
            _columns.pipeline == pipeline, _columns.day <= until
        )
        with self._transaction() as connection:
            return connection.scalar(query)

    def counts(self, pipeline: str) -> dict[str, int]:
        """Day → number of entries of a pipeline, in the order of days."""
        query = (
            sa.select(_columns.day, sa.func.count().label("entries"))
            .where(_columns.pipeline == pipeline)
            .group_by(_columns.day)
            .order_by(_columns.day)
        )
        with self._transaction() as connection:
            return {row.day: row.entries for row in connection.execute(query)}

    def erase(self, erasure: Erasure, event_ids: Sequence[str] | None) -> int:
        """Erase entries of a day and record it, in one transaction.

        Args:
            erasure: what is recorded, with the number of entries that are really erased.
            event_ids: their events; None for all entries of the day.

        Returns:
            Number of entries that were erased; nothing is recorded if there is none.

        Raises:
            PredictionLogUnavailable: the database does not answer in time; nothing is erased.
        """
        of_day = (_columns.pipeline == erasure.pipeline) & (_columns.day == erasure.day)
        with self._transaction() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete=ON")  # overwrites what is deleted
            erased = [
                event_id
                for chosen in _chosen(event_ids)
                for event_id in connection.scalars(
                    sa.delete(logged_predictions)
                    .where(of_day, *chosen)
                    .returning(_columns.event_id)
                )
            ]
            if erased:
                record = {**vars(erasure), "entries": len(erased)}
                number = _record(connection, record)
                if event_ids is not None:
                    rows = [{"event_id": one, "erasure": number} for one in erased]
                    connection.execute(sa.insert(erased_events), rows)
        return len(erased)

    def erasures(self, pipeline: str, days: Sequence[str] | None = None) -> list[Erasure]:
        """The erasures of a pipeline, or of some of its days, oldest first."""
        of_days = [] if days is None else [erasures.c.day.in_([*days])]
        query = sa.select(erasures).where(erasures.c.pipeline == pipeline, *of_days)
        with self._transaction() as connection:
            found = connection.execute(query.order_by(erasures.c.id)).mappings()
            return [_erasure_of(row) for row in found]

    def erasure_of(self, pipeline: str, day: str, event_id: str) -> Erasure | None:
        """By what an entry was erased; None if it was not."""
        with self._transaction() as connection:
            number = connection.scalar(
                sa.select(sa.func.max(erased_events.c.erasure)).where(
                    erased_events.c.event_id == event_id
                )
            )
            if number is not None:
                query = sa.select(erasures).where(erasures.c.id == number)
                return _erasure_of(connection.execute(query).mappings().one())
        of_day = [one for one in self.erasures(pipeline, [day]) if not one.columns]
        return of_day[-1] if of_day else None

    def refuse_read_only(self) -> None:
        """Change no entry, as a transaction that writes.

        Raises:
            PredictionLogUnavailable: the log is locked, read-only or not there.
        """
        with self._transaction() as connection:
            connection.execute(_CHANGE_NOTHING)

    def forget_erased_pages(self) -> None:
        """Empty SQLite's write-ahead log, which has pages as they were before an erasure."""
        with self._translated_errors(), self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def one_connection(self) -> AbstractContextManager[None]:
        """Within this context, accesses of this thread use one connection.

        Raises:
            PredictionLogUnavailable: the database does not answer in time.
        """
        return self._one_connection()


def _found(
    connection: sa.Connection,
    column: sa.ColumnElement[str],
    values: Collection[str],
    *further: sa.ColumnElement[bool],
) -> Iterator[LoggedPrediction]:
    """The entries that have one of some values in a column."""
    wanted = sorted(values)
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        is_wanted = column.in_(wanted[start : start + KEYS_AT_ONCE])
        query = sa.select(logged_predictions).where(is_wanted, *further)
        yield from (entry_of(dict(row)) for row in connection.execute(query).mappings())


def _chosen(event_ids: Sequence[str] | None) -> Iterator[list[sa.ColumnElement[bool]]]:
    """Conditions that together choose some events, or all."""
    if event_ids is None:
        yield []
        return
    for start in range(0, len(event_ids), KEYS_AT_ONCE):
        yield [_columns.event_id.in_(event_ids[start : start + KEYS_AT_ONCE])]


def _record(connection: sa.Connection, record: dict[str, Any]) -> int:
    row = {
        **record,
        "columns": json.dumps([*record["columns"]]),
        "at": stored_time(record["at"]),
    }
    return connection.execute(sa.insert(erasures).returning(erasures.c.id), row).scalar_one()


def _erasure_of(row: sa.RowMapping) -> Erasure:
    found = {name: value for name, value in row.items() if name != "id"}
    return Erasure(
        **{
            **found,
            "columns": json.loads(row["columns"]),
            "at": row["at"].replace(tzinfo=UTC),
        }
    )
