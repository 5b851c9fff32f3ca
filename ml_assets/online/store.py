"""The online store: the newest features of each entity, on SQLite or Postgres.

A row never replaces a newer one, in whatever order rows are written.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ml_assets.errors import OnlineStoreUnavailable
from ml_assets.ledger.database import LedgerDatabase
from ml_assets.online.definition import OnlineTable
from ml_assets.online.rows import OnlineRow
from ml_assets.online.tables import create_tables, online_rows, upsert
from ml_assets.online.values import Plain, decoded, entity_key, entity_values

KEYS_AT_ONCE = 500
"""Entities or partitions of one query; databases limit the number of its parameters."""


def _rows_by(column: sa.Column[Any]) -> sa.Select[Any]:
    """The rows of ``tables`` that have one of ``keys`` in a column."""
    return sa.select(online_rows).where(
        online_rows.c.table_name.in_(sa.bindparam("tables", expanding=True)),
        column.in_(sa.bindparam("keys", expanding=True)),
    )


_BY_ENTITY, _BY_DAY = _rows_by(online_rows.c.entity), _rows_by(online_rows.c.day)
"""Made once: a request would spend as much time on making its query as on the query."""


@dataclass(frozen=True)
class Features:
    """The online features of an entity.

    Attributes:
        entity: column → value that identifies the entity.
        values: column → value of the features.
        event_time: when they were known, in UTC.
        age: time since then.
        is_stale: whether they are older than the table's ``ttl``.
        day: partition of the feature table that they are from.
        written_at: when they were written online, in UTC.
    """

    entity: Mapping[str, Plain]
    values: Mapping[str, Plain]
    event_time: datetime
    age: timedelta
    is_stale: bool
    day: str
    written_at: datetime


class OnlineStore(LedgerDatabase):
    """The newest features of each entity of each table.

    Args:
        url: SQLAlchemy URL, SQLite or Postgres; the table is created when it is missing.
    """

    _name = "online store"
    _unavailable = OnlineStoreUnavailable
    _remedy = "If it was lost, this makes a table of it again: ml-assets online materialize TABLE --until DAY"

    def __init__(self, url: str | sa.URL) -> None:
        super().__init__(url, create_tables)

    def one_connection(self) -> AbstractContextManager[None]:
        """Keep one connection open for all accesses of this thread in a block, see ``Ledger``.

        Raises:
            OnlineStoreUnavailable: the database does not answer.
            ConfigurationError: the file is not a database, or its folder cannot be created.
        """
        return self._one_connection()

    def upsert(self, table: str, rows: Sequence[OnlineRow]) -> None:
        """Write rows, each unless the store has a newer one of its entity.

        Args:
            table: table name.
            rows: rows of different entities, in the order of their keys, so that writers do not
                wait for each other's rows in a circle.
        """
        if rows:
            with self._transaction() as connection:
                _write(connection, table, rows)

    def replace(self, table: str, rows: Sequence[OnlineRow], *, until: str) -> None:
        """Replace what the store has of a table's partitions, but for rows of later partitions.

        Args:
            table: table name.
            rows: as of ``upsert``; the newest row of each entity in these partitions.
            until: key of the last of these partitions.
        """
        of_partitions = (online_rows.c.table_name == table) & (online_rows.c.day <= until)
        with self._transaction() as connection:
            connection.execute(sa.delete(online_rows).where(of_partitions))
            if rows:
                _write(connection, table, rows)

    def rows(self, table: str, entities: Sequence[str]) -> dict[str, OnlineRow]:
        """Entity → its row, of the entities that have one.

        Args:
            table: table name.
            entities: see ``values.entity_key``.
        """
        found = self._found(_BY_ENTITY, [table], entities)
        return {row.entity: row for _, row in found}

    def rows_of_tables(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], OnlineRow]:
        """(table, entity) → its row, of the entities that have one.

        Args:
            keys: tables with keys of their entities; one query finds them, unless they are many.
        """
        if not keys:
            return {}
        tables, entities = {table for table, _ in keys}, {entity for _, entity in keys}
        found = self._found(_BY_ENTITY, tables, [*entities])
        return {key: row for table, row in found if (key := (table, row.entity)) in keys}

    def rows_of_days(self, table: str, days: Sequence[str]) -> list[OnlineRow]:
        """Rows that are from the given partitions of a table."""
        return [row for _, row in self._found(_BY_DAY, [table], days)]

    def newest(self, tables: Collection[str]) -> dict[str, datetime]:
        """Table → the newest time at which one of its rows was known, of the tables that have rows."""
        query = (
            sa.select(
                online_rows.c.table_name, sa.func.max(online_rows.c.event_time).label("newest")
            )
            .where(online_rows.c.table_name.in_(tables))
            .group_by(online_rows.c.table_name)
        )
        with self._transaction() as connection:
            found = connection.execute(query)
            return {row.table_name: row.newest.replace(tzinfo=UTC) for row in found}

    def entities(self, table: str, limit: int) -> list[str]:
        """The first entities of a table, in the order of their keys."""
        query = (
            sa.select(online_rows.c.entity)
            .where(online_rows.c.table_name == table)
            .order_by(online_rows.c.entity)
            .limit(limit)
        )
        with self._transaction() as connection:
            return [*connection.scalars(query)]

    def get(
        self, online: OnlineTable, entities: Sequence[Sequence[Plain]], at: datetime
    ) -> list[Features | None]:
        """The features of entities as of a time; None for one without features at that time.

        The store keeps the newest row only: of an entity whose row was known later, it has nothing.

        Args:
            online: the table.
            entities: values of the entity's columns, in their order.
            at: the time, timezone-aware.
        """
        keys = [entity_key(values) for values in entities]
        found = self.rows(online.table, keys)
        return [
            features_at(online, row, at)
            if (row := found.get(key)) and row.event_time <= at
            else None
            for key in keys
        ]

    def _found(
        self, query: sa.Select[Any], tables: Collection[str], keys: Sequence[str]
    ) -> Iterator[tuple[str, OnlineRow]]:
        """Table and content of the rows of tables that have one of the keys in the query's column."""
        with self._transaction() as connection:
            for start in range(0, len(keys), KEYS_AT_ONCE):
                given = {"tables": [*tables], "keys": [*keys[start : start + KEYS_AT_ONCE]]}
                for row in connection.execute(query, given):
                    yield (
                        row.table_name,
                        OnlineRow(
                            row.entity,
                            row.event_time.replace(tzinfo=UTC),
                            row.day,
                            row.features,
                            row.written_at.replace(tzinfo=UTC),
                        ),
                    )


def features_at(online: OnlineTable, row: OnlineRow, at: datetime) -> Features:
    """A row of the store with its age at a time.

    Args:
        online: the table.
        row: a row that was written.
        at: the time, timezone-aware.
    """
    assert row.written_at is not None
    return Features(
        entity=dict(zip(online.entity, entity_values(row.entity), strict=True)),
        values=decoded(row.features),
        event_time=row.event_time,
        age=at - row.event_time,
        is_stale=at - row.event_time > online.ttl,
        day=row.day,
        written_at=row.written_at,
    )


def _write(connection: sa.Connection, table: str, rows: Sequence[OnlineRow]) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    given = [
        {
            "table_name": table,
            "entity": row.entity,
            "event_time": row.event_time.replace(tzinfo=None),
            "day": row.day,
            "features": row.features,
            "written_at": now,
        }
        for row in rows
    ]
    connection.execute(upsert(connection.dialect.name), given)
