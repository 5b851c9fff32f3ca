"""Partitions: local days, and which input days a day maps to."""

from datetime import date, datetime, timedelta

import dagster as dg

from ml_assets.lake.content import SNAPSHOT
from ml_assets.lake.planning import Input


class Days(dg.Model, dg.Resolvable):
    """The days a table has, as a ``defs.yaml`` says it.

    Attributes:
        first: first local day, ISO.
        last: last local day, ISO; open when omitted.
        timezone: IANA zone whose midnights bound the days.
    """

    first: str
    last: str | None = None
    timezone: str = "UTC"

    def definition(self) -> dg.DailyPartitionsDefinition:
        """The Dagster partitions; the last day counts as complete."""
        end = None
        if self.last is not None:
            end = (date.fromisoformat(self.last) + timedelta(days=1)).isoformat()
        return dg.DailyPartitionsDefinition(self.first, end_date=end, timezone=self.timezone)


def mapping_of(item: Input) -> dg.PartitionMapping | None:
    """The Dagster partition mapping of an input; None where Dagster's default is right."""
    if item.is_snapshot or item.first == item.last == 0:
        return None
    return dg.TimeWindowPartitionMapping(
        start_offset=item.first,
        end_offset=item.last,
        allow_nonexistent_upstream_partitions=True,
    )


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
