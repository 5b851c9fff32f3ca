"""Up to when a source has its rows, judged by how many there are: one row proves nothing.

A day is *dense* when it has a tenth of the usual rows, or rows on it and on both days after it. Dense
days that follow each other closely form a part. After a gap of more than a week a part counts only if
it holds more than a few rows and half of a usual day, so that rows with a wrong date, however far
ahead, do not move the end of the source, and the end of a long outage does.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

DENSE_SHARE = 0.1
"""Share of the usual rows that a dense day has: holidays and storms have more, typing errors less."""

SUSTAINED_DAYS = 3
"""Days in a row with any rows that are dense too: a source may shrink for good."""

GAP_DAYS = 7
"""Days without a dense day after which a part has to prove itself: a week is a usual outage."""

FEW_ROWS = 5
"""Rows of a part after a gap that prove nothing, even where a usual day has fewer."""

PART_SHARE = 0.5
"""Share of a usual day that a part after a gap must have."""

SETTLED_DAYS = 7
"""Days with rows from which on their median is the usual number of rows."""

Day = tuple[str, datetime, datetime]
"""Name, first moment, and first moment after it."""


@dataclass(frozen=True)
class Hour:
    """Rows of one hour of a source.

    Attributes:
        start: its first moment, timezone-aware.
        rows: how many rows it has.
        newest: the newest moment of these rows, timezone-aware.
    """

    start: datetime
    rows: int
    newest: datetime


@dataclass(frozen=True)
class Extent:
    """Up to when a source has its rows.

    Attributes:
        complete_until: nothing more is expected before this moment; None without a dense day.
        plausible_until: rows from this moment on have a wrong time: the end of the day after the
            newest dense one; None without a dense day, as nothing is then known of the source.
        newest: the newest moment before ``plausible_until``; None without a row.
        usual: rows of a usual day; None when nothing says it.
    """

    complete_until: datetime | None
    plausible_until: datetime | None
    newest: datetime | None
    usual: float | None


def extent(
    days: Sequence[Day], hours: Sequence[Hour], max_age_hours: float, usual: float | None
) -> Extent:
    """Up to when a source has its rows.

    Args:
        days: consecutive days from the first one of interest on; at least one. Rows after the last
            of them are counted by days of 24 hours.
        hours: the source's hours with rows, in any order; those before the first day are left out.
        max_age_hours: how long before the end of a complete day its newest row may be.
        usual: rows of a usual day; None to take it from ``hours``.
    """
    counted = _counted(days, hours)
    rows = {position: sum(hour.rows for hour in found) for position, found in counted.items()}
    usual = usual or usual_rows(list(rows.values()))
    dense = _newest_dense(rows, usual)
    every = [hour.newest for found in counted.values() for hour in found]
    if dense is None:
        return Extent(None, None, max(every, default=None), usual)
    until = _bounds(days, dense + 1)[1]
    newest = max(hour.newest for hour in counted[dense])
    return Extent(
        max(_bounds(days, dense)[0], newest + timedelta(hours=max_age_hours)),
        until,
        max(moment for moment in every if moment < until),
        usual,
    )


def usual_rows(counts: Sequence[int]) -> float | None:
    """Rows of a usual day, from the row counts of some days; None when all are empty.

    With few days it is the size of the day in which the median row lies, as stray rows on two other
    days must not outvote the only real one.
    """
    ordered = sorted(count for count in counts if count > 0)
    if not ordered:
        return None
    if len(ordered) >= SETTLED_DAYS:
        return float(median(ordered))
    seen, half = 0, sum(ordered) / 2
    for count in ordered:
        seen += count
        if seen >= half:
            return float(count)
    return None


def _counted(days: Sequence[Day], hours: Sequence[Hour]) -> dict[int, list[Hour]]:
    """Position of a day (beyond the last: of 24 hours) → its hours with rows."""
    starts, end = [start for _, start, _ in days], days[-1][2]
    counted: dict[int, list[Hour]] = {}
    for hour in hours:
        position = bisect_right(starts, hour.newest) - 1
        if hour.newest >= end:
            position = len(days) + (hour.newest - end) // timedelta(days=1)
        if position >= 0:
            counted.setdefault(position, []).append(hour)
    return counted


def _bounds(days: Sequence[Day], position: int) -> tuple[datetime, datetime]:
    if position < len(days):
        return days[position][1], days[position][2]
    start = days[-1][2] + timedelta(days=position - len(days))
    return start, start + timedelta(days=1)


def _newest_dense(rows: dict[int, int], usual: float | None) -> int | None:
    """Position of the newest dense day of a part that counts."""
    if usual is None:
        return None
    newest, before = None, -1
    part: list[int] = []
    for position in sorted(rows):
        if not _is_dense(rows, position, usual):
            continue
        if position - before > GAP_DAYS:
            part = []
        part.append(position)
        before = position
        follows_closely = part[0] - (-1 if newest is None else newest) <= GAP_DAYS
        total = sum(count for day, count in rows.items() if part[0] <= day <= position)
        if follows_closely or (total > FEW_ROWS and total >= PART_SHARE * usual):
            newest = position
    return newest


def _is_dense(rows: dict[int, int], position: int, usual: float) -> bool:
    is_sustained = all(rows.get(position + offset) for offset in range(SUSTAINED_DAYS))
    return rows[position] >= DENSE_SHARE * usual or is_sustained
