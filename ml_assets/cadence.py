"""Arithmetic with partitions: keys, bounds, offsets, and mappings between cadences.

A partition is an hour, a local day, a week from Monday, or a month. Its key is the text that
Dagster writes for its start: ``2024-02-09-13:00`` for an hour, otherwise the first day,
``2024-02-09``. Keys of a cadence sort by time. When clocks are set back, the key of the repeated
hour ends with its offset from UTC, ``2024-11-03-01:00-0500``.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from ml_assets.errors import ConfigurationError

HOUR = timedelta(hours=1)
HOUR_FORMAT = "%Y-%m-%d-%H:%M"
_DAY = len("2024-02-09")
_HOUR = len("2024-02-09-13:00")


class Cadence(StrEnum):
    """Length of a partition."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"

    @property
    def unit(self) -> str:
        """The length of a partition in a word: ``hour``, ``day``, ``week`` or ``month``."""
        return "day" if self is Cadence.DAILY else self.removesuffix("ly")


@dataclass(frozen=True)
class Calendar:
    """A division of time into partitions of a cadence.

    Attributes:
        cadence: length of a partition.
        timezone: IANA zone in which hours, days, weeks and months begin.
    """

    cadence: Cadence = Cadence.DAILY
    timezone: str = "UTC"

    def shifted(self, key: str, count: int) -> str:
        """The key ``count`` partitions after another, or before it when ``count`` is negative."""
        return self._key_at(self._position(key) + count)

    def between(self, first: str, last: str) -> int:
        """Number of partitions from ``first`` to ``last``; negative when ``last`` is earlier."""
        return self._position(last) - self._position(first)

    def keys(self, first: str, last: str) -> list[str]:
        """All keys from ``first`` to ``last``, both included."""
        positions = range(self._position(first), self._position(last) + 1)
        return [self._key_at(position) for position in positions]

    def start_of(self, key: str) -> datetime:
        """The first moment of a partition, in UTC: local times of a repeated hour do not compare."""
        if self.cadence is Cadence.HOURLY:
            return _utc(key, self.timezone)
        local = datetime.fromisoformat(key).replace(tzinfo=ZoneInfo(self.timezone))
        return local.astimezone(UTC)

    def bounds(self, key: str) -> tuple[datetime, datetime]:
        """The first moment of a partition, and the first moment after it."""
        return self.start_of(key), self.start_of(self.shifted(key, 1))

    def key_of(self, moment: datetime) -> str:
        """The key of the partition that contains a timezone-aware moment."""
        if self.cadence is Cadence.HOURLY:
            return _hour_key(int(moment.timestamp() // HOUR.total_seconds()), self.timezone)
        return self.first_of(moment.astimezone(ZoneInfo(self.timezone)).date().isoformat())

    def at_least_daily(self) -> "Calendar":
        """The calendar itself, or that of days in its zone if its partitions are shorter."""
        return Calendar(Cadence.DAILY, self.timezone) if self.cadence is Cadence.HOURLY else self

    def first_of(self, day: str) -> str:
        """The key of the partition that contains the first moment of a local day."""
        if self.cadence is Cadence.HOURLY:
            return self.key_of(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(self.timezone)))
        return self._key_at(self._position(day))

    @property
    def longest_partition(self) -> timedelta:
        """Length of a partition without clock changes; of a month, its most."""
        is_month = self.cadence is Cadence.MONTHLY
        return timedelta(days=31) if is_month else PARTITION_HOURS[self.cadence] * HOUR

    def covering(self, duration: timedelta) -> int:
        """The least number of partitions that are at least as long as a duration."""
        return math.ceil(duration / self.shortest_partition)

    def nearest_count(self, duration: timedelta) -> int:
        """The number of partitions that is nearest to a duration; at least one if it is not zero."""
        mean = (self.shortest_partition + self.longest_partition) / 2
        return max(1, round(duration / mean)) if duration else 0

    @property
    def shortest_partition(self) -> timedelta:
        """Length of a partition without clock changes; of a month, its least."""
        return timedelta(days=28) if self.cadence is Cadence.MONTHLY else self.longest_partition

    def has_whole_hours(self, day: str) -> bool:
        """Whether hours of the zone begin with those of UTC, in summer and winter of a day's year."""
        year, zone = int(day[:4]), ZoneInfo(self.timezone)
        starts = [datetime(year, month, 1, tzinfo=zone).timestamp() for month in (1, 7)]
        return all(start % HOUR.total_seconds() == 0 for start in starts)

    def is_finer_than(self, other: "Calendar") -> bool:
        """Whether its partitions are shorter than those of another calendar."""
        return self.longest_partition < other.longest_partition

    def next_from(self, moment: datetime) -> str:
        """The key of the first partition that begins at a moment or later."""
        key = self.key_of(moment)
        return key if self.start_of(key) == moment else self.shifted(key, 1)

    def last_ended(self, moment: datetime) -> str:
        """The key of the last partition that ends at a moment or earlier."""
        return self.shifted(self.key_of(moment), -1)

    def within(self, start: datetime, end: datetime) -> list[str]:
        """Keys of the partitions that overlap a span of time, without its last moment."""
        return self.keys(self.key_of(start), self.key_of(end - timedelta(microseconds=1)))

    def _position(self, key: str) -> int:
        if self.cadence is Cadence.HOURLY:
            return _hour(key, self.timezone)
        day = date.fromisoformat(key)
        if self.cadence is Cadence.MONTHLY:
            return day.year * 12 + day.month - 1
        return day.toordinal() if self.cadence is Cadence.DAILY else (day.toordinal() - 1) // 7

    def _key_at(self, position: int) -> str:
        match self.cadence:
            case Cadence.HOURLY:
                return _hour_key(position, self.timezone)
            case Cadence.DAILY:
                return date.fromordinal(position).isoformat()
            case Cadence.WEEKLY:
                return date.fromordinal(position * 7 + 1).isoformat()
            case Cadence.MONTHLY:
                return date(position // 12, position % 12 + 1, 1).isoformat()


DAYS = Calendar()

PARTITION_HOURS = {Cadence.HOURLY: 1, Cadence.DAILY: 24, Cadence.WEEKLY: 7 * 24}
"""Cadence → hours of a partition; a month has no fixed number."""


@lru_cache(2**16)
def _hour(key: str, timezone: str) -> int:
    return int(_utc(key, timezone).timestamp() // HOUR.total_seconds())


@lru_cache(2**16)
def _hour_key(position: int, timezone: str) -> str:
    local = datetime.fromtimestamp(position * 3600, ZoneInfo(timezone))
    return local.strftime(HOUR_FORMAT + ("%z" if local.fold else ""))


def _utc(key: str, timezone: str) -> datetime:
    local = datetime.strptime(key[:_HOUR], HOUR_FORMAT)  # noqa: DTZ007 - the zone follows
    return local.replace(tzinfo=ZoneInfo(timezone), fold=len(key) > _HOUR).astimezone(UTC)


@dataclass(frozen=True)
class Span:
    """A range of partitions, both ends included.

    Attributes:
        first: its first key.
        last: its last key, not before ``first``.
    """

    first: str
    last: str

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Read ``A...B`` or a single key.

        Raises:
            ConfigurationError: the text has another format, or the range is empty.
        """
        first, dots, last = text.partition("...")
        ends = [as_key(key) for key in (first, last if dots else first)]
        if not ends[0] or not ends[1]:
            raise ConfigurationError(
                f"'{text}' is not a day, an hour, or a range of them. Expected for example "
                "'2024-02-09', '2024-02-01...2024-02-28' or '2024-02-09-13:00'."
            )
        if ends[0] > ends[1]:
            raise ConfigurationError(f"The range {text} is empty: it ends before it begins.")
        return cls(ends[0], ends[1])

    def contains(self, key: str) -> bool:
        """Whether a partition is in the range; that of a day contains the day's hours."""
        end = key if len(self.last) > _DAY else day_of(key)
        return self.first <= key and end <= self.last

    def days(self) -> list[str]:
        """Every day of a span of days."""
        return DAYS.keys(self.first, self.last)


def as_key(text: str) -> str | None:
    """A text as the key of a partition; None when it is not one, such as a snapshot's name."""
    if len(text) <= _DAY:
        return as_day(text)
    try:
        hour = datetime.strptime(text, HOUR_FORMAT + ("%z" if len(text) > _HOUR else ""))  # noqa: DTZ007
    except ValueError:
        return None
    return text if not hour.minute else None


def as_day(text: str) -> str | None:
    """A text as an ISO day; None when it is not one."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def day_of(key: str) -> str:
    """The local day on which a partition begins."""
    return key[:_DAY]


def hour_of(key: str) -> str:
    """The local time of day at which an hour begins; empty for the key of a longer partition."""
    return key[_DAY:_HOUR]


def weekday(key: str) -> str:
    """English name of the weekday on which a partition begins."""
    return f"{date.fromisoformat(day_of(key)):%A}"


def shifted(day: str, count: int) -> str:
    """The day ``count`` days after another, or before it when ``count`` is negative."""
    return DAYS.shifted(day, count)


def nearest(key: str, known: Sequence[str]) -> str:
    """The known key that is nearest in time; at least one is known."""
    return min(known, key=lambda other: abs(_naive(key) - _naive(other)))


def in_a_row(keys: Sequence[str]) -> Iterator[Span]:
    """Spans of consecutive days or hours that together contain exactly ``keys``, in order.

    Keys of weeks and months are days that do not follow each other, so each is a span of its own.

    Args:
        keys: keys in order, or a single snapshot.
    """
    first = last = keys[0]
    for key in keys[1:]:
        if not _follows(last, key):
            yield Span(first, last)
            first = key
        last = key
    yield Span(first, last)


def _follows(key: str, following: str) -> bool:
    step = HOUR if hour_of(key) else timedelta(days=1)
    is_repeated_hour = following != key and following[:_HOUR] == key
    return is_repeated_hour or _naive(following) - _naive(key) == step


def _naive(key: str) -> datetime:
    return datetime.strptime(key[:_HOUR], HOUR_FORMAT if hour_of(key) else "%Y-%m-%d")  # noqa: DTZ007


def steps(span: Span, length: int | None) -> list[Span]:
    """Cut a span of days into steps; the last may be shorter.

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
