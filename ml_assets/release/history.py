"""Reads the stored releases of a pipeline, complete and unaltered or not at all.

If a release is lost, the champion is unknown and reading fails; otherwise the next challenger would
be compared with an older model or with none. ``champion`` derives the champions from the releases.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ml_assets.contracts.validation import no_rows
from ml_assets.errors import LakeMismatch
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.remedy import repair_commands
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.release.by_hand import is_computed, rows_of
from ml_assets.release.champion import ChampionModel


def releases(
    lake: Lake,
    table: str,
    last: str,
    history: Sequence[Entry] | None = None,
    *,
    includes_last: bool = True,
) -> pd.DataFrame:
    """Models that became champion with as-of day ≤ ``last``.

    Args:
        lake: the lake with the table.
        table: name of the table of champions.
        last: newest as-of day.
        history: ledger entries of the table, the oldest first; read if omitted.
        includes_last: whether a model of as-of day ``last`` is included.

    Returns:
        Rows of the ``ChampionModel`` contract, possibly none.

    Raises:
        LakeMismatch: a release is incomplete, skipped, altered or gone.
    """
    entries = lake.ledger.history(table) if history is None else history
    entries = [
        entry for entry in entries if entry.day < last or (includes_last and entry.day == last)
    ]
    window = lake.window(table, sorted({entry.day for entry in entries}))
    if lost := sorted(released_days(entries) - window.hashes.keys()):
        entry = lake.ledger.latest(table, lost)[lost[0]]
        state = f"{entry.status.value}: {entry.reason}" if entry.reason else "half-written"
        raise LakeMismatch(
            f"{table} {entry.day} is {state}. A model was released on this day, so the champion is "
            f"unknown. To compute it again, run: {'; '.join(repair_commands(lake, [entry]))}"
        )
    return verified_rows(window) if window.hashes else no_rows(ChampionModel)


def released_days(history: Sequence[Entry]) -> set[str]:
    """As-of days whose model has been champion, even if their rows are gone."""
    return {entry.day for entry in history if entry.status is Status.STORED and entry.rows}


def unfinished_before(history: Sequence[Entry], day: str) -> list[str]:
    """Other as-of days whose writing began before that of ``day`` and is not finished.

    Args:
        history: entries of the table of champions, the oldest first.
        day: an as-of day that is being written.
    """
    began: dict[str, int] = {}
    for number, entry in enumerate(history):
        if entry.status is Status.WRITING:
            began.setdefault(entry.day, number)
        else:
            began.pop(entry.day, None)
    own = began.get(day, len(history))
    return sorted(other for other, number in began.items() if number < own)


def release_of(
    lake: Lake, history: Sequence[Entry], as_of: str, evidence: str
) -> dict[str, Any] | None:
    """The row of ``champion`` for an as-of day and this evidence; None without one.

    If the newest row was written by hand, the newest row that a run wrote is used.

    Args:
        lake: the lake with the table.
        history: entries of the table of champions, the oldest first, at least those of the day.
        as_of: the as-of day.
        evidence: hash of the evidence.

    Raises:
        LakeMismatch: the row was altered.
    """
    entries = [entry for entry in history if entry.day == as_of]
    window = lake.window(entries[0].table, [as_of]) if entries else None
    if window is None or as_of not in window.hashes:
        return None
    rows = newest = verified_rows(window)
    for number, entry in reversed([*enumerate(entries)]):
        if entry.status is Status.STORED and is_computed(entry, entries[:number]):
            found = newest if entry is entries[-1] else rows_of(lake, entry)
            if found is not None:
                rows = found
                break
    for row in rows.to_dict("records"):
        if row["evidence"] == evidence:
            return {str(name): value for name, value in row.items()}
    return None
