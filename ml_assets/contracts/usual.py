"""The usual number of rows of a day, from the days before it.

It is the median of the last four stored days of the same weekday, of at least two; otherwise the
median of the last seven stored days, of at least three; otherwise it is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ml_assets.cadence import Span, as_day, shifted, weekday

HISTORY_DAYS = 56
"""Days of history that are searched: twice the four weeks that are needed without a gap."""

SAME_WEEKDAYS, MIN_SAME_WEEKDAYS = 4, 2
LAST_DAYS, MIN_LAST_DAYS = 7, 3


@dataclass(frozen=True)
class Usual:
    """The usual number of rows of a day.

    Attributes:
        rows: number of rows; None when too few earlier days are stored.
        words: the days it was taken from, for "usually 842 …".
    """

    rows: float | None
    words: str = ""


def usual_of_days(days: Sequence[str], counts: Mapping[str, int]) -> list[Usual]:
    """The usual number of rows of each day.

    Args:
        days: ISO days; anything else (a snapshot) has no usual number.
        counts: day → row count of stored days; only earlier days are used for a day.
    """
    return [_usual(day, counts) for day in days]


def days_before_any(days: Sequence[str]) -> list[str]:
    """The earlier days whose row counts are needed for the usual numbers of ``days``, in order."""
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


def _counts_of(own: str, counts: Mapping[str, int], ages: range, maximum: int) -> list[int]:
    """Row counts of the newest stored days with these ages in days, at most ``maximum``."""
    found: list[int] = []
    for age in ages:
        day = shifted(own, -age)
        if day in counts:
            found.append(counts[day])
            if len(found) == maximum:
                break
    return found
