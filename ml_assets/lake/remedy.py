"""Commands that compute damaged days again."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ml_assets.cadence import as_key, in_a_row
from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Entry

if TYPE_CHECKING:
    from ml_assets.lake.store import Lake

DEAD_LETTERS = "_dead_letters"
"""Suffix of a table of rejected rows, which is written together with its table."""


def repair_commands(lake: "Lake", entries: Sequence[Entry]) -> list[str]:
    """Commands that compute quarantined days of a table again, and no others.

    Args:
        lake: the lake with the table.
        entries: entries of the days, all of one table.
    """
    table = entries[0].table
    if any(entry.is_final for entry in entries):  # 'recompute' refuses recorded facts
        command = materialize_command(f'key:"{table}"')
    else:
        command = f"ml-assets recompute {table}"
    options = partition_options([_day_to_compute(lake, entry) for entry in entries])
    return [command + option for option in options]


def materialize_command(selection: str) -> str:
    """Dagster's command that materializes assets, from any folder; an option for days may follow.

    Args:
        selection: Dagster's asset selection.
    """
    return f"dg launch -m ml_assets.definitions --assets {shlex.quote(selection)}"


def materialize_commands(table: str, days: Sequence[str]) -> list[str]:
    """Dagster's commands that materialize days of one table, and no others."""
    command = materialize_command(f'key:"{table}"')
    return [command + option for option in partition_options(days)]


def materialize_day_command(table: str, day: str) -> str:
    """Dagster's command that materializes one day of one table."""
    return materialize_commands(table, [day])[0]


def impact_command(table: str, day: str) -> str:
    """The command that computes everything that depends on a day again, but for models."""
    return f"ml-assets impact {table}{partition_option(day)} --apply"


def plan_command(table: str, day: str) -> str:
    """The command that shows what a correction of a day would compute again."""
    return f"ml-assets impact {table}{partition_option(day)} --plan"


def checks_command(table: str, first: str, last: str | None = None) -> str:
    """The command that checks a day of one table, or a range of days; see ``partition_option``."""
    return f"ml-assets checks --select 'key:\"{table}\"'{partition_option(first, last)}"


def partition_option(first: str, last: str | None = None) -> str:
    """The option of this project's and Dagster's commands that selects a day or a range of days.

    Args:
        first: first day; ``SNAPSHOT`` for a table without days, which takes no option.
        last: last day; ``first`` when omitted.
    """
    if first == SNAPSHOT:
        return ""
    if last is None or last == first:
        return f" --partition {first}"
    return f" --partition-range {first}...{last}"


def partition_options(days: Sequence[str]) -> list[str]:
    """Options that together select the given days and no others; see ``partition_option``."""
    if SNAPSHOT in days:
        return [partition_option(SNAPSHOT)]
    spans = in_a_row(sorted({*days}))
    return [partition_option(span.first, span.last) for span in spans]


def _day_to_compute(lake: "Lake", entry: Entry) -> str:
    """The day itself; for rejected rows without a day any day of their table, as all write them."""
    if entry.day == SNAPSHOT or as_key(entry.day):
        return entry.day
    table = entry.table.removesuffix(DEAD_LETTERS)
    return max(lake.days_stored(table) or lake.ledger.latest(table), default=entry.day)
