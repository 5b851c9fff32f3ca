"""A ledger that reads some tables from another ledger, which it never changes.

A backtest uses it to replay history: it reads the project's sources and features, and writes its
own models and decisions.
"""

from collections.abc import Collection, Iterable, Sequence

from ml_assets.cadence import Span
from ml_assets.errors import TerminalError
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import COMPUTED, Content, Ledger


class SharingLedger(Ledger):
    """A ledger that reads the entries of some tables from another ledger.

    Args:
        url: SQLAlchemy URL of its own database.
        other: the ledger that is only read.
        tables: tables whose entries are read from ``other``.
    """

    def __init__(self, url: str, other: Ledger, tables: Collection[str]) -> None:
        super().__init__(url)
        self._other = other
        self._shared = frozenset(tables)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries of own tables.

        Raises:
            TerminalError: an entry is of a shared table.
        """
        if theirs := {entry.table for entry in entries} & self._shared:
            raise TerminalError(
                f"{min(theirs)} is shared with this project for reading only. Materialize it in "
                "the project that it belongs to."
            )
        super().append(entries)

    def latest(self, table: str, days: Sequence[str] | Span | None = None) -> dict[str, Entry]:
        """The latest entry of each day, from the ledger the table belongs to."""
        return (
            self._other.latest(table, days)
            if self._is_shared(table)
            else super().latest(table, days)
        )

    def reads(
        self, table: str, days: Sequence[str], statuses: Collection[Status] = COMPUTED
    ) -> dict[str, list[Read]]:
        """The reads of the latest entries, from the ledger the table belongs to."""
        return (
            self._other.reads(table, days, statuses)
            if self._is_shared(table)
            else super().reads(table, days, statuses)
        )

    def distinct_reads(self, table: str, span: Span) -> set[Read]:
        """The inputs of days, from the ledger that the table belongs to."""
        return (
            self._other.distinct_reads(table, span)
            if self._is_shared(table)
            else super().distinct_reads(table, span)
        )

    def stored_hashes(self, table: str, span: Span) -> dict[str, str]:
        """Content hashes of stored days, from the ledger the table belongs to."""
        return (
            self._other.stored_hashes(table, span)
            if self._is_shared(table)
            else super().stored_hashes(table, span)
        )

    def history(self, table: str, day: str | None = None) -> list[Entry]:
        """All entries of a day, or of all days, from the ledger the table belongs to."""
        return (
            self._other.history(table, day)
            if self._is_shared(table)
            else super().history(table, day)
        )

    def histories(self, table: str, days: Sequence[str]) -> dict[str, list[Entry]]:
        """All entries of several days, from the ledger the table belongs to."""
        return (
            self._other.histories(table, days)
            if self._is_shared(table)
            else super().histories(table, days)
        )

    def at_version(
        self, table: str, version: int, days: Sequence[str] | None = None
    ) -> dict[str, Entry]:
        """The entries of days at a version, from the ledger the table belongs to."""
        return (
            self._other.at_version(table, version, days)
            if self._is_shared(table)
            else super().at_version(table, version, days)
        )

    def known_files(self, table: str, days: Sequence[str]) -> set[Content]:
        """The verified files of days, from the ledger the table belongs to."""
        return (
            self._other.known_files(table, days)
            if self._is_shared(table)
            else super().known_files(table, days)
        )

    def remember_files(self, table: str, found: Iterable[Content]) -> None:
        """Record verified files, for own tables only."""
        if not self._is_shared(table):
            super().remember_files(table, found)

    def _is_shared(self, table: str) -> bool:
        return table in self._shared
