"""Template: a sensor that keeps daily tables up to date with their sources.

At every tick it looks at the source again: new days, days that changed since they were extracted,
snapshots that changed. It asks for the first days that are not finished, so a gap is filled before
later days are extracted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from ml_assets.cadence import Span, shifted
from ml_assets.components.configured import Configured
from ml_assets.components.source_table import SOURCE_KEY, SourceTable
from ml_assets.configuration.tables import NewDaysConfiguration, SourceTableConfiguration
from ml_assets.content import SNAPSHOT
from ml_assets.errors import ConfigurationError, TerminalError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status
from ml_assets.orchestration.runs.requests import (
    REASON,
    Unit,
    attempts,
    request,
    unit_of,
)
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets.orchestration.runs.sensors import sensor
from ml_assets.planning.progress import unfinished
from ml_assets.sources.database import SourceDatabase
from ml_assets.workspace import Workspace

MAX_DAYS = 31
"""Days asked for in one run when many are not finished."""


class NewDays(Configured[NewDaysConfiguration]):
    """Keeps daily tables up to date with their sources."""

    configuration = NewDaysConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The sensor."""
        del context
        selected = [
            dg.AssetKey(table.split("/")) for table in [*self.config.snapshots, *self._daily]
        ]

        @sensor(
            name=self.config.name,
            description=(
                "Extracts new days when all sources have them, extracts again what changed in the "
                "source, and recomputes what is made of it."
            ),
            target=dg.AssetSelection.assets(*selected),
            looks_at="The sources",
        )
        def new_days(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
            assert context.repository_def is not None
            graph = context.repository_def.asset_graph
            return self._tick(graph, context.instance, context.resources.workspace)

        return dg.Definitions(sensors=[new_days])

    @property
    def _daily(self) -> list[str]:
        return [*self.config.sources, *self.config.tables]

    def _tick(
        self, graph: Any, instance: dg.DagsterInstance, workspace: Workspace
    ) -> dg.RunRequest | dg.SkipReason:
        self._refuse_broken(graph)
        source, lake = workspace.source, workspace.lake
        waits = workspace.settings.retry_waits
        changed, problems = self._look_at_snapshots(graph, source, lake)
        if changed:
            name = f"{self.config.name} snapshots {' '.join(changed)}"
            told = request(instance, lake.ledger, unit_of(graph, name, changed, None), waits)
            return _with_problems(told, problems)
        tables = {table: _source_table(graph, table) for table in self.config.sources}
        days = self._days(graph, lake)
        last = {table: item.last_complete(source, lake, days) for table, item in tables.items()}
        known = [day for day in days if day <= min(last.values())]
        for item in tables.values():
            again = revisited(lake, item.config.key, known, item.config.revisit_days)
            if unreadable := item.record_source(source, lake, again):
                problems[item.config.key] = next(iter(unreadable.values()))
        work = {table: unfinished(lake.ledger, table, known) for table in self._daily}
        if not any(work.values()):
            return _with_problems(dg.SkipReason(_waiting(days, known, last)), problems)
        span = _span(sorted(day for open_days in work.values() for day in open_days))
        unit = self._unit(graph, work, span)
        if span.first != span.last and attempts(instance, unit, unit.inputs(lake.ledger)).failed:
            # one of the days breaks the run: the others must not wait for it
            unit = self._unit(graph, work, Span(span.first, span.first))
        return _with_problems(request(instance, lake.ledger, unit, waits), problems)

    def _refuse_broken(self, graph: Any) -> None:
        """Say which table cannot be computed, as its ``defs.yaml`` is wrong.

        Raises:
            ConfigurationError: there is one.
        """
        broken = broken_assets(graph)
        for table in [*self.config.snapshots, *self._daily]:
            if table in broken:
                raise ConfigurationError(f"{table} is broken: {broken[table]}")

    def _look_at_snapshots(
        self, graph: Any, source: SourceDatabase, lake: Lake
    ) -> tuple[list[str], dict[str, str]]:
        """Snapshots to extract, as they never were or changed, and table → why it cannot be read.

        A snapshot that cannot be read keeps its stored rows, and the days go on.
        """
        changed, problems = [], {}
        for table in self.config.snapshots:
            try:
                unreadable = _source_table(graph, table).record_source(source, lake, [SNAPSHOT])
            except TerminalError as error:
                problems[table] = str(error)
                continue
            if unreadable:
                problems[table] = unreadable[SNAPSHOT]
            if unfinished(lake.ledger, table, [SNAPSHOT]):
                changed.append(table)
        return changed, problems

    def _unit(self, graph: Any, work: Mapping[str, Mapping[str, str]], span: Span) -> Unit:
        """The tables that need work on days of a span, and why."""
        within = {
            table: [day for day in open_days if span.first <= day <= span.last]
            for table, open_days in work.items()
        }
        tables = [table for table, open_days in within.items() if open_days]
        first = within[tables[0]][0]
        name = f"{self.config.name} {span.first}...{span.last}"
        reason = f"{tables[0]} {first}: {work[tables[0]][first]}"
        return unit_of(graph, name, tables, span, reason)

    def _days(self, graph: Any, lake: Lake) -> list[str]:
        """Days from the first that any table was asked for; all days when none was."""
        partitions = graph.get(_key(self.config.sources[0])).partitions_def
        begun = [day for table in self._daily for day in lake.ledger.latest(table)]
        first = min(begun, default="")
        return [day for day in partitions.get_partition_keys() if day >= first]


def revisited(lake: Lake, table: str, known: Sequence[str], count: int) -> list[str]:
    """Processed days that are compared with the source again.

    Args:
        lake: whose ledger says which days are stored.
        table: table name.
        known: days that the sources have completely, in order.
        count: how many of the last stored days to compare.

    Returns:
        The last ``count`` stored days, and the days after the first of them that were processed
        and have no rows.
    """
    if count == 0:
        return []
    entries = lake.ledger.latest(table, known)
    processed = [day for day in known if day in entries]
    stored = [day for day in processed if entries[day].status is Status.STORED]
    return processed if len(stored) <= count else processed[processed.index(stored[-count]) :]


def _with_problems(
    told: dg.RunRequest | dg.SkipReason, problems: Mapping[str, str]
) -> dg.RunRequest | dg.SkipReason:
    """What a tick says, and table → why it cannot be compared with the source."""
    if not problems:
        return told
    listed = " ".join(
        f"{table} cannot be compared with the source, and what is stored of it stays in use: {problem}"
        for table, problem in problems.items()
    )
    if isinstance(told, dg.SkipReason):
        return dg.SkipReason(f"{told.skip_message} {listed}")
    reason = f"{told.tags.get(REASON, '')} {listed}".strip()
    return told.with_replaced_attrs(tags={**told.tags, REASON: reason})


def _source_table(graph: Any, table: str) -> SourceTable:
    config = graph.get(_key(table)).metadata[SOURCE_KEY]
    return SourceTable(SourceTableConfiguration.model_validate(config))


def _span(days: Sequence[str]) -> Span:
    """The first of some days, and the last that still fits in one run with it."""
    limit = shifted(days[0], MAX_DAYS - 1)
    return Span(days[0], max(day for day in days if day <= limit))


def _waiting(days: Sequence[str], known: Sequence[str], last: Mapping[str, str]) -> str:
    following = days[len(known) :]
    if not following:
        return f"{days[-1]} was the last day there is."
    told = " and ".join(
        f"{table}, which is complete up to {day or 'no day'}"
        for table, day in last.items()
        if day < following[0]
    )
    return f"{following[0]} waits for {told}."


def _key(table: str) -> dg.AssetKey:
    return dg.AssetKey(table.split("/"))
