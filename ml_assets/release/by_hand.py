"""Detection of rows that were written by hand, not computed by a run.

Such rows can have consistent hashes in lake and ledger. A run records its reads and a hash of reads
and code. An entry was written by hand if this hash does not match its reads, or if an earlier entry
with the same hash has other rows. It is recomputed on request, and is no evidence until then.
"""

from collections.abc import Sequence

import pandas as pd

from ml_assets.content import day_hashes
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status, inputs_hash


def written_by_hand(
    lake: Lake, table: str, days: Sequence[str], *, is_repeatable: bool = True
) -> list[str]:
    """Stored days whose newest rows were written by hand.

    Args:
        lake: the lake with the table.
        table: table name.
        days: days to check.
        is_repeatable: whether the same inputs and code always give the same rows.
    """
    histories = lake.ledger.histories(table, days)
    return [
        day
        for day, history in histories.items()
        if history
        and history[-1].status is Status.STORED
        and not is_computed(history[-1], history[:-1], is_repeatable=is_repeatable)
    ]


def is_computed(entry: Entry, earlier: Sequence[Entry], *, is_repeatable: bool = True) -> bool:
    """Whether a run computed the rows of an entry.

    Args:
        entry: the entry, with its reads.
        earlier: the earlier entries of the same day.
        is_repeatable: whether the same inputs and code always give the same rows.
    """
    if entry.inputs_hash != inputs_hash(entry.code_version, entry.reads):
        return False
    return not is_repeatable or not any(
        one.status is Status.STORED
        and one.inputs_hash == entry.inputs_hash
        and one.content_hash != entry.content_hash
        for one in earlier
    )


def is_recomputed(entry: Entry, before: Entry) -> bool:
    """Whether a run recomputed a day from other inputs or with other code."""
    return is_computed(entry, [before]) and entry.inputs_hash != before.inputs_hash


def rows_of(lake: Lake, entry: Entry) -> pd.DataFrame | None:
    """The rows of a stored entry at its table version; None if they are gone or were altered."""
    delta = lake.open(entry.table, entry.version)
    if delta is None:
        return None
    rows = lake.read(entry.table, [entry.day], version=entry.version)
    return rows if day_hashes(rows, [entry.day])[entry.day] == entry.content_hash else None
