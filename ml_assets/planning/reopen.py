"""Having days computed again whose inputs and code did not change."""

from collections.abc import Sequence
from dataclasses import replace

from ml_assets.ledger.entries import Status
from ml_assets.ledger.ledger import Ledger

REASON = "asked to be computed again"


def reopen(ledger: Ledger, table: str, days: Sequence[str]) -> list[str]:
    """Note that stored days are to be computed again; until then they stay usable as they are.

    Args:
        ledger: where it is noted.
        table: table name.
        days: days; those that are not stored are computed anyway.

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
