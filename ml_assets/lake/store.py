"""The lake: Delta tables whose days are replaced in one commit and verified at every read.

``ledger`` records the status of days, ``delta`` handles files and commits, ``verification``
compares rows with the recorded hashes.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.errors import LakeMismatch, TerminalError
from ml_assets.lake import delta as files
from ml_assets.lake.pair import mark
from ml_assets.lake.reading import damage_message, scan
from ml_assets.lake.remedy import repair_commands
from ml_assets.lake.verification import OpenedTable, all_rows, damaged_days, differing_days
from ml_assets.lake.window import Window
from ml_assets.lake.writing import WrittenDays, write
from ml_assets.ledger.database import is_in_memory
from ml_assets.ledger.entries import Entry, Status, damage_of, usable_hashes
from ml_assets.ledger.ledger import Ledger
from ml_assets.provenance.measurements import Measurements
from ml_assets.provenance.provenance import Provenance

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["Lake", "Window"]


class Lake:
    """The tables under one root.

    Args:
        uri: a folder, or any object-store URL that deltalake takes.
        ledger: the ledger that records the status of each day.
        other_roots: table → root of its lake, for tables that are only read from another lake.
    """

    def __init__(
        self, uri: str, ledger: Ledger, other_roots: Mapping[str, str] | None = None
    ) -> None:
        self.uri = uri
        self.ledger = ledger
        self._other_roots = other_roots or {}

    @cached_property
    def provenance(self) -> Provenance:
        """Provenance of the ledger's entries, in the same database."""
        return Provenance(self.ledger.url)

    @cached_property
    def measurements(self) -> Measurements:
        """Measured column lineage, in the same database."""
        return Measurements(self.ledger.url)

    def window(self, table: str, days: Sequence[str]) -> Window:
        """Hashes and version of the given days of a table, without reading rows."""
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
        """Rows of days. Days that the ledger recorded as stored are verified first.

        Args:
            table: table name.
            days: days to read, all when omitted.
            columns: columns to read, all when omitted.
            version: table version, the newest when omitted.
            hashes: day → expected content hash; by default the recorded one at this version.

        Raises:
            LakeMismatch: the table or version does not exist, or rows differ from the recorded
                ones. Their days are then quarantined, so that they are computed again.
        """
        with self.ledger.one_connection():
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
        """Rows of days without verification, for callers that compare the hashes themselves.

        Raises:
            LakeMismatch: the table or version does not exist.
        """
        return scan(self.opened_table(table, version), days, columns, version)

    def differing_days(
        self, table: str, hashes: Mapping[str, str], version: int | None
    ) -> list[str]:
        """Days of a table whose rows do not have the expected hashes, without the cache of files.

        Args:
            table: table name.
            hashes: day → expected content hash.
            version: table version, the newest when omitted.
        """
        entries = self.ledger.with_content(table, hashes)
        found = differing_days(self.opened_table(table, version), entries)
        return sorted({*found} | ({*hashes} - {*entries}))

    def recorded_rows(
        self, table: str, entries: Mapping[str, Entry]
    ) -> tuple[list[pd.DataFrame], dict[str, str]]:
        """Current rows of recorded days, and the days whose content differs.

        Args:
            table: table name.
            entries: day → its entry; at least one.

        Returns:
            One frame of typed rows for each schema, and day → how it differs from its entry.
        """
        return all_rows(self.opened_table(table), entries)

    def verify(self, table: str) -> None:
        """Verify all stored days of a table.

        Raises:
            LakeMismatch: rows of a day differ from the recorded ones.
        """
        self._refuse_damaged(*self._recorded(table, None, None), None)

    def opened_table(self, table: str, version: int | None = None) -> OpenedTable:
        """A table at a version; its ``delta`` is None when it does not exist."""
        return OpenedTable(table, self.path(table), self.open(table, version))

    def damaged(self, window: Window) -> dict[str, str]:
        """Day → damage, of days of a window whose rows were altered or lost since they were stored.

        Such days are quarantined: their dependents wait until they are materialized again.
        """
        entries = self.ledger.latest(window.table, window.days)
        before = {day: reason for day, entry in entries.items() if (reason := damage_of(entry))}
        if window.version is None and not any(
            item.version is not None for item in entries.values()
        ):
            return before
        return before | self.quarantine_damaged(window.table, list(window.hashes))

    def quarantine_damaged(self, table: str, days: Sequence[str]) -> dict[str, str]:
        """Quarantine days whose newest rows differ from the recorded ones; day → reason."""
        opened, entries = self._recorded(table, days, None)
        bad = damaged_days(self.ledger, opened, entries)
        if bad and table not in self._other_roots:
            self.ledger.quarantine([entries[day] for day in bad], bad)
        return bad

    def intact_days(self, entries: Mapping[str, Entry]) -> set[str]:
        """Days among the latest entries of one table whose rows equal the recorded ones."""
        if not entries:
            return set()
        table = next(iter(entries.values())).table
        has_rows = any(entry.version is not None for entry in entries.values())
        opened = (
            self.opened_table(table) if has_rows else OpenedTable(table, self.path(table), None)
        )
        return set(entries) - set(damaged_days(self.ledger, opened, entries))

    def write(self, table: str, rows: pd.DataFrame, days: Sequence[str]) -> WrittenDays:
        """Replace the given days by ``rows`` in one commit.

        Args:
            table: table name; the table is created if it does not exist.
            rows: (n, columns) with the partition column ``ds``; each within ``days``.
            days: days that are replaced; one without rows becomes empty.

        Returns:
            Version, hashes and files for the ledger entries.

        Raises:
            CommitConflict: other writers of the same days committed first at every attempt.
            LakeMismatch: a column is stored with another type, or the table is damaged.
            TerminalError: the table belongs to another lake, or rows are outside the days.
        """
        if table in self._other_roots:
            raise TerminalError(f"{table} belongs to another lake and is only read here.")
        self.mark()
        return write(table, self.path(table), rows, days)

    def mark(self) -> None:
        """Write the ledger's ID to the lake, unless the ledger is in memory."""
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
        """Folder or URL of a table.

        Raises:
            TerminalError: the table name is invalid.
        """
        if not re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*", table):
            raise TerminalError(f"Table name {table!r} must be lower-case words joined by '/'.")
        return f"{self._other_roots.get(table, self.uri).rstrip('/')}/{table}"

    def open(self, table: str, version: int | None = None) -> "DeltaTable | None":
        """The Delta table, only for reading; None when the table or version does not exist.

        Raises:
            LakeMismatch: its log is damaged.
        """
        return files.open_for_reading(table, self.path(table), version)

    def _refuse_damaged(
        self, opened: OpenedTable, entries: Mapping[str, Entry], version: int | None
    ) -> None:
        if bad := damaged_days(self.ledger, opened, entries):
            found = self.quarantine_damaged(opened.table, sorted(bad))
            latest = self.ledger.latest(opened.table, sorted(bad))
            damaged = [entry for day, entry in latest.items() if day in found or damage_of(entry)]
            commands = repair_commands(self, damaged) if damaged else []
            raise LakeMismatch(damage_message(opened, bad, commands, version))

    def _recorded(
        self, table: str, days: Sequence[str] | None, version: int | None
    ) -> tuple[OpenedTable, dict[str, Entry]]:
        """A table at a version, and the entries of its days at that version."""
        if version is not None:
            return self.opened_table(table, version), self.ledger.at_version(table, version, days)
        entries = self._stored(table, days)
        while True:
            opened = self.opened_table(table)
            again = self._stored(table, days)
            if again == entries:
                return opened, entries
            entries = again

    def _stored(self, table: str, days: Sequence[str] | None) -> dict[str, Entry]:
        latest = self.ledger.latest(table, days)
        return {day: entry for day, entry in latest.items() if entry.status is Status.STORED}
