"""Durations of configuration files and options: a number and a unit, such as ``36h``, ``7d``, ``8w`` or ``3mo``."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainSerializer, WithJsonSchema

from ml_assets.cadence import HOUR, PARTITION_HOURS, Cadence, Calendar

LONGEST = timedelta(days=3720)
"""Ten years: a longer duration is a typing error."""


_DURATION = re.compile(r"(\d{1,5}) ?(mo|h|d|w)")
_WORDS = {"h": "hour", "d": "day", "w": "week", "mo": "month"}
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


@dataclass(frozen=True)
class Duration:
    """A length of time: hours, or months.

    Attributes:
        text: as it is written in a file: ``36h``, ``7d``, ``8w``, ``3mo``.
        hours: its hours; 0 for months. A day of 23 or 25 hours counts as 24.
        months: its months; 0 for hours.
    """

    text: str
    hours: int
    months: int = 0

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read a number and ``h``, ``d``, ``w`` or ``mo``.

        Raises:
            ValueError: the text has another format.
        """
        found = _DURATION.fullmatch(text)
        if not found:
            raise ValueError(f"'{text}' is not a duration, expected for example '7d' or '36h'")
        count, unit = int(found[1]), found[2]
        return cls(text, 0, count) if unit == "mo" else cls(text, count * _HOURS[unit])

    def __repr__(self) -> str:
        return self.text

    @classmethod
    def of(cls, count: int, cadence: Cadence) -> "Duration":
        """The duration of a number of partitions without clock changes."""
        units = {
            Cadence.HOURLY: "h",
            Cadence.DAILY: "d",
            Cadence.WEEKLY: "w",
            Cadence.MONTHLY: "mo",
        }
        return cls.parse(f"{count}{units[cadence]}")

    @property
    def words(self) -> str:
        """The duration for messages: ``36 hours``, ``7 days``."""
        count, unit = re.split(r"(?<=\d) ?(?=\D)", self.text)
        return f"{count} {_WORDS[unit]}{'' if count == '1' else 's'}"

    @property
    def longest(self) -> timedelta:
        """Its greatest length; a month has at most 31 days."""
        return self.hours * HOUR + timedelta(days=31 * self.months)

    def partitions(self, calendar: Calendar) -> int:
        """The duration as a number of partitions.

        Raises:
            ValueError: it is not a whole number of partitions.
        """
        if calendar.cadence is Cadence.MONTHLY:
            count, rest = self.months, self.hours
        else:
            count, rest = divmod(self.hours, PARTITION_HOURS[calendar.cadence])
            rest += self.months
        if rest:
            raise ValueError(f"{self.text} is not a whole number of {calendar.cadence} partitions")
        return count


@dataclass(frozen=True)
class Offset:
    """A time relative to the start of a partition: ``-8d`` is before it, ``0d`` the start itself.

    Attributes:
        text: as it is written in a file.
        duration: the time between the two.
        is_before: whether it is before the start.
    """

    text: str
    duration: Duration
    is_before: bool

    @classmethod
    def parse(cls, text: object) -> "Offset":
        """Read a duration with an optional minus.

        Raises:
            ValueError: the text has another format.
        """
        unsigned = str(text).removeprefix("-")
        try:
            return cls(str(text), Duration.parse(unsigned), unsigned != text)
        except ValueError:
            raise ValueError(
                f"{text!r} is not an offset, expected for example '-8d' or '0d'"
            ) from None

    def __repr__(self) -> str:
        return self.text

    def partitions(self, calendar: Calendar) -> int:
        """The offset as a number of partitions, negative before the start.

        Raises:
            ValueError: it is not a whole number of partitions.
        """
        count = self.duration.partitions(calendar)
        return -count if self.is_before else count


def _parsed(value: object) -> Duration:
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - pydantic reports value errors
            f"{value!r} is not a duration, expected for example '7d' or '36h'"
        )
    return Duration.parse(value)


def _limited(duration: Duration) -> Duration:
    if duration.longest > LONGEST:
        raise ValueError(f"{duration.text} is too long: durations are at most ten years")
    return duration


def _positive(duration: Duration) -> Duration:
    if not duration.longest:
        raise ValueError(f"{duration.text} is no time, expected more than zero")
    return duration


def _in_hours(duration: Duration) -> Duration:
    if duration.months:
        raise ValueError(f"{duration.text} has no fixed length, expected hours, days or weeks")
    return duration


DurationOrNone = Annotated[
    Duration,
    BeforeValidator(_parsed),
    AfterValidator(_limited),
    PlainSerializer(lambda duration: duration.text),
    WithJsonSchema({"type": "string", "examples": ["36h", "7d", "8w", "3mo"]}),
]
"""A duration that may be zero."""

OffsetFromStart = Annotated[
    Offset,
    BeforeValidator(lambda value: value if isinstance(value, Offset) else Offset.parse(value)),
    PlainSerializer(lambda offset: offset.text),
    WithJsonSchema({"type": "string", "examples": ["-8d", "-2h", "0d"]}),
]
"""A time relative to the start of a partition."""

PositiveDuration = Annotated[DurationOrNone, AfterValidator(_positive)]
Age = Annotated[PositiveDuration, AfterValidator(_in_hours)]
"""A duration of a fixed length."""


def age(text: str) -> timedelta:
    """A duration of a fixed length, longer than zero.

    Args:
        text: hours, days or weeks, such as ``36h``.

    Raises:
        ValueError: the text is none, or it is longer than ten years.
    """
    return _in_hours(_positive(_limited(Duration.parse(text)))).longest


def partitions(section: BaseModel, name: str, calendar: Calendar) -> int:
    """A duration of a section as a number of partitions; a default is rounded to whole partitions.

    Args:
        section: the section.
        name: its key.
        calendar: the partitions.

    Raises:
        ValueError: a duration that was given is not a whole number of partitions.
    """
    duration: Duration = getattr(section, name)
    if name not in section.model_fields_set:
        return calendar.nearest_count(duration.longest)
    try:
        return duration.partitions(calendar)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
