"""Databases of the project: one connection pool, and a transaction for every access.

``ledger``, ``provenance`` and the approval log define the ledger's tables; ``online`` and its prediction log
their own.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import sqlalchemy as sa

from ml_assets.database_url import parsed, redact
from ml_assets.errors import ConfigurationError, LedgerUnavailable, TransientError, sentence

CREATE_ATTEMPTS = 100
CREATE_WAIT_SECONDS = 0.1
LOCKED_SECONDS = 60.0
"""How long an access to SQLite waits for other writers."""

KEPT_CONNECTIONS, MAX_CONNECTIONS = 5, 50
"""Number of connections of a process to a database of Postgres: kept open, and at most."""

FileIdentity: TypeAlias = tuple[int, int] | None


class _Held(threading.local):
    """The connections that a thread keeps open, with the identity of their file; see ``_one_connection``."""

    def __init__(self) -> None:
        self.connections: dict[sa.Engine, tuple[sa.Connection, FileIdentity]] = {}


_held = _Held()


class LedgerDatabase:
    """Base of the classes that access tables of the database.

    Args:
        url: SQLAlchemy URL.
        create: function that creates missing tables.
        wait_seconds: how long an access waits for others before it fails; None for a minute on SQLite,
            and for as long as it takes on Postgres.
    """

    _name: ClassVar[str] = "ledger"
    _unavailable: ClassVar[type[TransientError]] = LedgerUnavailable
    _remedy: ClassVar[str] = ""
    """What helps if the database does not answer, as a sentence."""

    def __init__(
        self,
        url: str | sa.URL,
        create: Callable[[sa.Connection], None],
        wait_seconds: float | None = None,
    ) -> None:
        self._url = parsed(url)
        self._create = create
        self._wait_seconds = wait_seconds

    @cached_property
    def _engine(self) -> sa.Engine:
        if is_in_memory(self._url):
            engine = _engine_of.__wrapped__(self._url, self._wait_seconds)
            _create_with_retries(engine, self._create, self._wait_seconds)
            return engine
        file = self._url.database if self._url.get_backend_name() == "sqlite" else None
        if file is not None and not _has_content(Path(file)):
            _engine_of.cache_clear()
            _create_once.cache_clear()
        engine = _engine_of(self._url, self._wait_seconds)
        _create_once(engine, self._create, self._wait_seconds)
        return engine

    @contextmanager
    def _one_connection(self) -> Iterator[None]:
        with self._translated_errors():
            engine = self._engine
            connection = None if engine in _held.connections else engine.connect()
        if connection is None:
            yield
            return
        with connection:
            _held.connections[engine] = connection, _identity(engine.url)
            try:
                yield
            finally:
                del _held.connections[engine]

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        """A connection in a transaction.

        Raises:
            TransientError: the database does not answer; of the ledger a LedgerUnavailable.
            ConfigurationError: the file is not a database, or its folder cannot be created.
        """
        with self._translated_errors(), self._begin() as connection:
            yield connection

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        held, file = _held.connections.get(self._engine, (None, None))
        if held is None or held.in_transaction() or file != _identity(self._engine.url):
            with self._engine.begin() as connection:
                yield connection
        else:
            with held.begin():
                yield held

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Raise errors of the database as ours."""
        try:
            yield
        except sa.exc.OperationalError as error:
            redact(error, self._url)
            raise self._unavailable(
                f"The {self._name} does not answer: {sentence(error.orig)} {self._remedy}".rstrip()
            ) from error
        except sa.exc.DatabaseError as error:
            if type(error) is not sa.exc.DatabaseError:
                raise
            redact(error, self._url)
            raise ConfigurationError(
                f"{self._url.database} cannot be used as the {self._name} ({error.orig}). Restore it from a "
                "backup, or check ML_ASSETS_DATA."
            ) from error


