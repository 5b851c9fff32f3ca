"""Recomputing days whose inputs and code did not change."""

from collections.abc import Sequence
from dataclasses import replace

from ml_assets.ledger.entries import Status
from ml_assets.ledger.ledger import Ledger

REASON = "recomputation requested"


def reopen(ledger: Ledger, table: str, days: Sequence[str]) -> list[str]:
    """Mark stored days for recomputation; until then they stay usable.

    Args:
        ledger: where the days are marked.
        table: table name.
        days: days to recompute; those that are not stored need no mark.

    Returns:
        The days that were reopened.
    """
    stored = {
        day: entry
        for day, entry in ledger.latest(table, days).items()
        if entry.status is Status.STORED
    }
    reads = ledger.reads(table, sorted(stored)) if stored else {}
    ledger.append(
        [
            replace(entry, inputs_hash="", reason=REASON, reads=reads[day])
            for day, entry in stored.items()
        ]
    )
    return sorted(stored)
