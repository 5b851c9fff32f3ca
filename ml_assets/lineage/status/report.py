"""The status report: champions, what waits for a person, unusable days, what is behind, next step.

It follows from plain values alone, see ``state``.
"""

from collections.abc import Mapping
from datetime import datetime

from ml_assets import nouns
from ml_assets.alerts.severity import most_severe_first
from ml_assets.cadence import DAYS, Calendar, as_key, day_of, shifted
from ml_assets.content import SNAPSHOT
from ml_assets.lake.remedy import DEAD_LETTERS, materialize_command, partition_option
from ml_assets.ledger.entries import Entry, Status, damage_of
from ml_assets.lineage.status.first_steps import first_step
from ml_assets.lineage.status.next_steps import next_steps
from ml_assets.lineage.status.releases import last_release, waiting_releases
from ml_assets.lineage.status.state import (
    PipelineState,
    ProjectState,
    SourceState,
    StoredDecision,
)
from ml_assets.lineage.status.values import (
    ChangedConfiguration,
    NextStep,
    PendingRetraining,
    PipelineStatus,
    ProjectStatus,
    StageProgress,
    StaleTable,
    UnusableDay,
)
from ml_assets.monitoring.contracts.retraining import RETRAIN
from ml_assets.release.promotion import training_command

RECENT_DAYS = 31
"""Last days of each table of which days without rows are listed; older ones are only counted."""


def report(state: ProjectState, beginnings: Mapping[str, NextStep] | None = None) -> ProjectStatus:
    """The report on a project.

    Args:
        state: the project.
        beginnings: pipeline → its first run, which is next if nothing of it was processed and nothing
            else is open.
    """
    every = [_pipeline(state, pipeline) for pipeline in state.pipelines]
    pipelines = sorted(every, key=lambda one: not one.is_begun)
    problems, older = _problems(state.entries)
    stale = _stale(state)
    begun = {one.pipeline for one in pipelines if one.is_begun}
    waiting = [step for name, step in (beginnings or {}).items() if name not in begun]
    alerts = most_severe_first(state.alerts)
    firsts = (first_step(state, one) for one in state.pipelines if one.name in begun)
    steps = next_steps(
        pipelines,
        problems,
        stale,
        alerts,
        first=next(filter(None, firsts), None),
        begin=next(iter(waiting), None),
        has_data=any(state.entries.values()),
    )
    return ProjectStatus(
        pipelines,
        state.sources,
        problems,
        older,
        stale,
        next(steps),
        alerts,
        state.unreadable,
    )


def _pipeline(state: ProjectState, pipeline: PipelineState) -> PipelineStatus:
    ends = _ends_of_sources(state, pipeline)
    decision = f"{pipeline.name}/{nouns.RETRAINING_DECISION}"
    return PipelineStatus(
        pipeline=pipeline.name,
        is_begun=_is_begun(state, pipeline),
        champion=pipeline.champion,
        last_release=last_release(pipeline, state.now),
        waiting=waiting_releases(pipeline, state.now),
        retraining=_retraining(state, pipeline),
        changed=_changed(state, pipeline),
        last_retraining_decision=max(pipeline.retrainings, key=_day, default=None),
        sources_until=min(ends)[1] if ends else "",
        stages=[
            _stage(
                table,
                state.entries.get(table, {}),
                state.calendars.get(table, DAYS),
                min(ends)[0] if ends else None,
                is_decision=table == decision,
            )
            for table in [*pipeline.sources, *pipeline.tables]
        ],
        problem=pipeline.problem,
    )


def _is_begun(state: ProjectState, pipeline: PipelineState) -> bool:
    """See ``PipelineStatus``."""
    others = {one.name for one in state.pipelines} - {pipeline.name}
    tables = [*pipeline.sources, *pipeline.tables]
    made_from = [*pipeline.inputs, *pipeline.tables[:1]]
    if others & {table.partition("/")[0] for table in made_from}:
        tables = [table for table in tables if table.startswith(f"{pipeline.name}/")]
    is_processed = any(as_key(day) for table in tables for day in state.entries.get(table, {}))
    return bool(pipeline.problem or pipeline.releases or is_processed)


def _day(verdict: StoredDecision) -> str:
    return verdict.day


