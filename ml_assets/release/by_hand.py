"""Rows that no run computed: written through lake and ledger, so that their hashes agree.

A run notes what it read, and hashes that together with its code. An entry whose hash is of other
reads than it names, or that holds other rows than an earlier one of the same inputs and code, was
written by somebody else. It is computed again when it is asked for, and is no evidence until then.
"""

from collections.abc import Sequence

import pandas as pd

from ml_assets.content import day_hashes
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status, inputs_hash


def written_by_hand(
    lake: Lake, table: str, days: Sequence[str], *, is_repeatable: bool = True
) -> list[str]:
    """Stored days whose newest rows no run computed.

    Args:
        lake: where they are.
        table: table name.
        days: days to look at.
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
    """Whether an entry is what a run appends after it computed a day.

    Args:
        entry: with its reads.
        earlier: the entries of the day before it.
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


def is_remade(entry: Entry, before: Entry) -> bool:
    """Whether a run computed a day again, from other inputs or by other code than before."""
    return is_computed(entry, [before]) and entry.inputs_hash != before.inputs_hash


def rows_of(lake: Lake, entry: Entry) -> pd.DataFrame | None:
    """The rows of a stored entry as they were then; None when they are gone or were altered."""
    delta = lake.open(entry.table, entry.version)
    if delta is None:
        return None
    rows = lake.read(entry.table, [entry.day], version=entry.version)
    return rows if day_hashes(rows, [entry.day])[entry.day] == entry.content_hash else None
