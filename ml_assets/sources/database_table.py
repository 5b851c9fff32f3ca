"""A table or a query of a database as a source.

The database selects rows by timestamps, dates and numbers since 1970. SQLite's texts are compared
as texts, so that an index is used, and parsed by us; other texts are all read and parsed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from ml_assets.errors import ConfigurationError, SourceMissing
from ml_assets.names import suggestion
from ml_assets.sources.clock import EPOCHS, Clock
from ml_assets.sources.completeness import Hour
from ml_assets.sources.database import SourceDatabase
from ml_assets.sources.moments import (
    EARLIEST,
    LATEST,
    distinct_texts,
    hour_in_utc,
    hour_of,
    in_utc,
    is_plausible,
    is_sure,
    moment_of,
    within,
)
from ml_assets.sources.source import (
    Placed,
    hours_of,
    implausible,
    joined,
    oldest_of,
    placed,
    without_rows,
    without_time_column,
)
from ml_assets.sources.time_column import Condition, TimeColumn

Column = sa.ColumnClause[Any]


@dataclass(frozen=True)
class DatabaseTable:
    """A table or a query of a database; see ``Source``.

    Attributes:
        database: the database.
        table: table name, with its schema before a dot if it is not the default one; None for a
            query.
        query: a SELECT; None for a table.
        clock: its time column; None for a table without days.
    """

    database: SourceDatabase
    table: str | None = None
    query: str | None = None
    clock: Clock | None = None

    @property
    def name(self) -> str:
        """The table and the database."""
        return f"{self._what} of the source database {self.database.name}"

    def rows(self, start: datetime, end: datetime) -> Placed:
        """Raw rows of a span."""
        with self._opened() as (connection, source, time, clock):
            parts = [
                placed(batch, clock).within(start, end)
                for batch in self._batches(connection, _every_row(source), time.near(start, end))
            ]
        return joined(parts) if parts else placed(self.no_rows(), clock)

    def unplaced(self, first: datetime | None, until: datetime | None) -> Placed:
        """Raw rows that belong to no partition."""
        with self._opened() as (connection, source, time, clock):
            parts = [
                implausible(placed(batch, clock), clock.column, first, until)
                for batch in self._batches(
                    connection, _every_row(source), time.unclear(source, first, until)
                )
            ]
        return joined(parts) if parts else placed(self.no_rows(), clock)

    def hours(self, since: datetime, until: datetime = LATEST) -> list[Hour]:
        """Row counts of each hour of a span; hours without rows are left out."""
        with self._opened() as (connection, source, time, _):
            if time.has_texts:
                return self._hours_of_texts(connection, source, time.column, since, until)
            if time.is_exact:
                hour, newest = hour_in_utc(time.column), sa.func.max(time.column)
                query = sa.select(hour, sa.func.count(), newest).select_from(source)
                where = time.span(since, until)
                found = connection.execute(query.where(where).group_by(hour))
                return [Hour(in_utc(start), rows, in_utc(last)) for start, rows, last in found]
            moments = self._moments(connection, source, time, since, until)
            return hours_of(moments, since, until)

    def oldest(self, since: datetime = EARLIEST) -> datetime | None:
        """The oldest moment from another on."""
        with self._opened() as (connection, source, time, clock):
            if time.has_texts:
                return self._oldest_text(connection, source, time.column, since)
            if time.is_exact:
                query = sa.select(time.column).select_from(source).order_by(time.column)
                query = query.where(time.span(since, LATEST))
                return clock.moment(connection.scalar(query.limit(1)))
            moments = self._moments(connection, source, time, since, LATEST)
            return oldest_of(moments, since)

    def snapshot(self) -> pd.DataFrame:
        """All raw rows of a table without days."""
        with self.database.connection() as connection:
            self._types(connection)
            return self.database.fetch(connection, _every_row(self._source()))

    def no_rows(self) -> pd.DataFrame:
        """An empty frame with the table's columns."""
        with self.database.connection() as connection:
            return without_rows(list(self._types(connection)))

    @property
    def _what(self) -> str:
        return f"table '{self.table}'" if self.table else "a query"

    @contextmanager
    def _opened(self) -> Iterator[tuple[sa.Connection, sa.FromClause, TimeColumn, Clock]]:
        assert self.clock is not None
        with self.database.connection() as connection:
            column = self._time_column(self._types(connection), self.clock)
            time = TimeColumn(column, self.clock, self.database.is_sqlite)
            yield connection, self._source(column), time, self.clock

    def _source(self, *columns: Column) -> sa.FromClause:
        if self.query is not None:
            escaped = self.query.strip().rstrip(";").replace(":", r"\:")
            return sa.text(f"{escaped}\n").columns(*columns).subquery("source_query")
        schema, _, name = str(self.table).rpartition(".")
        return sa.table(name, *columns, schema=schema or None)

    def _types(self, connection: sa.Connection) -> dict[str, sa.types.TypeEngine[Any]]:
        if self.query is not None:
            return self._types_of_query(connection)
        schema, _, name = str(self.table).rpartition(".")
        try:
            found = sa.inspect(connection).get_columns(name, schema=schema or None)
        except sa.exc.NoSuchTableError:
            raise SourceMissing(
                f"The source database {self.database.name} has no table '{self.table}'."
                f"{suggestion(str(self.table), self._tables(connection))} Correct its name, or run "
                "'ml-assets source load' if it is one of the reference data."
            ) from None
        return {column["name"]: column["type"] for column in found}

    def _tables(self, connection: sa.Connection) -> list[str]:
        """Names of the tables and views of the table's schema, as ``table`` names them."""
        schema = str(self.table).rpartition(".")[0] or None
        inspector = sa.inspect(connection)
        found = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        return [f"{schema}.{name}" if schema else name for name in found]

    def _types_of_query(self, connection: sa.Connection) -> dict[str, sa.types.TypeEngine[Any]]:
        query = sa.select(sa.text("*")).select_from(self._source()).limit(0)
        described = connection.execute(query).cursor.description
        return {name: _type_of(connection, code) for name, code, *_ in described}

    def _time_column(self, types: dict[str, sa.types.TypeEngine[Any]], clock: Clock) -> Column:
        if clock.column not in types:
            raise without_time_column(clock.column, self.table or "the query", types)
        found = types[clock.column]
        is_number = isinstance(found, (sa.Numeric, sa.Integer, sa.Boolean))
        if is_number and clock.format is None:
            raise ConfigurationError(
                f"{self.table or 'The query'}.{clock.column} is {found}, expected a timestamp that "
                "assigns rows to days. Say in defs.yaml how its numbers are read: 'time_format: "
                f"{next(iter(EPOCHS))}' for seconds since 1970, '%Y%m%d' for 20240708."
            )
        return sa.column(clock.column, found)

    def _batches(
        self, connection: sa.Connection, query: sa.Select[Any], where: Condition | None
    ) -> Iterator[pd.DataFrame]:
        """Rows that meet a condition, at once; without a condition all rows, in batches."""
        if where is not None:
            yield self.database.fetch(connection, query.where(where))
        else:
            yield from self.database.batches(connection, query)

    def _moments(
        self,
        connection: sa.Connection,
        source: sa.FromClause,
        time: TimeColumn,
        since: datetime,
        until: datetime,
    ) -> Iterator[pd.Series]:
        """Moments of all rows of a span, and of others."""
        raw = sa.type_coerce(time.column, sa.types.NullType()).label("at")
        query = sa.select(raw).select_from(source)
        for batch in self._batches(connection, query, time.near(since, until)):
            yield time.clock.moments(batch["at"])

    def _hours_of_texts(
        self,
        connection: sa.Connection,
        source: sa.FromClause,
        column: Column,
        since: datetime,
        until: datetime,
    ) -> list[Hour]:
        """Row counts by hour, for SQLite: texts that it cannot parse are parsed one by one."""
        assert self.clock is not None
        counted = distinct_texts(source, column, within(column, since, until))
        at, rows = counted.c["at"], counted.c["rows"]
        query = sa.select(hour_of(at), sa.func.sum(rows), sa.func.max(moment_of(at)))
        found = list(connection.execute(query.where(is_sure(at)).group_by(hour_of(at))))
        unparsed = sa.select(at, rows, at.label("newest")).where(sa.not_(is_sure(at)))
        remaining = self.database.fetch(connection, unparsed)
        counts: list[tuple[Any, ...]] = [*found, *remaining.itertuples(index=False)]
        read = self.clock.moment
        hours = [
            Hour(start, int(rows), newest)
            for start, rows, newest in ((read(a), n, read(b)) for a, n, b in counts)
            if start is not None and newest is not None
        ]
        return [hour for hour in hours if since <= hour.newest < until]

    def _oldest_text(
        self, connection: sa.Connection, source: sa.FromClause, column: Column, since: datetime
    ) -> datetime | None:
        """The oldest moment, for SQLite; it compares whole seconds."""
        assert self.clock is not None
        at = distinct_texts(source, column).c["at"]
        is_later = is_plausible(at, since - timedelta(seconds=1), None)
        query = sa.select(at).where(is_later).order_by(moment_of(at), at)
        unparsed = self.database.fetch(connection, sa.select(at).where(sa.not_(is_sure(at))))
        known = [self.clock.moment(connection.scalar(query.limit(1)))]
        known += [self.clock.moment(value) for value in unparsed["at"]]
        return min((found for found in known if found and since <= found < LATEST), default=None)


def _every_row(source: sa.FromClause) -> "sa.Select[Any]":
    return sa.select(sa.text("*")).select_from(source)


def _type_of(connection: sa.Connection, code: object) -> sa.types.TypeEngine[Any]:
    """The type of a query's column; unknown with other databases than Postgres."""
    if connection.dialect.name != "postgresql":
        return sa.types.NullType()
    types = connection.dialect.loaded_dbapi
    for known, found in (
        (types.extensions.PYDATETIMETZ, sa.DateTime(timezone=True)),
        (types.extensions.PYDATETIME, sa.DateTime()),
        (types.extensions.PYDATE, sa.Date()),
        (types.NUMBER, sa.Numeric()),
    ):
        if code == known:
            return found
    return sa.types.NullType()
