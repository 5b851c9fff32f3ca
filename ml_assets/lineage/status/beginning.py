"""The first run of a pipeline without processed partitions."""

from datetime import UTC, datetime

from ml_assets.configuration import documents, models
from ml_assets.configuration.days import Days
from ml_assets.errors import ConfigurationError
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.lineage.status.values import NextStep

FOREVER = "9999-12-31"


def beginning(pipeline: str) -> NextStep | None:
    """Extract the first source of a pipeline, from its first day to the last that has ended.

    Args:
        pipeline: its name.

    Returns:
        None if none of its sources is a table with days, or its documents are not usable.
    """
    tables, _ = documents.source_tables()
    try:
        features = models.pipeline(pipeline).features
    except ConfigurationError:  # its state says why
        return None
    for table in documents.sources_of(features):
        if (known := tables.get(table)) and (days := known.days):
            span = partition_option(days.first_key, last_ended(days, datetime.now(UTC)))
            command = materialize_command(f'key:"{table}"') + span
            return NextStep(f"extract {table}, with which {pipeline} begins", command)
    return None


def last_ended(days: Days, now: datetime) -> str:
    """Key of the last partition that has ended."""
    return min(days.calendar.last_ended(now), days.last_key or FOREVER)
