"""Partitions: local days, and which input days a day maps to."""

from datetime import datetime
from typing import Any

import dagster as dg

from ml_assets.cadence import shifted
from ml_assets.configuration.sections import Days
from ml_assets.content import SNAPSHOT
from ml_assets.planning.plan import Input


def partitions(days: Days) -> dg.DailyPartitionsDefinition:
    """The Dagster partitions of a table's days, including the last day."""
    end = None if days.last is None else shifted(days.last, 1)
    return dg.DailyPartitionsDefinition(days.first, end_date=end, timezone=days.timezone)


def mapping_of(item: Input) -> dg.PartitionMapping | None:
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
        if graph.get(parent).partitions_def is None or day == SNAPSHOT:
            found.append((name, SNAPSHOT))
            continue
        mapping = node.partition_mappings.get(parent)
        first, last = (
            (mapping.start_offset, mapping.end_offset)
            if isinstance(mapping, dg.TimeWindowPartitionMapping)
            else (0, 0)
        )
        found += [(name, input_day) for input_day in Input(name, first, last).days_of(day)]
    return found


def days_of_run(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
    definition: dg.PartitionsDefinition | None,
) -> list[str]:
    """The days a run covers, in order; the snapshot's name for a table without days."""
    return [SNAPSHOT] if definition is None else list(context.partition_keys)


def bounds(definition: dg.PartitionsDefinition, day: str) -> tuple[datetime, datetime]:
    """First moment of a local day and first moment after it (23 to 25 hours apart)."""
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        raise TypeError("only days have bounds")
    window = definition.time_window_for_partition_key(day)
    return window.start, window.end
