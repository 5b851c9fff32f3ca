"""Pipelines and tables of the project, from its definitions."""

from typing import Any

from ml_assets.alerts.project import Project
from ml_assets.alerts.sources.days import pipeline_of
from ml_assets.cadence import Calendar
from ml_assets.errors import ConfigurationError
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.partitions import calendar_of
from ml_assets.orchestration.runs.runs import broken_assets


def project_of(graph: Any) -> Project | None:
    """The pipelines and tables of definitions; None if a part is broken, as its tables are unknown.

    Args:
        graph: the definitions' asset graph.
    """
    if broken_assets(graph):
        return None
    tables = {table_name(key): _partitions(graph.get(key)) for key in graph.get_all_asset_keys()}
    return Project({*map(pipeline_of, tables)}, tables)


def _partitions(asset: Any) -> Calendar | None:
    """The partitions of an asset; None without any, and for those that no table of ours has."""
    try:
        return calendar_of(asset.partitions_def) if asset.partitions_def else None
    except ConfigurationError:
        return None
