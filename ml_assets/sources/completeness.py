"""Completeness of a source: the time up to which it has all rows, from row counts.

A day is *dense* when it has a tenth of the usual rows, or rows on it and on both days after it.
Dense days with gaps of at most a week form a part. After a longer gap, a part counts only if it has
more than a few rows and half of a usual day: rows with a wrong date do not move the end of the
source, but the end of a long outage does. A table of hours does not wait until a day is dense: its
first hours count if they follow closely on the day before.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from ml_assets.cadence import Calendar, as_key, day_of

DENSE_SHARE = 0.1
"""Minimum share of the usual rows of a dense day: holidays have more, wrong dates less."""

SUSTAINED_DAYS = 3
"""Consecutive days with rows of which the first is dense too: a source may shrink permanently."""

GAP_DAYS = 7
"""Maximum gap in days between dense days of one part: a week is a usual outage."""

FEW_ROWS = 5
"""Number of rows that a part after a gap must exceed, even if a usual day has fewer."""

PART_SHARE = 0.5
"""Minimum share of a usual day's rows of a part after a gap."""

SETTLED_DAYS = 7
"""Minimum number of days with rows for which the usual number of rows is their median."""

LOOKED_BACK = 7
"""The search for the end of a source starts this many days before the newest stored day."""

USUAL_DAYS = 28
"""Newest stored days whose median is the usual row count."""

CLOSELY = timedelta(hours=3)
"""Maximum time without rows after which the first hours of a day still follow on the day before."""

MAX_DAYS = 3700
"""Days after the first one whose bounds follow the calendar; later rows are wrong dates."""

Day = tuple[str, datetime, datetime]
"""Name, first moment, and first moment after it."""


@dataclass(frozen=True)
class Hour:
    """Rows of one hour of a source.

    Attributes:
        start: its first moment, timezone-aware.
        rows: number of rows.
        newest: the newest moment of these rows, timezone-aware.
    """

    start: datetime
    rows: int
    newest: datetime


@dataclass(frozen=True)
class Extent:
    """The time up to which a source has all rows.

    Attributes:
        complete_until: no more rows are expected before this time; None without a dense day.
        plausible_until: rows from this time on have a wrong timestamp: the end of the day after the
            newest dense one; None without a dense day.
        newest: the newest timestamp before ``plausible_until``; None without a row.
        usual: rows of a usual day; None when it is unknown.
    """

    complete_until: datetime | None
    plausible_until: datetime | None
    newest: datetime | None
    usual: float | None


def extent_of(
    calendar: Calendar,
    first: str,
    stored: Mapping[str, int],
    hours: Callable[[datetime], Sequence[Hour]],
    max_age: timedelta,
) -> Extent:
    """The time up to which a source has all rows, determined from its newest stored days on.

    Rows are counted by day; for a table with longer partitions by partition.

    Args:
        calendar: partitions of the table.
        first: its first day.
        stored: key → row count of its stored partitions.
        hours: moment → the source's hours with rows from then on, in any order.
        max_age: maximum age of a complete day's newest row at the end of the day.
    """
    units = calendar.at_least_daily()
    counts: dict[str, int] = {}
    for key, rows in stored.items():
        if as_key(key) and rows:
            unit = units.first_of(day_of(key))
            counts[unit] = counts.get(unit, 0) + rows
    known = sorted(counts)
    begin = max(units.first_of(first), units.shifted(known[-1], -LOOKED_BACK)) if known else first
    found = hours(units.start_of(begin))
    newest = max((hour.newest for hour in found), default=units.start_of(begin))
    days = units.keys(begin, min(units.key_of(newest), units.shifted(begin, MAX_DAYS)))
    usual = usual_rows([counts[unit] for unit in known[-USUAL_DAYS:]])
    bounds = [(unit, *units.bounds(unit)) for unit in days]
    by_unit = extent(bounds, found, max_age, usual, units.longest_partition)
    return by_unit if units == calendar else _continued(by_unit, found, max_age)


def extent(
    days: Sequence[Day],
    hours: Sequence[Hour],
    max_age: timedelta,
    usual: float | None,
    length: timedelta = timedelta(days=1),
) -> Extent:
    """The time up to which a source has all rows.

    Args:
        days: consecutive days, at least one.
        hours: the source's hours with rows, in any order; those before the first day are left out.
        max_age: maximum age of a complete day's newest row at the end of the day.
        usual: rows of a usual day; None to take it from ``hours``.
        length: length of a day, by which rows after the last one are counted.
    """
    counted = _counted(days, hours, length)
    rows = {position: sum(hour.rows for hour in found) for position, found in counted.items()}
    usual = usual or usual_rows(list(rows.values()))
    dense = _newest_dense(rows, usual)
    every = [hour.newest for found in counted.values() for hour in found]
    if dense is None:
        return Extent(None, None, max(every, default=None), usual)
    until = _bounds(days, dense + 1, length)[1]
    newest = max(hour.newest for hour in counted[dense])
    return Extent(
        max(_bounds(days, dense, length)[0], newest + max_age),
        until,
        max(moment for moment in every if moment < until),
        usual,
    )


def usual_rows(counts: Sequence[int]) -> float | None:
    """Rows of a usual day, from the row counts of days; None when all are empty.

    With few days it is the row count of the day that contains the median row, so that single rows
    on two other days do not outweigh the only full day.
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


def _continued(by_day: Extent, hours: Sequence[Hour], max_age: timedelta) -> Extent:
    """The extent, also over hours with rows that follow closely on it, one after the other."""
    until = by_day.complete_until
    if until is None:
        return by_day
    for newest in sorted(hour.newest for hour in hours):
        if newest - until <= CLOSELY:
            until = max(until, newest + max_age)
    return replace(by_day, complete_until=until)


def _counted(
    days: Sequence[Day], hours: Sequence[Hour], length: timedelta
) -> dict[int, list[Hour]]:
    """Position of a day → its hours with rows; days after the last one have the same length."""
    starts, end = [start for _, start, _ in days], days[-1][2]
    counted: dict[int, list[Hour]] = {}
    for hour in hours:
        position = bisect_right(starts, hour.newest) - 1
        if hour.newest >= end:
            position = len(days) + (hour.newest - end) // length
        if position >= 0:
            counted.setdefault(position, []).append(hour)
    return counted


def _bounds(days: Sequence[Day], position: int, length: timedelta) -> tuple[datetime, datetime]:
    if position < len(days):
        return days[position][1], days[position][2]
    start = days[-1][2] + (position - len(days)) * length
    return start, start + length


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
        if follows_closely or _has_enough_rows(rows, part[0], position, usual):
            newest = position
    return newest


def _has_enough_rows(rows: dict[int, int], first: int, last: int, usual: float) -> bool:
    """Whether a part that follows a gap counts."""
    total = sum(count for position, count in rows.items() if first <= position <= last)
    return total > FEW_ROWS and total >= PART_SHARE * usual


def _is_dense(rows: dict[int, int], position: int, usual: float) -> bool:
    is_sustained = all(rows.get(position + offset) for offset in range(SUSTAINED_DAYS))
    return rows[position] >= DENSE_SHARE * usual or is_sustained
