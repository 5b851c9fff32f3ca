"""A source database, read as it is: raw rows of a span of time, and clear errors.

Values are handed on as the driver gives them; contracts judge them later.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ml_assets.database_url import hide, parsed
from ml_assets.errors import (
    ConfigurationError,
    ContractViolation,
    SourceCorrupt,
    SourceMissing,
    SourceUnavailable,
)

CORRUPT = (
    "malformed",
    "not a database",
    "disk i/o error",
    "file is encrypted",
    "could not decode",
)


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
            query = (
                sa.select(sa.text("*"))
                .select_from(sa.table(table, column))
                .where(
                    column >= _as_stored(start, column, is_text=self._is_sqlite),
                    column < _as_stored(end, column, is_text=self._is_sqlite),
                )
            )
            return _objects(connection.execute(query))

    def snapshot(self, table: str) -> pd.DataFrame:
        """All raw rows of a table that has no days."""
        with self._connection() as connection:
            self._columns(connection, table)
            return _objects(
                connection.execute(sa.select(sa.text("*")).select_from(sa.table(table)))
            )

    def no_rows(self, table: str) -> pd.DataFrame:
        """The table's columns without its rows."""
        with self._connection() as connection:
            return pd.DataFrame(
                {name: [] for name in self._columns(connection, table)}, dtype=object
            )

    def newest(self, table: str, time_column: str) -> datetime | None:
        """The newest moment in a table, timezone-aware; None when it has no rows."""
        with self._connection() as connection:
            column = self._time_column(connection, table, time_column)
            newest: sa.ColumnElement[Any] = sa.func.max(column)
            if self._is_sqlite:  # texts: what is no moment must not count as the newest
                newest = sa.type_coerce(
                    newest.filter(sa.func.substr(column, 1, 1) < "3"), sa.String
                )
            value: Any = connection.scalar(sa.select(newest).select_from(sa.table(table, column)))
        moment = pd.to_datetime(value, utc=True, errors="coerce")
        return None if pd.isna(moment) else moment.to_pydatetime()

    def oldest(self, table: str, time_column: str) -> datetime | None:
        """The oldest moment in a table, timezone-aware; None when it has no rows."""
        with self._connection() as connection:
            column = self._time_column(connection, table, time_column)
            value: Any = connection.scalar(
                sa.select(sa.type_coerce(sa.func.min(column), sa.String)).select_from(
                    sa.table(table, column)
                )
            )
        moment = pd.to_datetime(value, utc=True, errors="coerce")
        return None if pd.isna(moment) else moment.to_pydatetime()

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
                f"The source database {path} is not there. Run 'make setup' to load it, or point "
                "ML_ASSETS_SOURCE_URL at the right one."
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
            hide(error, self._url)
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> Exception:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        if any(word in cause.lower() for word in CORRUPT):
            return SourceCorrupt(
                f"The source database {self.name} cannot be read ({cause}). Nothing was taken "
                "from it. Restore it from a backup, or run 'make setup' after deleting it."
            )
        if isinstance(error, (sa.exc.ProgrammingError, sa.exc.DataError)):
            return ConfigurationError(f"The source database {self.name} refuses: {cause}.")
        return SourceUnavailable(f"The source database {self.name} does not answer: {cause}.")

    def _columns(self, connection: sa.Connection, table: str) -> dict[str, sa.types.TypeEngine]:  # type: ignore[type-arg]
        try:
            found = sa.inspect(connection).get_columns(table)
        except sa.exc.NoSuchTableError:
            raise SourceMissing(
                f"The source database {self.name} has no table '{table}'. Run 'make setup', or "
                "correct the table in defs.yaml."
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
                f"{table}.{name} is {types[name]}, expected a timestamp: days cannot be cut by it."
            )
        return sa.column(name, types[name])


def _as_stored(
    moment: datetime, column: "sa.ColumnClause[datetime]", *, is_text: bool
) -> "sa.ColumnElement[Any]":
    utc = moment.astimezone(UTC)
    if is_text:
        # SQLite compares texts: without a fraction, both ways of writing a moment sort right.
        return sa.literal(utc.strftime("%Y-%m-%d %H:%M:%S"), sa.String)
    return sa.literal(
        utc if getattr(column.type, "timezone", False) else utc.replace(tzinfo=None), column.type
    )


def _objects(result: "sa.CursorResult[tuple[object, ...]]") -> pd.DataFrame:
    """Rows with the driver's own values: nothing is guessed from the other rows of a column."""
    columns = list(result.keys())
    rows = result.cursor.fetchall()  # plain tuples: SQLAlchemy's rows cost three times as much
    values = np.empty((len(rows), len(columns)), dtype=object)
    if rows:
        values[:] = rows
    return pd.DataFrame(
        {name: pd.Series(values[:, i], dtype=object) for i, name in enumerate(columns)}
    )
