"""Arithmetic with partitions: a partition is a local day such as ``2024-02-09``."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ml_assets.errors import ConfigurationError


@dataclass(frozen=True)
class Span:
    """A range of days, both ends included.

    Attributes:
        first: its first day.
        last: its last day, not before ``first``.
    """

    first: str
    last: str

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Read ``A...B`` or a single day.

        Raises:
            ConfigurationError: the text has another format, or the range is empty.
        """
        first, dots, last = text.partition("...")
        ends = [as_day(day) for day in (first, last if dots else first)]
        if not ends[0] or not ends[1]:
            raise ConfigurationError(
                f"'{text}' is not a day or a range of days. Expected for example '2024-02-09' or "
                "'2024-02-01...2024-02-28'."
            )
        if ends[0] > ends[1]:
            raise ConfigurationError(f"The range {text} is empty: it ends before it begins.")
        return cls(ends[0], ends[1])

    def days(self) -> list[str]:
        """Every day of the span."""
        return [shifted(self.first, n) for n in range(days_between(self.first, self.last) + 1)]


def as_day(text: str) -> str | None:
    """A text as an ISO day; None when it is not one."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def shifted(day: str, count: int) -> str:
    """The day ``count`` days after another, or before it when ``count`` is negative."""
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()


def days_between(first: str, last: str) -> int:
    """Number of days from ``first`` to ``last``; negative when ``last`` is earlier."""
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def weekday(day: str) -> str:
    """English name of a day's weekday."""
    return f"{date.fromisoformat(day):%A}"


def start_of(day: str, timezone: str) -> datetime:
    """The first moment of a day.

    Args:
        day: the day.
        timezone: IANA zone in which days begin at midnight.
    """
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(timezone))


def nearest(day: str, known: Sequence[str]) -> str:
    """The known day that is nearest in time; at least one is known."""
    return min(known, key=lambda other: abs(days_between(day, other)))


def in_a_row(days: Sequence[str]) -> Iterator[Span]:
    """The spans of consecutive days that together contain exactly ``days``, in order.

    Args:
        days: days in order, or a single snapshot.
    """
    first = last = days[0]
    for day in days[1:]:
        if day != shifted(last, 1):
            yield Span(first, last)
            first = day
        last = day
    yield Span(first, last)


def steps(span: Span, length: int | None) -> list[Span]:
    """Cut a span into steps; the last may be shorter.

    Args:
        span: the days.
        length: days of a step; None for calendar months.
    """
    every = span.days()
    if length is None:
        parts = [list(of_month) for _, of_month in itertools.groupby(every, lambda day: day[:7])]
    else:
        parts = [every[n : n + length] for n in range(0, len(every), length)]
    return [Span(part[0], part[-1]) for part in parts]
