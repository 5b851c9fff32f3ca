"""Sources: quarantined partitions, and partitions of which more rows than usual were rejected."""

from collections.abc import Iterator, Mapping, Sequence

from ml_assets.alerts.finding import Finding
from ml_assets.cadence import Span, as_key, day_of, shifted
from ml_assets.lake.remedy import DEAD_LETTERS, checks_command, plan_command
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status, damage_of, grouped
from ml_assets.ledger.overview import Overview
from ml_assets.ledger.summary import spelled

RECENT_DAYS = 7
"""Last days of a table whose rejected rows are judged."""

HISTORY_DAYS = 84
"""Days before the judged ones whose partitions define the usual share of rejected rows."""

HISTORY = 28
"""Partitions before the judged one that define the usual share: the newest that are usual themselves."""

MIN_PARTITIONS = 7
"""Minimum number of partitions that define the usual share."""

LEAST_SHARE = 0.005
"""Share of rejected rows that is always usual."""

LEAST_ROWS = 3
"""Rejected rows that are always usual: of few rows, one is a large share."""

MARGIN = 1.5
"""Factor of the limit over the largest share in the history, as for drift."""


def quarantined_days(lake: Lake, until: str) -> Iterator[Finding]:
    """One finding for each table with quarantined partitions.

    Args:
        lake: the project's tables.
        until: last partition; later ones are ignored.
    """
    found = Overview(lake.ledger.url).quarantined()
    of_table = grouped(
        (entry.table, entry)
        for entry in found
        if not entry.table.endswith(DEAD_LETTERS) and (not as_key(entry.day) or entry.day <= until)
    )
    for table, entries in of_table.items():
        days = [entry.day for entry in entries]
        last = entries[-1]
        is_damaged = bool(damage_of(last))
        command = checks_command if is_damaged else plan_command
        yield Finding(
            kind="day_quarantined",
            pipeline=pipeline_of(table),
            subject=table,
            message=f"{table} is quarantined on {spelled(days)}: {last.reason}",
            since=days[0],
            until=days[-1],
            command=command(table, last.day),
        )


def many_dead_letters(lake: Lake, until: str) -> Iterator[Finding]:
    """One finding for each table of which more rows than usual were rejected in its last days.

    Args:
        lake: the project's tables.
        until: last partition; later ones are ignored.
    """
    overview = Overview(lake.ledger.url)
    for table in overview.tables_with_dead_letters():
        last = overview.last_stored(table, until) or ""
        if table.endswith(DEAD_LETTERS) or not as_key(last):
            continue
        first = shifted(day_of(last), 1 - RECENT_DAYS)
        entries = lake.ledger.latest(table, Span(shifted(first, -HISTORY_DAYS), last))
        if unusual := unusual_days(entries, first):
            days = [*unusual]
            entry = entries[days[-1]]
            yield Finding(
                kind="many_dead_letters",
                pipeline=pipeline_of(table),
                subject=table,
                message=(
                    f"{entry.dead_letters:,} of {entry.rows + entry.dead_letters:,} rows of {table} "
                    f"{entry.day} were rejected, usually at most {unusual[entry.day]:.1%}"
                ),
                since=days[0],
                until=days[-1],
                command=checks_command(table, days[-1]),
            )


def unusual_days(entries: Mapping[str, Entry], first: str) -> dict[str, float]:
    """Partition of which a larger share than usual was rejected → the largest usual share.

    Args:
        entries: partition → its latest entry.
        first: first partition that is judged.
    """
    found: dict[str, float] = {}
    usual: list[float] = []
    for day, entry in sorted(entries.items()):
        if entry.status is not Status.STORED:
            continue
        limit = limit_after(usual)
        if entry.dead_letters >= LEAST_ROWS and share(entry) > limit:
            found[day] = limit
        else:
            usual.append(share(entry))
    return {day: limit for day, limit in found.items() if day >= first}


def limit_after(shares: Sequence[float]) -> float:
    """The largest usual share of rejected rows; 1 if the history is too short.

    Args:
        shares: shares of the usual partitions before, in their order.
    """
    newest = shares[-HISTORY:]
    return max(LEAST_SHARE, MARGIN * max(newest)) if len(newest) >= MIN_PARTITIONS else 1.0


def share(entry: Entry) -> float:
    """Share of the rows of a partition that were rejected; 0 without rows."""
    return entry.dead_letters / max(1, entry.rows + entry.dead_letters)


def pipeline_of(table: str) -> str:
    """The pipeline of a table, or the folder of a source table."""
    return table.partition("/")[0]
