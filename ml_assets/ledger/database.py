"""The database beside the lake: one connection pool for all that is kept in it, every access a transaction.

What its tables are is for ``ledger``, ``provenance`` and the registry's approval log to say.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ml_assets.database_url import hide, parsed
from ml_assets.errors import ConfigurationError, LedgerUnavailable

CREATE_ATTEMPTS = 100
CREATE_WAIT_SECONDS = 0.1


class LedgerDatabase:
    """Some tables of the database, in any that SQLAlchemy knows.

    Args:
        url: SQLAlchemy URL.
        create: creates the tables that are missing.
    """

    def __init__(self, url: str | sa.URL, create: Callable[[sa.Connection], None]) -> None:
        self._url = parsed(url)
        self._create = create

    @cached_property
    def _engine(self) -> sa.Engine:
        file = self._url.database if self._url.get_backend_name() == "sqlite" else None
        if is_in_memory(self._url):
            return _engine_of.__wrapped__(self._url, self._create)
        if file is not None and not _has_content(Path(file)):
            _engine_of.cache_clear()
        return _engine_of(self._url, self._create)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        """A connection whose changes are kept together or not at all.

        Raises:
            LedgerUnavailable: the database does not answer.
            ConfigurationError: it is no database, or its folder cannot be made.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            hide(error, self._url)
            raise LedgerUnavailable(f"The ledger does not answer: {error.orig}.") from error
        except sa.exc.DatabaseError as error:
            if type(error) is not sa.exc.DatabaseError:
                raise
            hide(error, self._url)
            raise ConfigurationError(
                f"{self._url.database} cannot be used as the ledger ({error.orig}). Restore it from a "
                "backup, or check ML_ASSETS_DATA."
            ) from error


def create_missing(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Create the tables and indexes that are not there yet."""
    for table in metadata.sorted_tables:
        connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=str):
            connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


@cache
def _engine_of(url: sa.URL, create: Callable[[sa.Connection], None]) -> sa.Engine:
    """One engine for all users of a process: a new one would compile every statement again."""
    if url.get_backend_name() != "sqlite":
        engine = sa.create_engine(url)
    elif is_in_memory(url):
        engine = sa.create_engine(
            url, connect_args={"check_same_thread": False}, poolclass=sa.StaticPool
        )
    else:
        _make_folder(Path(str(url.database)).parent)
        engine = sa.create_engine(url, connect_args={"timeout": 60}, poolclass=sa.NullPool)
        sa.event.listen(engine, "connect", _use_write_ahead_log)
    _create_patiently(engine, create)
    return engine


def is_in_memory(url: sa.URL) -> bool:
    """Whether it is a database of SQLite that lives as long as its connection."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be used as the data folder ({error.strerror}). Expected a folder that can be "
            "written: check ML_ASSETS_DATA."
        ) from error


def _create_patiently(engine: sa.Engine, create: Callable[[sa.Connection], None]) -> None:
    """Several processes may open a new database at the same moment."""
    for attempts_left in reversed(range(CREATE_ATTEMPTS)):
        try:
            with engine.begin() as connection:
                create(connection)
        except (sa.exc.OperationalError, sa.exc.IntegrityError, sa.exc.ProgrammingError):
            if not attempts_left:
                raise
            time.sleep(CREATE_WAIT_SECONDS)
        else:
            return


def _use_write_ahead_log(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
