"""Read-only access to a source database: raw rows of a span of time, and clear errors.

Text that cannot be decoded is returned as bytes, so that its contract rejects only its own row.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import sqlalchemy as sa

from ml_assets.contracts.moments import moment, moments
from ml_assets.database_url import parsed, redact
from ml_assets.errors import (
    ConfigurationError,
    ContractViolation,
    SourceCorrupt,
    SourceMissing,
    SourceUnavailable,
)
from ml_assets.sources.completeness import Hour
from ml_assets.sources.moments import (
    EARLIEST,
    LATEST,
    as_stored,
    distinct_texts,
    hour_in_utc,
    hour_of,
    in_utc,
    is_plausible,
    is_sure,
    moment_of,
    within,
)
from ml_assets.sources.values import objects, undecodable_as_bytes, unreadable_as_text

CORRUPT = ("malformed", "not a database", "disk i/o error", "file is encrypted")
UNDECODABLE = "could not decode"


class SourceDatabase:
    """Read-only access to a client's database.

    Args:
        url: SQLAlchemy URL. A SQLite file is opened read-only and is never created.
    """

    def __init__(self, url: str) -> None:
        self._url = parsed(url)

    @property
    def name(self) -> str:
        """The database's name for messages, without user or password."""
        return str(self._url.database)

    def rows(self, table: str, time_column: str, start: datetime, end: datetime) -> pd.DataFrame:
        """Raw rows with ``start <= time_column < end``.

        Args:
            table: table name.
            time_column: a timestamp column, in UTC when it has no zone.
            start: first moment, timezone-aware.
            end: first moment after, timezone-aware.

        Raises:
            SourceMissing, SourceCorrupt, SourceUnavailable: see ``ml_assets.errors``.
            ContractViolation: the table has no such time column.
        """
        with self._connection() as connection:
            column = self._time_column(connection, table, time_column)
            source = sa.table(table, column)
            if not self._is_sqlite:
                in_span = sa.and_(
                    column >= as_stored(start, column), column < as_stored(end, column)
                )
                return self._fetch(connection, _every_row(source).where(in_span))
            near = self._fetch(connection, _every_row(source).where(within(column, start, end)))
        found = moments(near[time_column])
        return near[(found >= start) & (found < end)].reset_index(drop=True)

    def unplaced(
        self, table: str, time_column: str, first: datetime | None, until: datetime | None
    ) -> pd.DataFrame:
        """Raw rows whose time is not plausible.

        Args:
            table: table name.
            time_column: a timestamp column, in UTC when it has no zone.
            first: rows before this moment are not plausible; None when all early ones are.
            until: rows from this moment on are not plausible; None when all late ones are.

        Returns:
            Rows whose time is null, unreadable, or outside ``[first, until)``.
        """
        with self._connection() as connection:
            column = self._time_column(connection, table, time_column)
            source = sa.table(table, column)
            if not self._is_sqlite:
                outside: list[sa.ColumnElement[bool]] = [column.is_(None)]
                outside += [column < as_stored(first, column)] if first else []
                outside += [column >= as_stored(until, column)] if until else []
                return self._fetch(connection, _every_row(source).where(sa.or_(*outside)))
            at = distinct_texts(source, column).c["at"]
            unclear = sa.select(at).where(sa.not_(is_plausible(at, first, until)))
            candidates = self._fetch(
                connection,
                _every_row(source).where(sa.or_(column.is_(None), column.in_(unclear))),
            )
        found = moments(candidates[time_column])
        plausible = found.notna()
        plausible &= True if first is None else found >= first
        plausible &= True if until is None else found < until
        return candidates[~plausible].reset_index(drop=True)

    def hours(
        self, table: str, time_column: str, since: datetime, until: datetime = LATEST
    ) -> list[Hour]:
        """Row counts of each hour from a moment on; hours without rows are left out.

        Args:
            table: table name.
            time_column: a timestamp column, in UTC when it has no zone.
            since: first moment, timezone-aware.
            until: first moment after, timezone-aware.
        """
        with self._connection() as connection:
            column = self._time_column(connection, table, time_column)
            source = sa.table(table, column)
            if self._is_sqlite:
                return self._hours_of_texts(connection, source, column, since, until)
            hour = hour_in_utc(column)
            query = sa.select(hour, sa.func.count(), sa.func.max(column)).where(
                column >= as_stored(since, column), column < as_stored(until, column)
            )
            return [
                Hour(in_utc(start), rows, in_utc(newest))
                for start, rows, newest in connection.execute(query.group_by(hour))
            ]

    def _hours_of_texts(
        self,
        connection: sa.Connection,
        source: sa.TableClause,
        column: "sa.ColumnClause[datetime]",
        since: datetime,
        until: datetime,
    ) -> list[Hour]:
        """Row counts by hour, for SQLite: texts that it cannot parse are parsed one by one."""
        counted = distinct_texts(source, column, within(column, since, until))
        at, rows = counted.c["at"], counted.c["rows"]
        query = sa.select(hour_of(at), sa.func.sum(rows), sa.func.max(moment_of(at)))
        found = list(connection.execute(query.where(is_sure(at)).group_by(hour_of(at))))
        unparsed = sa.select(at, rows, at.label("newest")).where(sa.not_(is_sure(at)))
        remaining = self._fetch(connection, unparsed)
        counts: list[tuple[Any, ...]] = [*found, *remaining.itertuples(index=False)]
        hours = [
            Hour(start.replace(tzinfo=UTC), int(rows), newest.replace(tzinfo=UTC))
            for start, rows, newest in ((moment(a), n, moment(b)) for a, n, b in counts)
            if start is not None and newest is not None
        ]
        return [hour for hour in hours if since <= hour.newest < until]

    def snapshot(self, table: str) -> pd.DataFrame:
        """All raw rows of a table that has no days."""
        with self._connection() as connection:
            self._columns(connection, table)
            return self._fetch(connection, _every_row(sa.table(table)))

    def no_rows(self, table: str) -> pd.DataFrame:
        """An empty frame with the table's columns."""
        with self._connection() as connection:
            return pd.DataFrame(
                {name: [] for name in self._columns(connection, table)}, dtype=object
            )

    def oldest(self, table: str, time_column: str, since: datetime = EARLIEST) -> datetime | None:
        """The oldest timestamp in a table; values that are not timestamps are ignored.

        Args:
            table: table name.
            time_column: a timestamp column, in UTC when it has no zone.
            since: first moment, timezone-aware; SQLite compares whole seconds.

        Returns:
            A timestamp in UTC; None when there is none.
        """
        with self._connection() as connection:
            column = self._time_column(connection, table, time_column)
            source = sa.table(table, column)
            if self._is_sqlite:
                at = distinct_texts(source, column).c["at"]
                is_later = is_plausible(at, since - timedelta(seconds=1), None)
                query = sa.select(at).where(is_later).order_by(moment_of(at), at)
            else:
                latest = as_stored(LATEST, column)
                is_later = sa.and_(column >= as_stored(since, column), column < latest)
                query = sa.select(column).where(is_later).order_by(column)
            found = moment(connection.scalar(query.limit(1)))
        return None if found is None else found.replace(tzinfo=UTC)

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    @cached_property
    def _engine(self) -> sa.Engine:
        if not self._is_sqlite:
            return sa.create_engine(self._url)
        path = Path(self.name).absolute()
        if not path.is_file():
            raise SourceMissing(
                f"The source database {path} does not exist. Run 'ml-assets source load' to load the "
                "reference data, or set ML_ASSETS_SOURCE_URL to the right one."
            )
        return sa.create_engine(
            sa.URL.create(
                "sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"}
            )
        )

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
            redact(error, self._url)
            raise self._translated(error) from error

    def _fetch(self, connection: sa.Connection, query: sa.Select[Any]) -> pd.DataFrame:
        """Rows of a query; if a cell cannot be read, the query is repeated with tolerant types."""
        try:
            return objects(connection.execute(query))
        except (sa.exc.OperationalError, sqlite3.OperationalError) as error:
            if not self._is_sqlite or UNDECODABLE not in str(error).lower():
                raise
            tolerant = undecodable_as_bytes
        except (ValueError, OverflowError):
            tolerant = unreadable_as_text
        try:
            with tolerant(connection):
                return objects(connection.execute(query))
        except (ValueError, OverflowError) as error:
            raise SourceCorrupt(
                f"The source database {self.name} contains a value that its driver cannot read "
                f"({error}). Correct it there and materialize the day again."
            ) from error

    def _translated(self, error: Exception) -> Exception:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        if any(word in cause.lower() for word in CORRUPT):
            return SourceCorrupt(
                f"The source database {self.name} cannot be read ({cause}). Nothing was "
                "extracted. Restore it from a backup, or delete it and run 'ml-assets source load'."
            )
        if isinstance(error, sa.exc.DataError):
            return SourceCorrupt(
                f"The source database {self.name} has a value that cannot be read ({cause}). "
                "Correct it there and materialize the day again."
            )
        if isinstance(error, sa.exc.ProgrammingError):
            return ConfigurationError(
                f"The source database {self.name} refuses the query: {cause}."
            )
        return SourceUnavailable(f"The source database {self.name} does not answer: {cause}.")

    def _columns(self, connection: sa.Connection, table: str) -> dict[str, sa.types.TypeEngine]:  # type: ignore[type-arg]
        try:
            found = sa.inspect(connection).get_columns(table)
        except sa.exc.NoSuchTableError:
            raise SourceMissing(
                f"The source database {self.name} has no table '{table}'. Run 'ml-assets source load', "
                "or correct the table in defs.yaml."
            ) from None
        return {column["name"]: column["type"] for column in found}

    def _time_column(
        self, connection: sa.Connection, table: str, name: str
    ) -> "sa.ColumnClause[datetime]":
        types = self._columns(connection, table)
        if name not in types:
            raise ContractViolation(
                f"schema is wrong: time column '{name}' is missing from {table}, which has "
                f"{', '.join(types)}"
            )
        if not isinstance(types[name], sa.DateTime):
            raise ConfigurationError(
                f"{table}.{name} is {types[name]}, expected a timestamp that assigns rows to days."
            )
        return sa.column(name, types[name])


def _every_row(source: sa.TableClause) -> "sa.Select[Any]":
    return sa.select(sa.text("*")).select_from(source)
