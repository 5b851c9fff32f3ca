"""What a day would read now that is not what it read when it was first made."""

from collections.abc import Iterable, Sequence

from ml_assets.ledger.entries import Entry, Read, Status

SHOWN = 5
"""Days that are named in a sentence."""


def changed_since_first_made(history: Iterable[Entry], reads: Iterable[Read]) -> list[str]:
    """Input days whose content differs from what the first stored version of a day read.

    Args:
        history: all entries of the day, oldest first, with what they read.
        reads: what it would be computed from now.

    Returns:
        ``table day`` of inputs that came later, changed, or are gone; none where the day was never
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


def sentence(changed: Sequence[str]) -> str:
    """The same for a log."""
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return f"made from input that was not known when it was first made: {', '.join(changed[:SHOWN])}{more}"


def _contents(reads: Iterable[Read]) -> dict[tuple[str, str], str]:
    return {(read.table, read.day): read.content_hash for read in reads}
