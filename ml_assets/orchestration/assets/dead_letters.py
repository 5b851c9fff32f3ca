"""The tables of rejected rows, one for each table that keeps them."""

import dagster as dg
import pandas as pd

from ml_assets.content import DAY
from ml_assets.lake.remedy import DEAD_LETTERS
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.assets.day_metadata import row_count
from ml_assets.orchestration.storage.range_events import DayResult, log_materialization
from ml_assets.planning.plan import Plan

UNPLACED = "unplaced"
"""Partition of the rejected rows that belong to no day, because their time cannot be used."""


def dead_letters_of(table: str) -> str:
    """Name of the table that keeps a table's rejected rows."""
    return table + DEAD_LETTERS


def store_dead_letters(
    context: dg.OutputContext,
    lake: Lake,
    table: str,
    *,
    planned: Plan,
    letters: pd.DataFrame,
    code_version: str,
    replaces_unplaced: bool = False,
) -> None:
    """Replace the dead letters of the computed days that have or had some.

    Rows without a day are stored, but not logged, as Dagster has no partition for them.

    Args:
        context: the output's context.
        lake: lake to write to.
        table: the table whose rows were rejected.
        planned: the computed days and their reads.
        letters: (n, …) rejected rows of these days.
        code_version: version of the code that computed them.
        replaces_unplaced: whether ``letters`` contain all rows of the source that belong to no day.
    """
    name = dead_letters_of(table)
    counts = letters[DAY].value_counts()
    before = lake.ledger.latest(name, planned.compute) if planned.compute else {}
    if replaces_unplaced:
        before |= lake.ledger.latest(name, [UNPLACED])
    had = {day for day, entry in before.items() if entry.rows}
    days = sorted(had | set(counts.index))
    if not days:
        return
    written = lake.write(name, letters, days)
    entries = [
        written.complete(
            Entry(
                name,
                day,
                Status.STORED,
                rows=int(counts.get(day, 0)),
                code_version=code_version,
                run_id=context.run_id,
                reads=planned.reads.get(day, ()),
            )
        )
        for day in days
    ]
    lake.ledger.append(entries)
    log_materialization(
        context,
        dg.AssetKey(name.split("/")),
        {
            entry.day: DayResult(entry.content_hash, row_count(entry.rows))
            for entry in entries
            if entry.day != UNPLACED
        },
    )
