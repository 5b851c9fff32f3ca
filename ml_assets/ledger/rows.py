"""Conversion between entries and the rows of the ledger's tables."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from ml_assets.content import digest
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.tables import entries as entries_table
from ml_assets.ledger.tables import files as files_table
from ml_assets.ledger.tables import reads as reads_table
from ml_assets.ledger.tables import schemas as schemas_table

_COLUMN_FIELDS = [
    each.name for each in fields(Entry) if each.name in entries_table.c and each.name != "status"
]
"""Fields of an entry that are stored unchanged in a column of the same name."""


def insert(
    connection: sa.Connection, entries: Sequence[Entry], *, keep_times: bool = False
) -> None:
    """Add entries with their reads, schemas and files, with the current time or their own times."""
    now = datetime.now(UTC).replace(tzinfo=None)
    times = [(keep_times and entry.written_at) or now for entry in entries]
    ids = connection.scalars(
        sa.insert(entries_table).returning(entries_table.c.id, sort_by_parameter_order=True),
        [_entry_row(entry, at) for entry, at in zip(entries, times, strict=True)],
    ).all()
    reads = [
        _read_row(entry_id, read)
        for entry_id, entry in zip(ids, entries, strict=True)
        for read in entry.reads
    ]
    if reads:
        connection.execute(sa.insert(reads_table), reads)
    texts = {_schema_hash(entry): entry.schema for entry in entries if entry.schema}
    insert_missing(
        connection,
        schemas_table,
        [{"schema_hash": key, "columns": text} for key, text in texts.items()],
    )
    insert_files(
        connection,
        [
            (entry.table, entry.day, entry.content_hash, entry.files)
            for entry in entries
            if entry.files
        ],
    )


def insert_files(connection: sa.Connection, contents: Sequence[tuple[str, str, str, str]]) -> None:
    """Record table, day, content hash and identity of files, unless they are recorded."""
    names = [column.name for column in files_table.columns]
    rows = [dict(zip(names, content, strict=True)) for content in contents]
    insert_missing(connection, files_table, rows)


def insert_missing(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert rows whose key does not exist, while other processes may insert them too."""
    if rows:
        from sqlalchemy.dialects import postgresql, sqlite

        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def with_schema() -> sa.Select[Any]:
    """A query of entries with their schemas."""
    joined = sa.outerjoin(
        entries_table, schemas_table, entries_table.c.schema_hash == schemas_table.c.schema_hash
    )
    return sa.select(entries_table, schemas_table.c.columns.label("schema_columns")).select_from(
        joined
    )


def _schema_hash(entry: Entry) -> str:
    return digest(entry.schema) if entry.schema else ""


@cache
def latest_entries(*, in_span: bool, at_version: bool) -> sa.Select[Any]:
    """A query of the latest entry of each day, or the latest stored one up to a version.

    Its parameters are ``of_table``, and ``first``, ``last`` and ``version`` where they restrict it.
    To make a query takes longer than to execute it.

    Args:
        in_span: only days from ``first`` to ``last``.
        at_version: the latest stored one up to ``version``.
    """
    newest = _newest(in_span=in_span)
    if at_version:
        newest = newest.where(
            entries_table.c.status == Status.STORED.value,
            entries_table.c.version <= sa.bindparam("version"),
        )
    return with_schema().where(entries_table.c.id.in_(newest))


@cache
def reads_of_latest() -> sa.Select[Any]:
    """A query of the reads of the latest entries of days, with ``of_day``.

    Its parameters are ``of_table``, ``first``, ``last`` and ``statuses``.
    """
    return (
        sa.select(entries_table.c.day.label("of_day"), reads_table)
        .join(reads_table, reads_table.c.entry_id == entries_table.c.id)
        .where(
            entries_table.c.id.in_(_newest(in_span=True)),
            entries_table.c.status.in_(sa.bindparam("statuses", expanding=True)),
        )
    )


@cache
def distinct_reads_of_latest() -> sa.Select[Any]:
    """A query of the inputs of the latest entries of days, unless final, each input once.

    Its parameters are ``of_table``, ``first`` and ``last``.
    """
    return (
        sa.select(
            reads_table.c.table_name,
            reads_table.c.day,
            reads_table.c.content_hash,
            reads_table.c.is_pinned,
        )
        .join(entries_table, reads_table.c.entry_id == entries_table.c.id)
        .where(
            entries_table.c.id.in_(_newest(in_span=True)),
            entries_table.c.status.in_([Status.STORED.value, Status.QUARANTINED.value]),
            entries_table.c.is_final.is_(False),
        )
        .distinct()
    )


@cache
def hashes_of_latest() -> sa.Select[tuple[str, str]]:
    """A query of day and content hash of the latest entries that are stored.

    Its parameters are ``of_table``, ``first`` and ``last``.
    """
    return sa.select(entries_table.c.day, entries_table.c.content_hash).where(
        entries_table.c.id.in_(_newest(in_span=True)),
        entries_table.c.status == Status.STORED.value,
    )


def _newest(*, in_span: bool) -> sa.Select[tuple[int]]:
    """Number of the newest entry of each day of a table."""
    newest = sa.select(sa.func.max(entries_table.c.id)).where(
        entries_table.c.table_name == sa.bindparam("of_table")
    )
    if in_span:
        newest = newest.where(
            entries_table.c.day.between(sa.bindparam("first"), sa.bindparam("last"))
        )
    return newest.group_by(entries_table.c.day)


def _entry_row(entry: Entry, at: datetime) -> dict[str, object]:
    return {name: getattr(entry, name) for name in _COLUMN_FIELDS} | {
        "table_name": entry.table,
        "status": entry.status.value,
        "written_at": at,
        "schema_hash": _schema_hash(entry),
    }


def entry_of(row: sa.Row) -> Entry:  # type: ignore[type-arg]
    """The entry of a row that ``with_schema`` selected."""
    same = {name: getattr(row, name) for name in _COLUMN_FIELDS}
    return Entry(row.table_name, status=Status(row.status), schema=row.schema_columns or "", **same)


def read_of(row: sa.Row) -> Read:  # type: ignore[type-arg]
    """The read of a row."""
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
