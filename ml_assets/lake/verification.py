"""Verification of stored rows against the hashes in the ledger.

The ledger records which files were verified. Other files (after a copy, restore, compaction or
manual change) are read and hashed with the schema of their day, and recorded when the hash is
right.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.content import DAY, columns_of, day_hashes, typed
from ml_assets.errors import LakeMismatch, MLAssetsError
from ml_assets.lake.delta import days_predicate, files_of_days, translated_errors
from ml_assets.ledger.entries import ALTERED, LOST, Entry, grouped
from ml_assets.ledger.ledger import Ledger

if TYPE_CHECKING:
    from deltalake import DeltaTable

DAYS_AT_ONCE = 31
"""Days that are hashed at once: whole rows take memory."""


@dataclass(frozen=True)
class OpenedTable:
    """A table at one version.

    Attributes:
        table: table name.
        path: folder or URL of the table.
        delta: the Delta table; None when it does not exist.
    """

    table: str
    path: str
    delta: "DeltaTable | None"


def damaged_days(
    ledger: Ledger, opened: OpenedTable, entries: Mapping[str, Entry]
) -> dict[str, str]:
    """Days whose rows differ from the recorded ones.

    Args:
        ledger: the ledger with the verified files; newly verified ones are added to it.
        opened: the table at the version to read.
        entries: day → its entry; entries without a version have no rows.

    Returns:
        day → damage. Intact days are left out.
    """
    rows_of = {day: entry for day, entry in entries.items() if entry.version is not None}
    if not rows_of:
        return {}
    if opened.delta is None:
        return {day: _lost(f"{opened.table} is not in the lake") for day in rows_of}
    files = files_of_days(opened.delta, opened.path, list(rows_of))
    known = ledger.known_files(opened.table, list(rows_of))
    bad = {
        day: _lost(f"{found.missing[0]} is missing")
        for day, found in files.items()
        if found.missing
    }
    unverified = {
        day: entry
        for day, entry in rows_of.items()
        if day not in bad and (day, entry.content_hash, files[day].identity) not in known
    }
    if unverified:
        wrong = differing_days(opened, unverified)
        bad |= wrong
        _remember(
            ledger,
            opened.table,
            [
                (day, entry.content_hash, files[day].identity)
                for day, entry in unverified.items()
                if day not in wrong
            ],
        )
    return bad


def all_rows(
    opened: OpenedTable, entries: Mapping[str, Entry]
) -> tuple[list[pd.DataFrame], dict[str, str]]:
    """Rows of days, and day → how it differs from its entry; see ``Lake.recorded_rows``."""
    if opened.delta is None:
        return [], dict.fromkeys(entries, _lost(f"{opened.table} is not in the lake"))
    parts = list(read_typed(opened, entries))
    wrong = {day: why for part in parts for day, why in part.differing(entries).items()}
    return [part.rows for part in parts if part.rows is not None], wrong


def hashes_as_stored(rows: pd.DataFrame, entries: Mapping[str, Entry]) -> dict[str, str]:
    """Content hashes of days, each with the schema it was stored with.

    Args:
        rows: (n, columns) all columns of the table, with ``ds``.
        entries: day → its entry; days without a recorded schema are hashed with their current one.

    Returns:
        day → hash; days whose rows no longer fit their schema are left out.
    """
    found: dict[str, str] = {}
    for schema, days in by_schema(entries).items():
        try:
            of_days = rows[rows[DAY].isin(days)]
            found |= day_hashes(typed(of_days, schema) if schema else of_days, days)
        except (KeyError, ValueError, TypeError):
            continue
    return found


def by_schema(entries: Mapping[str, Entry]) -> dict[str, list[str]]:
    """Schema → days that were stored with it."""
    return grouped((entry.schema, day) for day, entry in entries.items())


def read_typed(opened: OpenedTable, entries: Mapping[str, Entry]) -> Iterator["TypedRows"]:
    """Rows of days with the columns and dtypes they were stored with, schema by schema.

    Args:
        opened: the table.
        entries: day → its entry. Days without a recorded schema are read with the table's.
    """
    for schema, days in by_schema(entries).items():
        try:
            yield TypedRows(days, _read_as(opened, schema, days))
        except (LakeMismatch, KeyError, ValueError, TypeError) as error:
            if len(days) == 1:
                yield TypedRows(days, None, str(error))
                continue
            for day in days:  # an unreadable file must not affect other days
                yield from read_typed(opened, {day: entries[day]})


@dataclass(frozen=True)
class TypedRows:
    """Rows of days that were stored with one schema.

    Attributes:
        days: the days.
        rows: (n, columns) their rows; None when they cannot be read.
        problem: why they cannot be read.
    """

    days: Sequence[str]
    rows: pd.DataFrame | None
    problem: str = ""

    def differing(self, entries: Mapping[str, Entry]) -> dict[str, str]:
        """Day → damage, of days whose content differs from their entries."""
        if self.rows is None:
            return {day: _lost(self.problem) for day in self.days}
        hashes = day_hashes(self.rows, self.days)
        counts = self.rows[DAY].value_counts()
        return {
            day: _lost(f"it has no rows, {entries[day].rows} were recorded")
            if entries[day].rows and not counts.get(day, 0)
            else f"{ALTERED}: its rows hash to {hashes[day]}, {entries[day].content_hash} was recorded"
            for day in self.days
            if hashes[day] != entries[day].content_hash
        }


def differing_days(opened: OpenedTable, entries: Mapping[str, Entry]) -> dict[str, str]:
    """Day → damage, of days whose rows do not have the hashes of their entries."""
    if opened.delta is None:
        return dict.fromkeys(entries, _lost(f"{opened.table} is not in the lake"))
    days = sorted(entries)
    return {
        day: reason
        for start in range(0, len(days), DAYS_AT_ONCE)
        for part in read_typed(
            opened, {day: entries[day] for day in days[start : start + DAYS_AT_ONCE]}
        )
        for day, reason in part.differing(entries).items()
    }


def _read_as(opened: OpenedTable, schema: str, days: Sequence[str]) -> pd.DataFrame:
    import pyarrow as pa

    assert opened.delta is not None
    names = [DAY, *columns_of(schema)] if schema else None
    with translated_errors(opened.table, opened.path, opened.delta.version()):
        scanned = pa.table(opened.delta.scan(columns=names, predicate=days_predicate(days)))
    rows = scanned.to_pandas(split_blocks=True, self_destruct=True)
    return typed(rows, schema) if schema else rows.drop(columns="_row", errors="ignore")


def _remember(ledger: Ledger, table: str, found: Iterable[tuple[str, str, str]]) -> None:
    """Record verified files; if the ledger cannot be written, they are verified again next time."""
    try:
        ledger.remember_files(table, list(found))
    except MLAssetsError:
        return


def _lost(what: str) -> str:
    return f"{LOST}: {what}"
