"""Dagster's partitions of tables, and which partitions of an input a partition maps to."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import dagster as dg

from ml_assets.cadence import Cadence, Calendar, Span, shifted
from ml_assets.configuration.days import Days
from ml_assets.content import SNAPSHOT
from ml_assets.errors import ConfigurationError
from ml_assets.planning.inputs import Input

MONDAY = 1
"""First day of a week, as Dagster counts them."""

Partitions = dg.TimeWindowPartitionsDefinition

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
"""Tags of a run with the keys that it is asked for."""


def partitions(days: Days, *, is_as_of: bool = False) -> Partitions:
    """The Dagster partitions of a table.

    Args:
        days: the days of the table.
        is_as_of: its partitions read only what is known when they begin, so that they exist then.
    """
    not_ended = max(days.not_ended, int(is_as_of))
    end, zone = None if days.last is None else shifted(days.last, 1), days.timezone
    match days.cadence:
        case Cadence.HOURLY:
            first, until = f"{days.first}-00:00", end and f"{end}-00:00"
            return dg.HourlyPartitionsDefinition(
                first, end_date=until, timezone=zone, end_offset=not_ended
            )
        case Cadence.DAILY:
            return dg.DailyPartitionsDefinition(
                days.first, end_date=end, timezone=zone, end_offset=not_ended
            )
        case Cadence.WEEKLY:
            return dg.WeeklyPartitionsDefinition(
                days.first,
                end_date=end,
                timezone=zone,
                day_offset=MONDAY,
                end_offset=not_ended,
            )
        case Cadence.MONTHLY:
            return dg.MonthlyPartitionsDefinition(
                days.first, end_date=end, timezone=zone, end_offset=not_ended
            )


def calendar_of(definition: dg.PartitionsDefinition) -> Calendar:
    """The division of time into partitions that a Dagster definition describes.

    Raises:
        ConfigurationError: the partitions are no hours, days, weeks from Monday, or months.
    """
    if isinstance(definition, Partitions):
        zone = definition.timezone
        for cadence, schedule in SCHEDULES.items():
            if definition.cron_schedule == schedule:
                return Calendar(cadence, zone)
    raise ConfigurationError(
        f"{definition} are no partitions that tables can have. Expected Dagster's hourly, daily, "
        "weekly (day_offset=1) or monthly partitions that begin at midnight."
    )


SCHEDULES = {
    Cadence.HOURLY: "0 * * * *",
    Cadence.DAILY: "0 0 * * *",
    Cadence.WEEKLY: "0 0 * * 1",
    Cadence.MONTHLY: "0 0 1 * *",
}
"""Cadence → cron schedule by which Dagster identifies partitions."""


def dependencies(inputs: Iterable[Input]) -> list[dg.AssetDep]:
    """Dagster's dependencies of a table: one on each asset that it reads.

    Inputs of the same asset, such as its own partition and those before, become one dependency from
    the first to the last partition that any of them reads.
    """
    by_table: dict[str, Input] = {}
    for item in inputs:
        other = by_table.get(item.table, item)
        by_table[item.table] = replace(
            other, first=min(other.first, item.first), last=max(other.last, item.last)
        )
    return [
        dg.AssetDep(table.split("/"), partition_mapping=_mapping_of(item))
        for table, item in by_table.items()
    ]


def _mapping_of(item: Input) -> dg.PartitionMapping | None:
    """The Dagster partition mapping of an input; None for Dagster's default mapping."""
    if item.is_snapshot or item.first == item.last == 0:
        return None
    return dg.TimeWindowPartitionMapping(
        start_offset=item.first,
        end_offset=item.last,
        allow_nonexistent_upstream_partitions=True,
    )


def input_days(graph: Any, table: str, day: str) -> list[tuple[str, str]]:
    """(table, day) of all inputs of a day, according to Dagster's asset graph.

    Args:
        graph: the definitions' asset graph.
        table: table name.
        day: one of its days.
    """
    node = graph.get(dg.AssetKey(table.split("/")))
    found: list[tuple[str, str]] = []
    for parent in sorted(node.parent_keys):
        name = "/".join(parent.path)
        definition = graph.get(parent).partitions_def
        if definition is None or day == SNAPSHOT:
            found.append((name, SNAPSHOT))
            continue
        first, last = _offsets(node, parent)
        calendars = calendar_of(node.partitions_def), calendar_of(definition)
        item = Input(name, first, last, calendar=calendars[0], input_calendar=calendars[1])
        found += [(name, input_day) for input_day in item.days_of(day)]
    return found


def last_inputs(graph: Any, table: str) -> dict[str, int]:
    """Partitioned input of a table → offset of the last partition that one of the table reads.

    Args:
        graph: the definitions' asset graph.
        table: name of a table with partitions.
    """
    node = graph.get(dg.AssetKey(table.split("/")))
    return {
        "/".join(parent.path): _offsets(node, parent)[1]
        for parent in sorted(node.parent_keys)
        if graph.get(parent).partitions_def is not None
    }


def _offsets(node: Any, parent: dg.AssetKey) -> tuple[int, int]:
    """Offsets of the first and the last partition of an input, in partitions of the reading table."""
    mapping = node.partition_mappings.get(parent)
    is_shifted = isinstance(mapping, dg.TimeWindowPartitionMapping)
    return (mapping.start_offset, mapping.end_offset) if is_shifted else (0, 0)


def keys_within(graph: Any, table: str, span: Span | None) -> list[str]:
    """Keys of a table's partitions in a span, in order; the snapshot for a table without partitions.

    Args:
        graph: the definitions' asset graph.
        table: table name.
        span: the partitions; None for a table without partitions.
    """
    definition = graph.get(dg.AssetKey(table.split("/"))).partitions_def
    if span is None or definition is None:
        return [SNAPSHOT]
    return calendar_of(definition).keys(span.first, span.last)


def days_of_run(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    definition: dg.PartitionsDefinition | None,
) -> list[str]:
    """The days a run covers, in order; the snapshot's name for a table without days.

    Raises:
        ConfigurationError: the run asks for a key that does not exist, such as an hour that a clock
            change skips; Dagster would give the next one.
    """
    if definition is None:
        return [SNAPSHOT]
    days = list(context.partition_keys)
    for tag in (PARTITION, RANGE_START, RANGE_END):
        asked = context.run.tags.get(tag)
        if asked is not None and asked not in days:
            day = days[-1] if tag == RANGE_END else days[0]
            raise ConfigurationError(
                f"There is no partition {asked}. Its time begins in {day}: name that one."
            )
    return days


def bounds(definition: dg.PartitionsDefinition, day: str) -> tuple[datetime, datetime]:
    """First moment of a partition and first moment after it."""
    return calendar_of(definition).bounds(day)
