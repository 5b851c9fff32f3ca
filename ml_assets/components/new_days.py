"""Template: a sensor or a schedule that keeps daily tables up to date with their sources.

Every tick compares the tables with the source: new days, days that changed since their extraction,
changed snapshots. It requests a run for the first unfinished days, so that gaps are filled before
later days are extracted.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from ml_assets.cadence import Calendar, Span, day_of
from ml_assets.components.broken import BROKEN_FOLDER
from ml_assets.components.configured import Configured, folder_of
from ml_assets.components.next_days import (
    days_ended,
    days_to_record,
    of_one_run,
    waiting_message,
)
from ml_assets.components.source_table import SOURCE_KEY, SourceTable
from ml_assets.configuration.documents import days_of
from ml_assets.configuration.files.new_days import refuse_unusable_tables, with_tables_of_file
from ml_assets.configuration.tables import NewDaysConfiguration, SourceTableConfiguration
from ml_assets.content import SNAPSHOT
from ml_assets.errors import ConfigurationError, TerminalError
from ml_assets.lake.store import Lake
from ml_assets.names import unknown
from ml_assets.orchestration.partitions import Partitions, calendar_of, last_inputs
from ml_assets.orchestration.runs.attempts import attempts
from ml_assets.orchestration.runs.requests import REASON, Unit, request, unit_of
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets.orchestration.runs.sensors import schedule, sensor
from ml_assets.planning.progress import last_finished, unfinished
from ml_assets.planning.readiness import Dependencies
from ml_assets.sources.connections import Connections
from ml_assets.workspace import Workspace

DESCRIPTION = (
    "Extracts new days when all sources have them, extracts changed days again, and recomputes the "
    "tables that depend on them."
)
READS = "The sources"


class NewDays(Configured[NewDaysConfiguration]):
    """Keeps daily tables up to date with their sources."""

    configuration = NewDaysConfiguration

    @classmethod
    def completed(cls, attributes: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """Attributes of a document, with name and tables from its file if it leaves them out."""
        return with_tables_of_file(super().completed(attributes, file), file)

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The sensor; with ``schedule`` in the configuration, a schedule that does the same."""
        file = folder_of(context) / "defs.yaml"
        refuse_unusable_tables(self.config, file)
        tables = [*self.config.snapshots, *self._daily]
        target = dg.AssetSelection.assets(*(dg.AssetKey(table.split("/")) for table in tables))
        if self.config.schedule is None:
            sensed = sensor(
                self.config.name,
                DESCRIPTION,
                target,
                reads=READS,
                default_status=self.config.default_status,
            )
            return dg.Definitions(sensors=[sensed(self._evaluate)])
        days = days_of(self.config.sources[0], file)
        scheduled = schedule(
            self.config.name,
            DESCRIPTION,
            cron=self.config.schedule,
            timezone=days.timezone if days else "UTC",
            reads=READS,
            default_status=self.config.default_status,
        )
        return dg.Definitions(schedules=[scheduled(self._evaluate)])

    def _evaluate(
        self, context: dg.SensorEvaluationContext | dg.ScheduleEvaluationContext
    ) -> dg.RunRequest | dg.SkipReason:
        assert context.repository_def is not None
        graph, instance = context.repository_def.asset_graph, context.instance
        workspace: Workspace = context.resources.workspace
        self._refuse_broken(graph)
        connections, lake = workspace.connections, workspace.lake
        waits = workspace.settings.retry_waits
        changed, problems = self._changed_snapshots(graph, connections, lake)
        if changed:
            name = f"{self.config.name} snapshots {' '.join(changed)}"
            result = request(instance, lake.ledger, unit_of(graph, name, changed, None), waits)
            return _with_problems(result, problems)
        tables = {table: _source_table(graph, table) for table in self.config.sources}
        days = self._days(graph, lake)
        sources = {table: item.source_days(connections, lake) for table, item in tables.items()}
        last = {table: source.last_complete(days[table]) for table, source in sources.items()}
        calendars = {table: calendar_of(_partitions(graph, table)) for table in self._daily}
        complete = {
            table: calendars[table].bounds(day)[1] if day else None for table, day in last.items()
        }
        dependencies = self._dependencies(graph, calendars)
        outside = _finished_outside(graph, lake, dependencies)
        ready = dependencies.last_ready(complete, outside)
        known = {
            table: [day for day in days[table] if day <= ready[table]] for table in self._daily
        }
        for table, item in tables.items():
            ended = days_ended(known[table], calendars[table], complete)
            recheck = days_to_record(lake, table, known[table], ended, item.config.revisited)
            if unreadable := item.record_source(connections, lake, recheck, sources[table]):
                problems[table] = next(iter(unreadable.values()))
        work = {table: unfinished(lake.ledger, table, known[table]) for table in self._daily}
        open_tables = [table for table in self._daily if work[table]]
        if not open_tables:
            message = waiting_message(days, known, calendars, {**complete, **outside})
            return _with_problems(dg.SkipReason(message), problems)
        calendar = calendars[open_tables[0]]  # a run covers tables of one cadence
        work = {table: work[table] for table in open_tables if calendars[table] == calendar}
        begins = {table: days[table][0] for table in work}
        span, work = of_one_run(work, begins, ready, calendar)
        unit = self._unit(graph, work, span)
        if (
            span.first != span.last
            and attempts(instance, unit.name, unit.inputs(lake.ledger)).failed
        ):
            # one of the days fails the run: run them one by one
            unit = self._unit(graph, work, Span(span.first, span.first))
        return _with_problems(request(instance, lake.ledger, unit, waits), problems)

    @property
    def _daily(self) -> list[str]:
        return [*self.config.sources, *self.config.tables]

    def _refuse_broken(self, graph: Any) -> None:
        """Refuse to run while the ``defs.yaml`` of one of the tables is invalid.

        Raises:
            ConfigurationError: a table is broken.
        """
        broken = broken_assets(graph)
        for table in [*self.config.snapshots, *self._daily]:
            folder = f"{table.partition('/')[0]}/{BROKEN_FOLDER}"
            if problem := broken.get(table) or broken.get(folder):
                raise ConfigurationError(f"{table} is broken: {problem}")

    def _changed_snapshots(
        self, graph: Any, connections: Connections, lake: Lake
    ) -> tuple[list[str], dict[str, str]]:
        """Snapshots that are new or changed, and table → why it cannot be read.

        A snapshot that cannot be read keeps its stored rows, and days are still processed.
        """
        changed, problems = [], {}
        for table in self.config.snapshots:
            try:
                unreadable = _source_table(graph, table).record_source(
                    connections, lake, [SNAPSHOT]
                )
            except TerminalError as error:
                problems[table] = str(error)
                continue
            if unreadable:
                problems[table] = unreadable[SNAPSHOT]
            if unfinished(lake.ledger, table, [SNAPSHOT]):
                changed.append(table)
        return changed, problems

    def _unit(self, graph: Any, work: Mapping[str, Mapping[str, str]], span: Span) -> Unit:
        """A unit of work for the tables with unfinished days in a span."""
        within = {
            table: [day for day in open_days if span.first <= day <= span.last]
            for table, open_days in work.items()
        }
        tables = [table for table, open_days in within.items() if open_days]
        first = within[tables[0]][0]
        name = f"{self.config.name} {span.first}...{span.last}"
        reason = f"{tables[0]} {first}: {work[tables[0]][first]}"
        return unit_of(graph, name, tables, span, reason)

    def _dependencies(self, graph: Any, calendars: Mapping[str, Calendar]) -> Dependencies:
        inputs = {table: last_inputs(graph, table) for table in self.config.tables}
        is_ahead = any(_partitions(graph, table).end_offset for table in self.config.tables)
        return Dependencies(calendars, inputs, is_ahead)

    def _days(self, graph: Any, lake: Lake) -> dict[str, list[str]]:
        """Table → its days from the first that was processed in any table; all if none was."""
        begun = [day for table in self._daily for day in lake.ledger.latest(table)]
        first = day_of(min(begun, default=""))
        partitions = {table: _partitions(graph, table) for table in self._daily}
        known = {one: one.get_partition_keys() for one in set(partitions.values())}
        return {
            table: [day for day in known[one] if day >= first] for table, one in partitions.items()
        }


