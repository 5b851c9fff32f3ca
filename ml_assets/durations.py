"""Durations in YAML files: a number and a unit, such as ``36h``, ``7d``, ``8w`` or ``3mo``."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainSerializer, WithJsonSchema

from ml_assets.cadence import Calendar, Duration

LONGEST = timedelta(days=3720)
"""Ten years: a longer duration is a typing error."""


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
        raise ValueError(f"{duration.text} is no time, expected at least one partition")
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

PositiveDuration = Annotated[DurationOrNone, AfterValidator(_positive)]
Age = Annotated[PositiveDuration, AfterValidator(_in_hours)]
"""A duration of a fixed length."""


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