def create_missing(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Create missing tables, columns and indexes, and lengthen text columns of an earlier version.

    A column that an earlier version did not have is nullable.
    """
    for table in metadata.sorted_tables:
        connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        _add_columns(connection, table)
        _lengthen(connection, table)
        for index in sorted(table.indexes, key=str):
            connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


def _add_columns(connection: sa.Connection, table: sa.Table) -> None:
    known = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in known:
            added = sa.schema.CreateColumn(column).compile(connection)
            connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {added}"))


def _lengthen(connection: sa.Connection, table: sa.Table) -> None:
    if connection.dialect.name == "sqlite":  # ignores lengths
        return
    for column in sa.inspect(connection).get_columns(table.name):
        wanted = getattr(table.c[column["name"]].type, "length", None)
        if wanted and (getattr(column["type"], "length", None) or wanted) < wanted:
            name = connection.dialect.identifier_preparer.quote(column["name"])
            connection.execute(
                sa.text(f"ALTER TABLE {table.name} ALTER COLUMN {name} TYPE VARCHAR({wanted})")
            )


@cache
def _engine_of(url: sa.URL, wait_seconds: float | None) -> sa.Engine:
    """One engine for each URL and time to wait in a process; a new one would compile every statement again."""
    if url.get_backend_name() != "sqlite":
        return _postgres_engine(url, wait_seconds)
    if is_in_memory(url):
        return sa.create_engine(
            url, connect_args={"check_same_thread": False}, poolclass=sa.StaticPool
        )
    _make_folder(Path(str(url.database)).parent)
    timeout = LOCKED_SECONDS if wait_seconds is None else wait_seconds
    engine = sa.create_engine(url, connect_args={"timeout": timeout}, poolclass=sa.NullPool)
    sa.event.listen(engine, "connect", _use_write_ahead_log)
    return engine


def _postgres_engine(url: sa.URL, wait_seconds: float | None) -> sa.Engine:
    """An engine with enough connections for threads that keep one and need a second."""
    timeout = {} if wait_seconds is None else {"connect_timeout": max(2, math.ceil(wait_seconds))}
    engine = sa.create_engine(
        url,
        connect_args=timeout,
        pool_size=KEPT_CONNECTIONS,
        max_overflow=MAX_CONNECTIONS - KEPT_CONNECTIONS,
    )
    if wait_seconds is None:
        return engine
    limit = math.ceil(wait_seconds * 1000)

    @sa.event.listens_for(engine, "connect")
    def limit_waiting(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {limit}")
        connection.commit()

    return engine


def stored_time(moment: datetime) -> datetime:
    """A timezone-aware time in UTC without its zone, which SQLite cannot store."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def is_in_memory(url: sa.URL) -> bool:
    """Whether it is an in-memory database of SQLite."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _identity(url: sa.URL) -> FileIdentity:
    """What tells a file of SQLite from one that replaced it; None for a lost one and for a server."""
    if url.get_backend_name() != "sqlite":
        return None
    try:
        found = Path(str(url.database)).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be used as the data folder ({error.strerror}). Expected a writable "
            "folder: check ML_ASSETS_DATA."
        ) from error


@cache
def _create_once(
    engine: sa.Engine, create: Callable[[sa.Connection], None], wait_seconds: float | None
) -> None:
    """Create missing tables, at the first access of a class of this process."""
    _create_with_retries(engine, create, wait_seconds)


def _create_with_retries(
    engine: sa.Engine, create: Callable[[sa.Connection], None], wait_seconds: float | None
) -> None:
    """Create missing tables, while other processes may create them at the same time."""
    deadline = math.inf if wait_seconds is None else time.monotonic() + wait_seconds
    for attempts_left in reversed(range(CREATE_ATTEMPTS)):
        try:
            with engine.begin() as connection:
                create(connection)
        except (sa.exc.OperationalError, sa.exc.IntegrityError, sa.exc.ProgrammingError):
            if not attempts_left or time.monotonic() > deadline:
                raise
            time.sleep(CREATE_WAIT_SECONDS)
        else:
            return


def _use_write_ahead_log(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # SQLite's default, unless built otherwise