def _retraining(state: ProjectState, pipeline: PipelineState) -> PendingRetraining | None:
    """The retraining that was requested last, if it is not known whether its model is champion.

    A request is settled, too, if a champion that was released after it already served then.
    """
    requested = [verdict for verdict in pipeline.retrainings if verdict.verdict == RETRAIN]
    last = max(requested, key=_day, default=None)
    if last is None:
        return None
    champion = pipeline.champion
    if champion and last.champion_as_of < champion.as_of and champion.serves_from <= last.day:
        return None
    release = state.entries.get(f"{pipeline.name}/{nouns.CHAMPION}", {}).get(last.as_of)
    if release and release.status is not Status.WRITING:
        return None
    command = training_command(pipeline.name, last.as_of)
    return PendingRetraining(last.as_of, last.day, last.reason, command)


def _changed(state: ProjectState, pipeline: PipelineState) -> ChangedConfiguration | None:
    if not (pipeline.champion and pipeline.changed):
        return None
    features = pipeline.tables[0]
    last = max(filter(as_key, state.entries.get(features, {})), default="")
    if not last:
        return ChangedConfiguration(pipeline.changed, "")
    end = state.calendars.get(features, DAYS).bounds(last)[1]
    as_of = pipeline.as_ofs.key_of(end)
    is_later = as_of > pipeline.champion.as_of
    command = training_command(pipeline.name, as_of) if is_later else ""
    return ChangedConfiguration(pipeline.changed, command)


def _ends_of_sources(state: ProjectState, pipeline: PipelineState) -> list[tuple[datetime, str]]:
    """End and key of the last complete partition of each source; empty if one of them is unknown."""
    last = {table: state.sources.get(table, SourceState()).last_day for table in pipeline.sources}
    if not all(last.values()):
        return []
    return [(state.calendars.get(one, DAYS).bounds(day)[1], day) for one, day in last.items()]


def _stage(
    table: str,
    entries: Mapping[str, Entry],
    calendar: Calendar,
    until: datetime | None,
    *,
    is_decision: bool,
) -> StageProgress:
    """How far a table is; decisions follow the newest one, days before it need none."""
    ended = {
        day: entry.status
        for day, entry in entries.items()
        if as_key(day) and entry.status is not Status.WRITING and not damage_of(entry)
    }
    last = max(ended, default="")
    days = [day for day in entries if as_key(day)]
    open_days: list[str] | None = None
    if until and days:
        first = max(days) if is_decision else min(days)
        expected = calendar.keys(first, calendar.last_ended(until))
        open_days = [day for day in expected if day not in ended]
    return StageProgress(
        table=table,
        last_day=last,
        behind=None if open_days is None else len(open_days),
        next_day=min(open_days or [], default=""),
        unit=calendar.cadence.unit,
        last_state=ended[last].value if last else "",
        stored_day=max((day for day in ended if ended[day] is Status.STORED), default=""),
    )


def _problems(entries: Mapping[str, Mapping[str, Entry]]) -> tuple[list[UnusableDay], int]:
    """Recent days without usable rows, causes first, and the number of older ones."""
    recent, older = [], 0
    for table, of_table in entries.items():
        if table.endswith(DEAD_LETTERS):
            continue
        since = _recent_since(of_table)
        for day, entry in sorted(of_table.items()):
            if entry.status not in (Status.QUARANTINED, Status.SKIPPED):
                continue
            if as_key(day) and day < since:
                older += 1
            else:
                recent.append(entry)
    names = {f"{entry.table} {entry.day}" for entry in recent}
    found = [
        UnusableDay(
            table=entry.table,
            day=entry.day,
            state=entry.status.value,
            reason=entry.reason,
            is_consequence=any(
                name in entry.reason for name in names - {f"{entry.table} {entry.day}"}
            ),
            is_damaged=bool(damage_of(entry)),
        )
        for entry in recent
    ]
    return sorted(found, key=lambda one: (one.is_consequence, one.state, one.table, one.day)), older


def _recent_since(entries: Mapping[str, Entry]) -> str:
    last = max(filter(as_key, entries), default="")
    return shifted(day_of(last), 1 - RECENT_DAYS) if last else ""


def _stale(state: ProjectState) -> list[StaleTable]:
    """Tables with stale days, in the order in which they are computed."""
    return [
        StaleTable(
            table=table,
            days=(days := sorted(reasons)),
            reason=reasons[days[0]],
            command=materialize_command(f'key:"{table}"') + partition_option(days[0], days[-1]),
            unit=SNAPSHOT if SNAPSHOT in reasons else state.calendars.get(table, DAYS).cadence.unit,
        )
        for table, reasons in state.stale.items()
        if reasons
    ]
