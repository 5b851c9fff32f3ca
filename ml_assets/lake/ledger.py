"""The ledger: for every day of every table, what happened to it last and from which inputs.

Is this day usable, and what was it made from? Entries are only appended; the latest entry of a day
is its state. Rows themselves are in ``store``, conclusions in ``staleness`` and ``planning``.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from ml_assets.lake.database import Database, create_missing
from ml_assets.lake.entries import Entry, Read, Status

IN_TURN = 7309
"""Lock on Postgres, where entries may else be seen in another order than that of their numbers."""

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


class Ledger(Database):
    """Append-only record of writes.

    Args:
        url: SQLAlchemy URL; the tables are created when they are missing.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, _create_tables)

    @property
    def url(self) -> sa.URL:
        """Where it is; as text it hides the password."""
        return self._url

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries with what they read, all or nothing."""
        if entries:
            with self._transaction() as connection:
                _insert(connection, entries)

    def begin(self, table: str, days: Sequence[str]) -> None:
        """Note that days begin to be written; of two writers at once the later sees the earlier."""
        with self._transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(IN_TURN)))
            _insert(connection, [Entry(table, day, Status.WRITING) for day in days])

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

    def everything(self) -> list[Entry]:
        """The latest entry of each day of every table, each with what it was computed from."""
        return self._with_reads(
            sa.select(sa.func.max(_entries.c.id)).group_by(_entries.c.table_name, _entries.c.day)
        )

    def history(self, table: str, day: str | None = None) -> list[Entry]:
        """All entries of a day, or of all days, oldest first, each with what it was computed from."""
        ids = sa.select(_entries.c.id).where(_entries.c.table_name == table)
        return self._with_reads(ids if day is None else ids.where(_entries.c.day == day))

    def of_run(self, run_id: str) -> list[Entry]:
        """All entries that a run wrote, oldest first (``reads`` is left empty)."""
        query = sa.select(_entries).where(_entries.c.run_id == run_id).order_by(_entries.c.id)
        with self._transaction() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def histories(self, table: str, days: Sequence[str]) -> dict[str, list[Entry]]:
        """The same for several days."""
        wanted = _entries.c.day.between(min(days), max(days)) if days else sa.false()
        ids = sa.select(_entries.c.id).where(_entries.c.table_name == table, wanted)
        found: dict[str, list[Entry]] = {day: [] for day in days}
        for entry in self._with_reads(ids):
            if entry.day in found:
                found[entry.day].append(entry)
        return found

    def _with_reads(self, ids: sa.Select[tuple[int]]) -> list[Entry]:
        entries = sa.select(_entries).where(_entries.c.id.in_(ids)).order_by(_entries.c.id)
        reads = sa.select(_reads).where(_reads.c.entry_id.in_(ids))
        with self._transaction() as connection:
            rows = connection.execute(entries).all()
            of_entry: dict[int, list[Read]] = defaultdict(list)
            for row in connection.execute(reads):
                of_entry[row.entry_id].append(_read(row))
        return [replace(_entry(row), reads=of_entry[row.id]) for row in rows]

    def tables(self) -> list[str]:
        """Names of all tables that have an entry."""
        with self._transaction() as connection:
            return list(
                connection.scalars(
                    sa.select(_entries.c.table_name).distinct().order_by(_entries.c.table_name)
                )
            )

    def reads(self, table: str, days: Sequence[str]) -> dict[str, list[Read]]:
        """What the latest entry of each day was computed from; nothing where it was skipped."""
        query = (
            sa.select(_entries.c.day.label("of_day"), _reads)
            .join(_reads, _reads.c.entry_id == _entries.c.id)
            .where(_is_latest(table, days), _entries.c.status != Status.SKIPPED.value)
        )
        with self._transaction() as connection:
            rows = connection.execute(query).all()
        reads: dict[str, list[Read]] = {day: [] for day in days}
        for row in rows:
            if row.of_day in reads:
                reads[row.of_day].append(_read(row))
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


def _insert(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
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


def _read(row: sa.Row) -> Read:  # type: ignore[type-arg]
    return Read(row.table_name, row.day, row.content_hash, row.version, row.is_pinned)


def _read_row(entry_id: int, read: Read) -> dict[str, object]:
    return {
        "entry_id": entry_id,
        "table_name": read.table,
        "day": read.day,
        "content_hash": read.content_hash,
        "version": read.version,
        "is_pinned": read.is_pinned,
    }


def _create_tables(connection: sa.Connection) -> None:
    create_missing(connection, _metadata)
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
