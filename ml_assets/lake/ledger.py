"""The ledger: for every day of every table, what happened to it last and from which inputs.

Is this day usable, and what was it made from? Entries are only appended; the latest entry of a day
is its state. Rows themselves are in ``store``, conclusions in ``staleness`` and ``planning``.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ml_assets.errors import LedgerUnavailable
from ml_assets.lake.content import digest


class Status(StrEnum):
    """State of one day of one table."""

    WRITING = "writing"
    STORED = "stored"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Read:
    """One input day.

    Attributes:
        table: table that was read.
        day: day of it.
        content_hash: what it held; empty when it was absent, so that its arrival is a change.
        version: table version it was read at.
        is_pinned: it was used as it was decided then; that *its* inputs change later does not
            make the reader stale (a champion goes on serving when its training data is corrected).
    """

    table: str
    day: str
    content_hash: str
    version: int | None
    is_pinned: bool = False


@dataclass(frozen=True)
class Entry:
    """What happened to one day of a table."""

    table: str
    day: str
    status: Status
    reason: str = ""
    content_hash: str = ""
    rows: int = 0
    dead_letters: int = 0
    version: int | None = None
    code_version: str = ""
    inputs_hash: str = ""
    run_id: str = ""
    written_at: datetime | None = None
    reads: Sequence[Read] = field(default=(), compare=False)


def inputs_hash(code_version: str, reads: Iterable[Read]) -> str:
    """One hash of everything a day is computed from; equal hash, equal result."""
    return digest(
        code_version, *sorted(f"{read.table}|{read.day}|{read.content_hash}" for read in reads)
    )


CREATE_ATTEMPTS = 100
CREATE_WAIT_SECONDS = 0.1

_metadata = sa.MetaData()

_entries = sa.Table(
    "ledger_entries",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("dead_letters", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("code_version", sa.String(64), nullable=False),
    sa.Column("inputs_hash", sa.String(64), nullable=False),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("written_at", sa.DateTime, nullable=False),
    sa.Index("ledger_entries_of_day", "table_name", "day", "id"),
)

_reads = sa.Table(
    "ledger_reads",
    _metadata,
    sa.Column("entry_id", sa.Integer, nullable=False, index=True),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("is_pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ledger_reads_of_day", "table_name", "day"),
)


class Database:
    """Tables of the ledger's database, in any that SQLAlchemy knows; every access a transaction.

    Args:
        url: SQLAlchemy URL.
        create: creates the tables that are missing.
    """

    def __init__(self, url: str, create: Callable[[sa.Connection], None]) -> None:
        self._url = sa.make_url(url)
        self._create = create

    @cached_property
    def _engine(self) -> sa.Engine:
        file = self._url.database if self._url.get_backend_name() == "sqlite" else None
        if file is not None and not Path(file).exists():
            _engine_of.cache_clear()
        return _engine_of(self._url, self._create)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise LedgerUnavailable(f"The ledger does not answer: {error.orig}.") from error


class Ledger(Database):
    """Append-only record of writes.

    Args:
        url: SQLAlchemy URL; the tables are created when they are missing.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, _create_tables)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries with what they read, all or nothing."""
        if not entries:
            return
        now = datetime.now(UTC).replace(tzinfo=None)
        with self._transaction() as connection:
            ids = connection.scalars(
                sa.insert(_entries).returning(_entries.c.id, sort_by_parameter_order=True),
                [_entry_row(entry, now) for entry in entries],
            ).all()
            reads = [
                _read_row(entry_id, read)
                for entry_id, entry in zip(ids, entries, strict=True)
                for read in entry.reads
            ]
            if reads:
                connection.execute(sa.insert(_reads), reads)

    def latest(self, table: str, days: Sequence[str] | None = None) -> dict[str, Entry]:
        """The latest entry of each day that has one (``reads`` is left empty).

        Args:
            table: table name, ``pipeline/noun``.
            days: only these days; all of the table's when omitted.
        """
        with self._transaction() as connection:
            rows = connection.execute(sa.select(_entries).where(_is_latest(table, days))).all()
        wanted = None if days is None else set(days)
        return {row.day: _entry(row) for row in rows if wanted is None or row.day in wanted}

    def tables(self) -> list[str]:
        """Names of all tables that have an entry."""
        with self._transaction() as connection:
            return list(
                connection.scalars(
                    sa.select(_entries.c.table_name).distinct().order_by(_entries.c.table_name)
                )
            )

    def reads(self, table: str, days: Sequence[str]) -> dict[str, list[Read]]:
        """What the latest entry of each day was computed from."""
        query = (
            sa.select(_entries.c.day.label("of_day"), _reads)
            .join(_reads, _reads.c.entry_id == _entries.c.id)
            .where(_is_latest(table, days))
        )
        with self._transaction() as connection:
            rows = connection.execute(query).all()
        reads: dict[str, list[Read]] = {day: [] for day in days}
        for row in rows:
            if row.of_day in reads:
                reads[row.of_day].append(
                    Read(row.table_name, row.day, row.content_hash, row.version, row.is_pinned)
                )
        return reads

    def versions_read(self, table: str, readers: Sequence[str]) -> set[int]:
        """Versions of a table that any entry, old or new, of the reading tables was made from."""
        query = (
            sa.select(_reads.c.version)
            .join(_entries, _reads.c.entry_id == _entries.c.id)
            .where(_reads.c.table_name == table, _entries.c.table_name.in_(readers))
            .distinct()
        )
        with self._transaction() as connection:
            return {version for version in connection.scalars(query) if version is not None}


@cache
def _engine_of(url: sa.URL, create: Callable[[sa.Connection], None]) -> sa.Engine:
    """One engine for all ledgers of a process: a new one would compile every statement again."""
    if url.get_backend_name() != "sqlite":
        engine = sa.create_engine(url)
    else:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(url, connect_args={"timeout": 60}, poolclass=sa.NullPool)
        sa.event.listen(engine, "connect", _use_write_ahead_log)
    _create_missing(engine, create)
    return engine


def usable_hashes(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Day → content hash of the days that may be read."""
    return {
        day: entry.content_hash for day, entry in entries.items() if entry.status is Status.STORED
    }


