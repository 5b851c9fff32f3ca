"""Template: a sensor that extracts a new day when every source it needs has it.

A source has a day when its newest row lies within ``max_age_hours`` of the day's end, or later.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from ml_assets.components.source_table import SOURCE_KEY, Source
from ml_assets.extraction.database import SourceDatabase
from ml_assets.lake.content import SNAPSHOT
from ml_assets.lake.entries import Status
from ml_assets.lake.store import Lake
from ml_assets.orchestration.partitions import bounds
from ml_assets.orchestration.requests import request, sensor_status
from ml_assets.orchestration.runs import Span
from ml_assets.settings import settings

MAX_DAYS = 31
"""Days asked for in one run when many are new."""


class NewDays(dg.Component, dg.Model, dg.Resolvable):
    """Keeps daily tables up to date with their sources.

    Attributes:
        name: name of the sensor.
        sources: asset keys of the daily source tables; a day begins when all of them have it.
        snapshots: asset keys of tables without days that are needed once before.
        tables: asset keys of the daily tables that are computed from them in the same run.
    """

    name: str
    sources: list[str]
    snapshots: list[str] = []
    tables: list[str] = []

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The sensor."""
        del context
        daily = [*self.sources, *self.tables]

        @dg.sensor(
            name=self.name,
            description="Extracts new days, and computes what is made of them, when all sources have them.",
            target=dg.AssetSelection.assets(*_keys([*self.snapshots, *daily])),
            default_status=sensor_status(),
            minimum_interval_seconds=settings().sensor_seconds,
        )
        def new_days(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
            lake = Lake.of_project()
            lost = [table for table in self.snapshots if not lake.ledger.latest(table, [SNAPSHOT])]
            if lost:
                return request(context.instance, f"{self.name} snapshots", _keys(lost), None)
            assert context.repository_def is not None
            graph = context.repository_def.asset_graph
            nodes = {table: graph.get(_key(table)) for table in self.sources}
            newest = {table: _newest(node) for table, node in nodes.items()}
            definition = nodes[self.sources[0]].partitions_def
            assert definition is not None
            days = definition.get_partition_keys()
            first = _first_new_day(lake, daily, days)
            if first is None:
                return dg.SkipReason(f"{days[-1]} was the last day there is.")
            complete = {
                table: _days_until(node, newest[table], first) for table, node in nodes.items()
            }
            if waiting := [table for table, found in complete.items() if not found]:
                return dg.SkipReason(
                    f"{first} waits for "
                    + " and ".join(f"{table}, {_shown(newest[table])}" for table in waiting)
                )
            span = Span(first, min(found[-1] for found in complete.values()))
            unit = f"{self.name} {span.first}...{span.last}"
            return request(context.instance, unit, _keys(daily), span)

        return dg.Definitions(sensors=[new_days])


def _newest(node: Any) -> datetime | None:
    """Moment of the newest row of a table in its source, plus the age that a complete day may have."""
    source = Source.model_validate(node.metadata[SOURCE_KEY])
    assert source.time_column is not None
    newest = SourceDatabase(settings().source_database_url).newest(source.table, source.time_column)
    return None if newest is None else newest + timedelta(hours=source.max_age_hours or 0)


def _first_new_day(lake: Lake, tables: Sequence[str], days: Sequence[str]) -> str | None:
    """The first day after those that every table was asked for, whatever became of them."""
    newest = [
        max(
            (
                day
                for day, entry in lake.ledger.latest(table).items()
                if entry.status is not Status.WRITING
            ),
            default="",
        )
        for table in tables
    ]
    return next((day for day in days if day > min(newest)), None)


def _days_until(node: Any, newest: datetime | None, first: str) -> list[str]:
    """Days from ``first`` on that a source has completely, at most ``MAX_DAYS``."""
    if newest is None:
        return []
    days = [day for day in node.partitions_def.get_partition_keys() if day >= first][:MAX_DAYS]
    return [day for day in days if bounds(node.partitions_def, day)[1] <= newest]


def _shown(newest: datetime | None) -> str:
    if newest is None:
        return "which has no rows"
    return f"which is complete up to {newest:%Y-%m-%d %H:%M} UTC"


def _key(table: str) -> dg.AssetKey:
    return dg.AssetKey(table.split("/"))


def _keys(tables: Sequence[str]) -> list[dg.AssetKey]:
    return [_key(table) for table in tables]
