"""Rows verified against their recorded hashes: altered rows are refused."""

import pandas as pd

from ml_assets.errors import LakeMismatch
from ml_assets.lake.remedy import partition_options
from ml_assets.lake.store import Lake
from ml_assets.lake.verification import damaged_days, hashes_as_stored
from ml_assets.lake.window import Window
from ml_assets.ledger.entries import Status


def verified_rows(window: Window, *days: str) -> pd.DataFrame:
    """Rows of days on which a release depends, with all columns, as they were stored.

    They are hashed at every use; the cache of verified files is not used.

    Args:
        window: the table and its days.
        days: stored days of the window; all when omitted.

    Raises:
        LakeMismatch: they were altered or deleted.
    """
    requested = list(days or window.hashes)
    rows = window.read(days=requested)
    entries = window.lake.ledger.latest(window.table, requested)
    same = {
        day: entries[day] for day in requested if entries[day].content_hash == window.hashes[day]
    }
    found = hashes_as_stored(rows, same)
    if changed := [day for day in requested if found.get(day) != window.hashes[day]]:
        commands = "; ".join(
            f"ml-assets recompute {window.table}{option}" for option in partition_options(changed)
        )
        raise LakeMismatch(
            f"{window.table} {', '.join(changed)} was altered after it was stored. It is "
            f"not used to judge or release a model. To compute it again, run: {commands}"
        )
    return rows


def latest_rows(lake: Lake, table: str, day: str) -> pd.DataFrame | None:
    """Rows of a day as they were last stored, even if the day was interrupted or altered since.

    They are read from the table version at which they were stored.

    Args:
        lake: the lake with the table.
        table: table name.
        day: one of its days.

    Returns:
        All columns of the rows; None when the day was never stored or the version was deleted.
    """
    history = lake.ledger.history(table, day)
    stored = [entry for entry in history if entry.status is Status.STORED]
    for entry in reversed(stored):
        opened = lake.opened_table(table, entry.version)
        if opened.delta is not None and not damaged_days(lake.ledger, opened, {day: entry}):
            return lake.read(table, [day], version=entry.version, hashes={day: entry.content_hash})
    return None