def _is_latest(table: str, days: Sequence[str] | None) -> sa.ColumnElement[bool]:
    newest = sa.select(sa.func.max(_entries.c.id)).where(_entries.c.table_name == table)
    if days is not None:
        newest = newest.where(_entries.c.day.between(min(days), max(days)) if days else sa.false())
    return _entries.c.id.in_(newest.group_by(_entries.c.day))


def _entry_row(entry: Entry, now: datetime) -> dict[str, object]:
    return {
        "table_name": entry.table,
        "day": entry.day,
        "status": entry.status.value,
        "reason": entry.reason,
        "content_hash": entry.content_hash,
        "rows": entry.rows,
        "dead_letters": entry.dead_letters,
        "version": entry.version,
        "code_version": entry.code_version,
        "inputs_hash": entry.inputs_hash,
        "run_id": entry.run_id,
        "written_at": now,
    }


def _entry(row: sa.Row) -> Entry:  # type: ignore[type-arg]
    return Entry(
        table=row.table_name,
        day=row.day,
        status=Status(row.status),
        reason=row.reason,
        content_hash=row.content_hash,
        rows=row.rows,
        dead_letters=row.dead_letters,
        version=row.version,
        code_version=row.code_version,
        inputs_hash=row.inputs_hash,
        run_id=row.run_id,
        written_at=row.written_at,
    )


def _read_row(entry_id: int, read: Read) -> dict[str, object]:
    return {
        "entry_id": entry_id,
        "table_name": read.table,
        "day": read.day,
        "content_hash": read.content_hash,
        "version": read.version,
        "is_pinned": read.is_pinned,
    }


def _create_missing(engine: sa.Engine, create: Callable[[sa.Connection], None]) -> None:
    """Create what is missing; several processes may open a new ledger at the same moment."""
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


def _create_tables(connection: sa.Connection) -> None:
    for table in _metadata.sorted_tables:
        connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=str):
            connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
    _add_pinned(connection)


def _add_pinned(connection: sa.Connection) -> None:
    """Ledgers made before reads could be pinned lack the column."""
    present = {column["name"] for column in sa.inspect(connection).get_columns(_reads.name)}
    if "is_pinned" not in present:
        connection.execute(
            sa.text(
                f"ALTER TABLE {_reads.name} ADD COLUMN is_pinned BOOLEAN DEFAULT false NOT NULL"
            )
        )


def _use_write_ahead_log(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
