"""Which days of a table still need work, derived from the ledger alone.

A day is finished when its latest entry is stored and up to date, or is quarantined or skipped and
nothing that it read has changed since. All other days are unfinished: never processed,
interrupted, damaged, or reopened by a change of their inputs.
"""

from collections.abc import Collection, Sequence
from itertools import chain

from ml_assets.content import digest
from ml_assets.ledger.entries import Read, Status, damage_of, grouped, usable_hashes
from ml_assets.ledger.ledger import Ledger
from ml_assets.planning.staleness import stale, stale_tables

CLOSED = (Status.QUARANTINED, Status.SKIPPED)
"""States of a processed day without rows."""


def unfinished(ledger: Ledger, table: str, days: Sequence[str]) -> dict[str, str]:
    """Days that need work, each with the reason.

    Args:
        ledger: what happened to each day.
        table: table name.
        days: days that the table should have.

    Returns:
        day → why it is not finished, in the order of ``days``.
    """
    with ledger.one_connection():
        entries = ledger.latest(table, days)
        stored = [day for day, entry in entries.items() if entry.status is Status.STORED]
        closed = [day for day, entry in entries.items() if entry.status in CLOSED]
        reasons = stale(ledger, table, stored) | _reopened(ledger, table, closed)
    for day in days:
        if day not in entries:
            reasons[day] = "not processed yet"
        elif entries[day].status is Status.WRITING:
            reasons[day] = "its run did not finish"
        elif damage := damage_of(entries[day]):
            reasons[day] = damage
    return {day: reasons[day] for day in days if day in reasons}


def finished(ledger: Ledger, table: str, days: Sequence[str]) -> set[str]:
    """Which of some days were processed and need no work."""
    return {*days} - unfinished(ledger, table, days).keys() if days else set()


def last_finished(ledger: Ledger, table: str) -> str:
    """The last day of a table that needs no work; empty if there is none."""
    days = sorted(ledger.latest(table), reverse=True)
    return next((day for day in days if finished(ledger, table, [day])), "")


def outdated(ledger: Ledger, table: str, days: Sequence[str]) -> dict[str, str]:
    """Stored days that read an older version of a direct input that is usable now.

    Unlike ``stale`` it includes final days: rows may be added to them.

    Returns:
        day → which input changed.
    """
    return {
        day: f"{read.table} {read.day} has changed since it was read"
        for day, read in _changed(ledger, table, days, [Status.STORED], usable_only=True).items()
    }


def _reopened(ledger: Ledger, table: str, days: Sequence[str]) -> dict[str, str]:
    """Days without rows whose direct inputs have changed since."""
    return {
        day: f"{read.table} {read.day} has changed since the day was given up or skipped"
        for day, read in _changed(ledger, table, days, CLOSED, usable_only=False).items()
    }


def _changed(
    ledger: Ledger,
    table: str,
    days: Sequence[str],
    statuses: Collection[Status],
    *,
    usable_only: bool,
) -> dict[str, Read]:
    """Day in one of these states → a direct input that has changed."""
    reads = ledger.reads(table, days, statuses) if days else {}
    present = usable(ledger, {(read.table, read.day) for read in chain(*reads.values())})
    changed: dict[str, Read] = {}
    for day, of_day in reads.items():
        for read in of_day:
            now = present.get((read.table, read.day), "")
            is_used_as_known = read.is_pinned and read.content_hash
            is_ignored = is_used_as_known or (usable_only and not now)
            if now != read.content_hash and not is_ignored:
                changed.setdefault(day, read)
    return changed


def state_key(ledger: Ledger, nodes: Collection[tuple[str, str]]) -> str:
    """A short hash of the current content of some days, shared by all attempts at the same work.

    Args:
        ledger: what happened to each day.
        nodes: (table, day) that the work reads.
    """
    found = usable(ledger, nodes)
    return digest(*(f"{table}|{day}|{found[table, day]}" for table, day in sorted(found)))


def usable(ledger: Ledger, nodes: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(table, day) → content hash of the days that may be read: stored, and not stale."""
    days = grouped({*nodes})
    with ledger.one_connection():
        outdated = stale_tables(ledger, days)
        return {
            (table, day): content_hash
            for table, of_table in days.items()
            for day, content_hash in usable_hashes(ledger.latest(table, of_table)).items()
            if day not in outdated[table]
        }
