"""Delta tables: overwrite days in one commit, read a window of days, and only what was stored.

What the days mean (good, quarantined, stale) is in ``ledger``; files and commits are in ``delta``.
Every read of a recorded day is verified, see ``verification``.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.errors import LakeMismatch, TerminalError
from ml_assets.lake import delta as files
from ml_assets.lake.pair import mark
from ml_assets.lake.reading import refusal, scan
from ml_assets.lake.remedy import repair_commands
from ml_assets.lake.verification import Opened, all_rows, damage, differing
from ml_assets.lake.window import Window
from ml_assets.lake.writing import WrittenDays, write
from ml_assets.ledger.database import is_in_memory
from ml_assets.ledger.entries import Entry, Status, damage_of, usable_hashes
from ml_assets.ledger.ledger import Ledger
from ml_assets.provenance.provenance import Provenance

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["Lake", "Window"]


class Lake:
    """The tables under one root.

    Args:
        uri: a folder, or any object-store URL that deltalake takes.
        ledger: where the state of each day is recorded.
        elsewhere: table → root of the lake it is read from, for tables that belong to another.
    """

    def __init__(
        self, uri: str, ledger: Ledger, elsewhere: Mapping[str, str] | None = None
    ) -> None:
        self.uri = uri
        self.ledger = ledger
        self._elsewhere = elsewhere or {}

    @cached_property
    def provenance(self) -> Provenance:
        """What stands behind the entries of the ledger, in the same database."""
        return Provenance(self.ledger.url)

    def window(self, table: str, days: Sequence[str]) -> Window:
        """The given days of a table as they are now, without reading a row."""
        hashes = usable_hashes(self.ledger.latest(table, days))
        while True:
            delta = self.open(table)
            version = delta.version() if delta else None
            again = usable_hashes(self.ledger.latest(table, days))
            if again == hashes:
                return Window(self, table, tuple(days), hashes, version)
            hashes = again

    def read(
        self,
        table: str,
        days: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        hashes: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Rows of some days. Those that the ledger recorded as stored are verified first.

        Args:
            table: table name.
            days: days to read, all when omitted.
            columns: columns to read, all when omitted.
            version: table version, the newest when omitted.
            hashes: day → content it has to hold; what the ledger recorded at this version when
                omitted.

        Raises:
            LakeMismatch: the table or the version is not there, or rows are not those that were
                recorded. Their days are quarantined then, so that they are computed again.
        """
        opened, entries = self._recorded(table, days, version)
        if hashes is not None:
            entries = self.ledger.with_content(table, hashes)
        self._refuse_damaged(opened, entries, version)
        return scan(opened, days, columns, version)

    def scan(
        self,
        table: str,
        days: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """The same, not verified: only for what compares the rows with the recorded hashes itself.

        Raises:
            LakeMismatch: the table or the version is not there.
        """
        return scan(self.opened(table, version), days, columns, version)

    def differing(self, table: str, hashes: Mapping[str, str], version: int | None) -> list[str]:
        """Days of a table that do not hold some content, each hashed whatever files are known.

        Args:
            table: table name.
            hashes: day → content that was recorded once.
            version: table version, the newest when omitted.
        """
        entries = self.ledger.with_content(table, hashes)
        found = differing(self.opened(table, version), entries)
        return sorted({*found} | ({*hashes} - {*entries}))

    def recorded_rows(
        self, table: str, entries: Mapping[str, Entry]
    ) -> tuple[list[pd.DataFrame], dict[str, str]]:
        """Rows of recorded days as they are now, with the content of each hashed.

        Args:
            table: table name.
            entries: day → its entry; at least one.

        Returns:
            The rows, those of each schema together and typed by it, and day → why it does not hold
            what was recorded.
        """
        return all_rows(self.opened(table), entries)

    def verify(self, table: str) -> None:
        """Refuse a table with a stored day whose rows are not those that were recorded.

        Raises:
            LakeMismatch: there is one.
        """
        self._refuse_damaged(*self._recorded(table, None, None), None)

    def opened(self, table: str, version: int | None = None) -> Opened:
        """A table at a version, whether it is there or not."""
        return Opened(table, self.path(table), self.open(table, version))

    def damaged(self, window: Window) -> dict[str, str]:
        """Days of a window that were altered or lost behind the ledger, and what became of them.

        Days that are found to be so are quarantined: what reads them waits, and materializing
        them computes them again.
        """
        entries = self.ledger.latest(window.table, window.days)
        before = {day: reason for day, entry in entries.items() if (reason := damage_of(entry))}
        if window.version is None and not any(
            item.version is not None for item in entries.values()
        ):
            return before
        return before | self.quarantine_damaged(window.table, list(window.hashes))

    def quarantine_damaged(self, table: str, days: Sequence[str]) -> dict[str, str]:
        """Quarantine the days whose newest rows are not the recorded ones; day → why."""
        opened, entries = self._recorded(table, days, None)
        bad = damage(self.ledger, opened, entries)
        if bad and table not in self._elsewhere:
            self.ledger.quarantine([entries[day] for day in bad], bad)
        return bad

    def intact(self, entries: Mapping[str, Entry]) -> set[str]:
        """Days among the latest entries of one table whose rows are as they were recorded."""
        if not entries:
            return set()
        table = next(iter(entries.values())).table
        has_rows = any(entry.version is not None for entry in entries.values())
        opened = self.opened(table) if has_rows else Opened(table, self.path(table), None)
        return set(entries) - set(damage(self.ledger, opened, entries))

    def write(self, table: str, rows: pd.DataFrame, days: Sequence[str]) -> WrittenDays:
        """Replace the given days by ``rows`` in one commit.

        Args:
            table: table name; the table is created when it is not there.
            rows: (n, columns) with the partition column ``ds``; each within ``days``.
            days: days that are replaced; one without rows becomes empty.

        Returns:
            What the ledger has to know of it.

        Raises:
            CommitConflict: other writers of the same days kept winning.
            LakeMismatch: a column is stored with another type, or the table is damaged.
            TerminalError: the table belongs to another lake, or rows are outside the days.
        """
        if table in self._elsewhere:
            raise TerminalError(f"{table} belongs to another lake and is only read here.")
        self.mark()
        return write(table, self.path(table), rows, days)

    def mark(self) -> None:
        """Let the lake carry the ledger's id; one in memory is gone before anybody could compare."""
        if not is_in_memory(self.ledger.url):
            mark(self.uri, self.ledger)

    def exists(self, table: str) -> bool:
        """Whether the lake has this table."""
        return self.open(table) is not None

    def days_stored(self, table: str) -> list[str]:
        """Days that may be read, in order."""
        return sorted(
            day for day, entry in self.ledger.latest(table).items() if entry.status is Status.STORED
        )

    def path(self, table: str) -> str:
        """Where a table is.

        Raises:
            TerminalError: it is no name of a table.
        """
        if not re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*", table):
            raise TerminalError(f"Table name {table!r} must be lower-case words joined by '/'.")
        return f"{self._elsewhere.get(table, self.uri).rstrip('/')}/{table}"

    def open(self, table: str, version: int | None = None) -> "DeltaTable | None":
        """The Delta table, or None when the lake has no such table or version.

        Raises:
            LakeMismatch: its log is damaged.
        """
        return files.open_table(table, self.path(table), version)

    def _refuse_damaged(
        self, opened: Opened, entries: Mapping[str, Entry], version: int | None
    ) -> None:
        if bad := damage(self.ledger, opened, entries):
            quarantined = self.quarantine_damaged(opened.table, sorted(bad))
            damaged = list(self.ledger.latest(opened.table, list(quarantined)).values())
            commands = repair_commands(self, damaged) if damaged else []
            raise LakeMismatch(refusal(opened, bad, commands, version))

    def _recorded(
        self, table: str, days: Sequence[str] | None, version: int | None
    ) -> tuple[Opened, dict[str, Entry]]:
        """A table at a version, and what the ledger says of its days at that version."""
        if version is not None:
            return self.opened(table, version), self.ledger.at_version(table, version, days)
        entries = self._stored(table, days)
        while True:
            opened = self.opened(table)
            again = self._stored(table, days)
            if again == entries:
                return opened, entries
            entries = again

    def _stored(self, table: str, days: Sequence[str] | None) -> dict[str, Entry]:
        latest = self.ledger.latest(table, days)
        return {day: entry for day, entry in latest.items() if entry.status is Status.STORED}