def _finished_outside(
    graph: Any, lake: Lake, dependencies: Dependencies
) -> dict[str, datetime | None]:
    """Inputs that other sensors keep up to date → the end of their last processed partition."""
    read = {name for inputs in dependencies.inputs.values() for name in inputs}
    found: dict[str, datetime | None] = {}
    for name in sorted(read - dependencies.calendars.keys()):
        last = last_finished(lake.ledger, name)
        found[name] = calendar_of(_partitions(graph, name)).bounds(last)[1] if last else None
    return found


def _with_problems(
    result: dg.RunRequest | dg.SkipReason, problems: Mapping[str, str]
) -> dg.RunRequest | dg.SkipReason:
    """Add to a tick's result why tables cannot be compared with the source."""
    if not problems:
        return result
    listed = " ".join(
        f"{table} cannot be compared with the source, its stored rows remain in use: {problem}"
        for table, problem in problems.items()
    )
    if isinstance(result, dg.SkipReason):
        return dg.SkipReason(f"{result.skip_message} {listed}")
    reason = f"{result.tags.get(REASON, '')} {listed}".strip()
    return result.with_replaced_attrs(tags={**result.tags, REASON: reason})


def _source_table(graph: Any, table: str) -> SourceTable:
    config = graph.get(_key(table)).metadata[SOURCE_KEY]
    return SourceTable(SourceTableConfiguration.model_validate(config))


def _partitions(graph: Any, table: str) -> Partitions:
    if not graph.has(_key(table)):
        known = ["/".join(key.path) for key in graph.get_all_asset_keys()]
        raise unknown("table", table, known)
    found = graph.get(_key(table)).partitions_def
    if not isinstance(found, Partitions):
        raise ConfigurationError(
            f"{table} has no hourly, daily, weekly or monthly partitions, which a table of a sensor and "
            "its inputs need."
        )
    return found


def _key(table: str) -> dg.AssetKey:
    return dg.AssetKey(table.split("/"))
