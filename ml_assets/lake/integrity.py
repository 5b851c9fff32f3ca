"""Rows as they were stored: what somebody changed since is refused, never used."""

import pandas as pd

from ml_assets.errors import LakeMismatch
from ml_assets.lake.remedy import partition_options
from ml_assets.lake.store import Lake
from ml_assets.lake.verification import damage, hashes_as_stored
from ml_assets.lake.window import Window
from ml_assets.ledger.entries import Status


def unaltered(window: Window, *days: str) -> pd.DataFrame:
    """Rows of days on which a release depends, all columns, as they were stored.

    Their content is hashed at every use: what files are known to hold is not believed here.

    Args:
        window: where they are.
        days: stored days of it; all of them when none is named.

    Raises:
        LakeMismatch: somebody changed them since, or they are gone.
    """
    wanted = list(days or window.hashes)
    rows = window.read(days=wanted)
    entries = window.lake.ledger.latest(window.table, wanted)
    same = {day: entries[day] for day in wanted if entries[day].content_hash == window.hashes[day]}
    found = hashes_as_stored(rows, same)
    if changed := [day for day in wanted if found.get(day) != window.hashes[day]]:
        commands = "; ".join(
            f"ml-assets recompute {window.table}{option}" for option in partition_options(changed)
        )
        raise LakeMismatch(
            f"{window.table} {', '.join(changed)} was altered after it was stored. Nothing is "
            f"judged by it or released on it. To compute it again, run: {commands}"
        )
    return rows


def last_stored(lake: Lake, table: str, day: str) -> pd.DataFrame | None:
    """Rows of a day as they were last stored, whatever happened to the day since.

    A run that was killed while it rewrote the day, or somebody who altered it, leaves the earlier
    version of the table: the rows are read from there.

    Args:
        lake: where the table is.
        table: table name.
        day: one of its days.

    Returns:
        All columns of the rows; None when the day was never stored or the version is gone.
    """
    history = lake.ledger.history(table, day)
    stored = [entry for entry in history if entry.status is Status.STORED]
    for entry in reversed(stored):
        opened = lake.opened(table, entry.version)
        if opened.delta is not None and not damage(lake.ledger, opened, {day: entry}):
            return lake.read(table, [day], version=entry.version, hashes={day: entry.content_hash})
    return None
