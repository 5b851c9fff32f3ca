"""How long before its end a partition of a table exists, from the documents of its inputs."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from ml_assets.cadence import Calendar
from ml_assets.configuration.days import Days
from ml_assets.configuration.tables import FeatureTableConfiguration
from ml_assets.durations import partitions

Documents = Callable[[str], FeatureTableConfiguration | Days | None]
"""Asset key → the document of a computed table, the days of a source table, or None."""


def lead_of(table: FeatureTableConfiguration, documents: Documents) -> int:
    """Number of partitions before the end of a partition at which all that it reads exists.

    An input exists when it has ended, or ``ahead`` of its start.

    Args:
        table: the computed table.
        documents: finds its inputs.
    """
    calendar = table.days.calendar
    leads = [
        _exists_before_end(item.asset, calendar, documents) - item.offsets(calendar)[1]
        for item in table.inputs.values()
        if not item.is_snapshot
    ]
    return max(0, min(leads, default=table.days.not_ended))


def _exists_before_end(asset: str, calendar: Calendar, documents: Documents) -> int:
    """Number of partitions of a calendar before the end of one at which an input exists."""
    found = documents(asset)
    days = found.days if isinstance(found, FeatureTableConfiguration) else found
    if days is None or days.ahead is None:
        return 0
    of_input = partitions(days, "ahead", days.calendar) * days.calendar.longest_partition
    not_ended = of_input // calendar.longest_partition + 1
    if isinstance(found, FeatureTableConfiguration):
        return min(not_ended, lead_of(found, documents))
    return not_ended


def computed_table(config: Mapping[str, Any] | None) -> FeatureTableConfiguration | None:
    """A computed table; None for another one, or if it is shown as broken."""
    try:
        return FeatureTableConfiguration.model_validate(config) if config else None
    except ValidationError:
        return None
