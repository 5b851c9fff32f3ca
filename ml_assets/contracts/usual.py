"""The usual number of rows of a partition, from the partitions before it.

It is the median of the last four stored partitions that begin on the same weekday at the same hour,
of at least two; otherwise the median of the last seven stored partitions, of at least three;
otherwise it is unknown.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from ml_assets.cadence import Span, as_key, day_of, hour_of, shifted, weekday

HISTORY_DAYS = 56
"""Days of history that are searched: twice the four weeks that are needed without a gap."""

SAME_WEEKDAYS, MIN_SAME_WEEKDAYS = 4, 2
LAST, MIN_LAST = 7, 3


@dataclass(frozen=True)
class Usual:
    """The usual number of rows of a partition.

    Attributes:
        rows: number of rows; None when too few earlier partitions are stored.
        words: the partitions it was taken from, for "usually 842 …".
    """

    rows: float | None
    words: str = ""


def usual_of_days(days: Sequence[str], counts: Mapping[str, int]) -> list[Usual]:
    """The usual number of rows of each partition.

    Args:
        days: keys of partitions; anything else (a snapshot) has no usual number.
        counts: key → row count of stored partitions; only earlier ones are used for each.
    """
    stored = sorted(counts)
    return [_usual(key, stored, counts) if as_key(key) else Usual(None) for key in days]


def history_of(days: Sequence[str]) -> Span | None:
    """The span with the earlier partitions that the usual numbers of ``days`` depend on."""
    known = [day for day in days if as_key(day)]
    return Span(shifted(day_of(min(known)), -HISTORY_DAYS), max(known)) if known else None


def _usual(key: str, stored: Sequence[str], counts: Mapping[str, int]) -> Usual:
    hour = hour_of(key)
    alike = [
        counts[other]
        for other in islice(
            (
                other
                for other in _before(key, stored)
                if weekday(other) == weekday(key) and hour_of(other) == hour
            ),
            SAME_WEEKDAYS,
        )
    ]
    if len(alike) >= MIN_SAME_WEEKDAYS:
        at = f" at {hour[1:]}" if hour else ""
        return Usual(median(alike), f"on a {weekday(key)}{at}")
    last = [counts[other] for other in islice(_before(key, stored), LAST)]
    if len(last) >= MIN_LAST:
        return Usual(median(last), "an hour" if hour else "a day")
    return Usual(None)


def _before(key: str, stored: Sequence[str]) -> Iterator[str]:
    """Stored partitions before another, the newest first, as far as the history goes."""
    first = shifted(day_of(key), -HISTORY_DAYS)
    for number in range(bisect_left(stored, key) - 1, -1, -1):
        if stored[number] < first:
            return
        yield stored[number]
