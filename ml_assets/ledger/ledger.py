"""The ledger: status and inputs of every day of every table.

Entries are only appended; the latest entry of a day is its current status. Rows are in the lake;
``staleness`` and ``planning`` evaluate the entries.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import sqlalchemy as sa

from ml_assets.cadence import Span
from ml_assets.ledger.database import LedgerDatabase
from ml_assets.ledger.entries import Entry, Identity, Read, Status
from ml_assets.ledger.rows import (
    distinct_reads_of_latest,
    entry_of,
    hashes_of_latest,
    insert,
    insert_files,
    latest_entries,
    read_of,
    reads_of_latest,
    with_schema,
)
from ml_assets.ledger.tables import FORMAT, create_tables
from ml_assets.ledger.tables import entries as _entries
from ml_assets.ledger.tables import files as _files
from ml_assets.ledger.tables import meta as _meta
from ml_assets.ledger.tables import reads as _reads

COMPUTED = (Status.STORED, Status.QUARANTINED)
"""Statuses of days that were computed from their reads."""

ORDER_LOCK = 7309
"""Advisory lock on Postgres: without it, entries could become visible in another order than that
of their numbers."""

Content = tuple[str, str, str]
"""A day, its content hash, and the identity of its data files."""


class Ledger(LedgerDatabase):
    """Append-only record of writes.

    Args:
        url: SQLAlchemy URL; the tables are created when they are missing.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, create_tables)

    @property
    def url(self) -> sa.URL:
        """URL of the database; its text hides the password."""
        return self._url

    def one_connection(self) -> AbstractContextManager[None]:
        """Keep one connection open for all accesses of this thread to the database in a block.

        Each access still is a transaction of its own. SQLite opens its file anew otherwise, which
        takes longer than most queries.

        Raises:
            LedgerUnavailable: the database does not answer.
            ConfigurationError: the file is not a database, or its folder cannot be created.
        """
        return self._one_connection()

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries with their reads in one transaction."""
        if entries:
            with self._transaction() as connection:
                insert(connection, entries)

    def quarantine(self, entries: Sequence[Entry], reasons: Mapping[str, str]) -> None:
        """Quarantine stored days of one table, except those that were written in the meantime.

        Args:
            entries: the entries with which the rows were compared.
            reasons: day → how its rows differ from the entry.
        """
        if entries:
            latest = self.latest(entries[0].table, [entry.day for entry in entries])
            self.append(
                [
                    replace(entry, status=Status.QUARANTINED, reason=reasons[entry.day])
                    for entry in entries
                    if latest[entry.day] == entry
                ]
            )

    def begin(self, table: str, days: Sequence[str]) -> None:
        """Record that writing of days begins; of concurrent writers, the later sees the earlier."""
        with self._transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ORDER_LOCK)))
            insert(connection, [Entry(table, day, Status.WRITING) for day in days])

    def latest(self, table: str, days: Sequence[str] | Span | None = None) -> dict[str, Entry]:
        """The latest entry of each day that has one (without ``reads``).

        Args:
            table: table name, ``pipeline/noun``.
            days: only these days; all of the table's when omitted.
        """
        return self._by_day(table, days)

    def at_version(
        self, table: str, version: int, days: Sequence[str] | None = None
    ) -> dict[str, Entry]:
        """The entries of days that were stored at a version of a table (without ``reads``).

        Args:
            table: table name.
            version: table version.
            days: only these days; all of the table's when omitted.
        """
        return self._by_day(table, days, version)

    def _by_day(
        self, table: str, days: Sequence[str] | Span | None, version: int | None = None
    ) -> dict[str, Entry]:
        if days is not None and not days:
            return {}
        span = days if isinstance(days, Span) or days is None else Span(min(days), max(days))
        query = latest_entries(in_span=span is not None, at_version=version is not None)
        parameters: dict[str, object] = {"of_table": table}
        if span is not None:
            parameters |= {"first": span.first, "last": span.last}
        if version is not None:
            parameters["version"] = version
        with self._transaction() as connection:
            rows = connection.execute(query, parameters).all()
        requested = None if days is None or isinstance(days, Span) else {*days}
        return {row.day: entry_of(row) for row in rows if requested is None or row.day in requested}

    def identity(self) -> Identity:
        """The ledger's ID, and whether it is empty."""
        has_rows = _entries.c.version.is_not(None)
        query = sa.select(
            _meta.c.id,
            sa.exists(sa.select(_entries.c.id)).label("has_entries"),
            sa.exists(sa.select(_entries.c.id).where(has_rows)).label("has_rows"),
        )
        with self._transaction() as connection:
            row = connection.execute(query).first()
        return Identity(*row) if row else Identity("", has_entries=False, has_rows=False)

    def reset(self, new_id: str, entries: Sequence[Entry]) -> None:
        """Set the ledger's ID to that of a lake, and add entries with their own times."""
        with self._transaction() as connection:
            connection.execute(sa.delete(_meta))
            connection.execute(sa.insert(_meta).values(number=1, id=new_id, format=FORMAT))
            if entries:
                insert(connection, entries, keep_times=True)

    def known_files(self, table: str, days: Sequence[str]) -> set[Content]:
        """The verified files of days, with the content hash of each."""
        if not days:
            return set()
        query = sa.select(_files.c.day, _files.c.content_hash, _files.c.files).where(
            _files.c.table_name == table, _files.c.day.between(min(days), max(days))
        )
        with self._transaction() as connection:
            return {(row.day, row.content_hash, row.files) for row in connection.execute(query)}

    def remember_files(self, table: str, found: Iterable[Content]) -> None:
        """Record verified files of days, unless they are recorded."""
        with self._transaction() as connection:
            insert_files(connection, [(table, *content) for content in found])

    def all_latest(self) -> list[Entry]:
        """The latest entry of each day of every table, with its reads."""
        return self._with_reads(
            sa.select(sa.func.max(_entries.c.id)).group_by(_entries.c.table_name, _entries.c.day)
        )

    def history(self, table: str, day: str | None = None) -> list[Entry]:
        """All entries of a day, or of all days, oldest first, with their reads."""
        ids = sa.select(_entries.c.id).where(_entries.c.table_name == table)
        return self._with_reads(ids if day is None else ids.where(_entries.c.day == day))

    def of_run(self, run_id: str) -> list[Entry]:
        """All entries that a run wrote, oldest first (without ``reads``)."""
        query = with_schema().where(_entries.c.run_id == run_id).order_by(_entries.c.id)
        with self._transaction() as connection:
            return [entry_of(row) for row in connection.execute(query)]

    def histories(self, table: str, days: Sequence[str]) -> dict[str, list[Entry]]:
        """Day → all its entries, oldest first, with their reads."""
        is_requested = _entries.c.day.between(min(days), max(days)) if days else sa.false()
        ids = sa.select(_entries.c.id).where(_entries.c.table_name == table, is_requested)
        found: dict[str, list[Entry]] = {day: [] for day in days}
        for entry in self._with_reads(ids):
            if entry.day in found:
                found[entry.day].append(entry)
        return found

    def with_content(self, table: str, hashes: Mapping[str, str]) -> dict[str, Entry]:
        """Day → an entry that stored the given content, preferably the latest entry.

        Args:
            table: table name.
            hashes: day → content hash; days that never had it are left out.
        """
        latest = self.latest(table, list(hashes))
        candidates = list(latest.values())
        if any(
            entry.status is not Status.STORED or entry.content_hash != hashes[entry.day]
            for entry in candidates
        ):
            histories = self.histories(table, list(hashes))
            candidates = [entry for entries in histories.values() for entry in entries]
        return {
            entry.day: entry
            for entry in candidates
            if entry.status is Status.STORED and entry.content_hash == hashes[entry.day]
        }

    def _with_reads(self, ids: sa.Select[tuple[int]]) -> list[Entry]:
        entries = with_schema().where(_entries.c.id.in_(ids)).order_by(_entries.c.id)
        reads = sa.select(_reads).where(_reads.c.entry_id.in_(ids))
        with self._transaction() as connection:
            rows = connection.execute(entries).all()
            of_entry: dict[int, list[Read]] = defaultdict(list)
            for row in connection.execute(reads):
                of_entry[row.entry_id].append(read_of(row))
        return [replace(entry_of(row), reads=of_entry[row.id]) for row in rows]

    def tables(self) -> list[str]:
        """Names of all tables that have an entry."""
        with self._transaction() as connection:
            return list(
                connection.scalars(
                    sa.select(_entries.c.table_name).distinct().order_by(_entries.c.table_name)
                )
            )

    def reads(
        self, table: str, days: Sequence[str], statuses: Collection[Status] = COMPUTED
    ) -> dict[str, list[Read]]:
        """The inputs of the latest entry of each day.

        Args:
            table: table name.
            days: the requested days.
            statuses: statuses of the entries whose reads are returned.
        """
        if not days:
            return {}
        parameters = {
            "of_table": table,
            "first": min(days),
            "last": max(days),
            "statuses": [*statuses],
        }
        with self._transaction() as connection:
            rows = connection.execute(reads_of_latest(), parameters).all()
        reads: dict[str, list[Read]] = {day: [] for day in days}
        for row in rows:
            if row.of_day in reads:
                reads[row.of_day].append(read_of(row))
        return reads

    def distinct_reads(self, table: str, span: Span) -> set[Read]:
        """The inputs of the latest entries of a span of days, unless final.

        An input that several days read is returned once, without its version.
        """
        parameters = {"of_table": table, "first": span.first, "last": span.last}
        with self._transaction() as connection:
            rows = connection.execute(distinct_reads_of_latest(), parameters).all()
        return {
            Read(table_name, day, content_hash, None, is_pinned)
            for table_name, day, content_hash, is_pinned in rows
        }

    def stored_hashes(self, table: str, span: Span) -> dict[str, str]:
        """Day → content hash, of the days of a span that are stored."""
        parameters = {"of_table": table, "first": span.first, "last": span.last}
        with self._transaction() as connection:
            return {
                row.day: row.content_hash
                for row in connection.execute(hashes_of_latest(), parameters)
            }

    def versions_read(self, table: str, readers: Sequence[str]) -> set[int]:
        """Versions of a table from which any entry of ``readers``, old or new, was computed."""
        query = (
            sa.select(_reads.c.version)
            .join(_entries, _reads.c.entry_id == _entries.c.id)
            .where(_reads.c.table_name == table, _entries.c.table_name.in_(readers))
            .distinct()
        )
        with self._transaction() as connection:
            return {version for version in connection.scalars(query) if version is not None}
