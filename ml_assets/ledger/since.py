"""Inputs of a day that changed since the day was first stored."""

from collections.abc import Iterable, Sequence

from ml_assets.ledger.entries import Entry, Read, Status

SHOWN = 5
"""Maximum number of days in a message."""


def changed_since_first_made(history: Iterable[Entry], reads: Iterable[Read]) -> list[str]:
    """Input days whose content differs from that read by the first stored version of a day.

    Args:
        history: all entries of the day, oldest first, with their reads.
        reads: its current inputs.

    Returns:
        ``table day`` of inputs that were added, changed or removed; empty when the day was never
        stored.
    """
    first = next((entry for entry in history if entry.status is Status.STORED), None)
    if first is None:
        return []
    then, now = _contents(first.reads), _contents(reads)
    return [
        f"{table} {day}"
        for table, day in sorted(then.keys() | now.keys())
        if then.get((table, day), "") != now.get((table, day), "")
    ]


def change_message(changed: Sequence[str]) -> str:
    """The changed inputs as a log message."""
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    inputs = ", ".join(changed[:SHOWN]) + more
    return f"computed from inputs that changed since it was first stored: {inputs}"


def _contents(reads: Iterable[Read]) -> dict[tuple[str, str], str]:
    return {(read.table, read.day): read.content_hash for read in reads}
