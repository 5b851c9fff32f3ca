"""Read-only access to a source database: connections, raw rows of queries, and clear errors.

Text that cannot be decoded is returned as bytes, so that its contract rejects only its own row.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import sqlalchemy as sa

from ml_assets.database_url import parsed, redact
from ml_assets.errors import (
    ConfigurationError,
    SourceCorrupt,
    SourceMissing,
    SourceUnavailable,
    sentence,
)
from ml_assets.settings import SOURCE_DATABASE, variable_of
from ml_assets.sources.values import frame, objects, undecodable_as_bytes, unreadable_as_text

CORRUPT = ("malformed", "not a database", "disk i/o error", "file is encrypted")
UNDECODABLE = "could not decode"
BATCH_ROWS = 20_000


class SourceDatabase:
    """Read-only access to a client's database.

    Args:
        url: SQLAlchemy URL. A SQLite file is opened read-only and is never created.
        variable: the environment variable of the URL, for messages.
    """

    def __init__(self, url: str, variable: str = variable_of(SOURCE_DATABASE)) -> None:
        self._url = parsed(url, variable)
        self._variable = variable

    @property
    def name(self) -> str:
        """The database's name for messages, without user or password."""
        return str(self._url.database)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a SQLite file, which has no type for times."""
        return self._url.get_backend_name() == "sqlite"

    @cached_property
    def _engine(self) -> sa.Engine:
        if not self.is_sqlite:
            return sa.create_engine(self._url)
        path = Path(self.name).absolute()
        if not path.is_file():
            raise SourceMissing(
                f"The source database {path} does not exist. Run 'ml-assets source load' to load the "
                f"reference data, or set {self._variable} to the right one."
            )
        return sa.create_engine(
            sa.URL.create(
                "sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"}
            )
        )

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """A connection; errors of the driver become those of ``ml_assets.errors``."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
            redact(error, self._url)
            raise self._translated(error) from error

    def fetch(self, connection: sa.Connection, query: sa.Select[Any]) -> pd.DataFrame:
        """Rows of a query; if a cell cannot be read, the query is repeated with tolerant types."""
        try:
            return objects(connection.execute(query))
        except (sa.exc.OperationalError, sqlite3.OperationalError) as error:
            if not self.is_sqlite or UNDECODABLE not in str(error).lower():
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

    def batches(self, connection: sa.Connection, query: sa.Select[Any]) -> Iterator[pd.DataFrame]:
        """Rows of a query in batches of ``BATCH_ROWS``, which may be none."""
        tolerant = undecodable_as_bytes if self.is_sqlite else unreadable_as_text
        with tolerant(connection):
            result = connection.execution_options(stream_results=True).execute(query)
            names = list(result.keys())
            while rows := result.fetchmany(BATCH_ROWS):
                yield frame(names, rows)

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
                f"The source database {self.name} refuses the query: {sentence(cause)}"
            )
        return SourceUnavailable(
            f"The source database {self.name} does not answer: {sentence(cause)}"
        )
