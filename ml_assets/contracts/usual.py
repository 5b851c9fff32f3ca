"""How many rows are usual for a day, from the days before it.

Usual is the median of the last four stored days of the same weekday, of at least two; otherwise
the median of the last seven stored days, of at least three; otherwise nobody knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ml_assets.cadence import Span, as_day, shifted, weekday

HISTORY_DAYS = 56
"""How far back usual days may lie: twice the four weeks that are needed without a gap."""

SAME_WEEKDAYS, MIN_SAME_WEEKDAYS = 4, 2
LAST_DAYS, MIN_LAST_DAYS = 7, 3


@dataclass(frozen=True)
class Usual:
    """What is usual for a day.

    Attributes:
        rows: number of rows; None when too few earlier days are stored.
        words: what it was taken from, for "usually 842 …".
    """

    rows: float | None
    words: str = ""


def usual_of_days(days: Sequence[str], counts: Mapping[str, int]) -> list[Usual]:
    """What is usual for each of some days.

    Args:
        days: ISO days; for anything else (a snapshot) nothing is usual.
        counts: day → row count of stored days; only those before a day count for it.
    """
    return [_usual(day, counts) for day in days]


def days_before_any(days: Sequence[str]) -> list[str]:
    """The days whose row counts say what is usual for some days, in order."""
    known = [found for day in days if (found := as_day(day))]
    if not known:
        return []
    return Span(shifted(min(known), -HISTORY_DAYS), shifted(max(known), -1)).days()


def _usual(day: str, counts: Mapping[str, int]) -> Usual:
    if as_day(day) is None or not counts:
        return Usual(None)
    weekdays = _counts_of(day, counts, range(7, HISTORY_DAYS + 1, 7), SAME_WEEKDAYS)
    if len(weekdays) >= MIN_SAME_WEEKDAYS:
        return Usual(median(weekdays), f"on a {weekday(day)}")
    last = _counts_of(day, counts, range(1, HISTORY_DAYS + 1), LAST_DAYS)
    if len(last) >= MIN_LAST_DAYS:
        return Usual(median(last), "a day")
    return Usual(None)


def _counts_of(own: str, counts: Mapping[str, int], ages: range, wanted: int) -> list[int]:
    """Row counts of the newest stored days of these ages."""
    found: list[int] = []
    for age in ages:
        day = shifted(own, -age)
        if day in counts:
            found.append(counts[day])
            if len(found) == wanted:
                break
    return found
