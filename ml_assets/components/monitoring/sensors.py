"""Sensors that process days in order and start one training run for each verdict to retrain.

They depend on the ledger, not on the clock. The next day is the first unfinished one; it is
processed when its features are finished and the release requested before has ended. Days whose
features exist before they have ended are predicted then, and processed when their outcomes are
finished.
"""

from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg

from ml_assets import nouns
from ml_assets.cadence import Span
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.components.pipeline.stages import (
    DAILY,
    after_release_decision,
    tables_of,
    target,
    until_release_decision,
    waiting_for_tests,
)
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.monitoring.contracts.retraining import RETRAIN
from ml_assets.orchestration.runs.requests import (
    Effect,
    Unit,
    effect_of,
    first_span,
    is_given_up,
    request,
    unit_of,
)
from ml_assets.orchestration.runs.sensors import sensor
from ml_assets.planning.progress import finished, last_finished, outdated, unfinished
from ml_assets.planning.staleness import stale
from ml_assets.workspace import Workspace

Result = dg.RunRequest | dg.SkipReason


def retraining_sensor(
    pipeline: PipelineContext, default_status: str = "running"
) -> dg.SensorDefinition:
    """Requests one run, from training dataset to release, for the newest verdict to retrain."""

    @sensor(
        name=f"{pipeline.name}__retraining",
        description=(
            "Starts exactly one run from training dataset to champion for each verdict to retrain."
        ),
        target=target(pipeline, "training", "release"),
        reads="The lake",
        default_status=default_status,
    )
    def retraining(context: dg.SensorEvaluationContext) -> Result:
        assert context.repository_def is not None
        workspace: Workspace = context.resources.workspace
        lake = workspace.lake
        as_of, reason = pending_retraining(pipeline, lake)
        if as_of is None:
            return dg.SkipReason(reason)
        if as_of > (pipeline.as_of_days.get_last_partition_key() or ""):
            return dg.SkipReason(f"The retraining as of {as_of} waits for this day to begin.")
        unit = retraining_unit(pipeline, context.repository_def.asset_graph, as_of)
        if not unit.tables:
            return dg.SkipReason(f"{as_of} requests a retraining, but no asset trains a model.")
        return request(context.instance, lake.ledger, unit, workspace.settings.retry_waits)

    return retraining


def day_sensor(pipeline: PipelineContext, default_status: str = "running") -> dg.SensorDefinition:
    """Processes each new day: predictions, labels, performance, drift, retraining decision."""

    @sensor(
        name=f"{pipeline.name}__days",
        description=(
            "Processes the first unfinished day when its features are finished: predictions, "
            "performance, drift, retraining decision. Otherwise recomputes days whose inputs changed."
        ),
        target=target(pipeline, "predictions", "monitoring"),
        reads="The lake",
        default_status=default_status,
    )
    def days(context: dg.SensorEvaluationContext) -> Result:
        assert context.repository_def is not None
        workspace: Workspace = context.resources.workspace
        graph, lake = context.repository_def.asset_graph, workspace.lake
        waits = workspace.settings.retry_waits
        reasons: list[str] = []
        next_day = _next_day(pipeline, graph, lake, context.instance)
        for unit in (next_day, _changed_days(pipeline, graph, lake, context.instance)):
            if isinstance(unit, Unit):
                result = request(context.instance, lake.ledger, unit, waits)
                if isinstance(result, dg.RunRequest):
                    return result
                reasons.append(str(result.skip_message))
            elif unit:
                reasons.append(unit)
        return dg.SkipReason(" ".join(reasons))

    return days


def retraining_unit(pipeline: PipelineContext, graph: Any, as_of: str) -> Unit:
    """The unit of work for a verdict to retrain."""
    tables = tables_of(
        pipeline, graph, [*until_release_decision(pipeline), *after_release_decision(pipeline)]
    )
    name = f"{pipeline.name} retraining as of {as_of}"
    return unit_of(graph, name, tables, Span(as_of, as_of))


def pending_retraining(pipeline: PipelineContext, lake: Lake) -> tuple[str | None, str]:
    """The last requested as-of day that is not finished, or why there is none.

    A release is finished when the entry of its champion is stored or skipped, also while it waits
    for an approval.
    """
    stored = lake.days_stored(pipeline.table(nouns.RETRAINING_DECISION))
    if not stored:
        return None, "No retraining decision has been made yet."
    decisions = lake.read(pipeline.table(nouns.RETRAINING_DECISION), stored).sort_values(DAY)
    newest = decisions.iloc[-1]
    requests = decisions[decisions["verdict"] == RETRAIN]
    if requests.empty or _is_finished(pipeline, lake, as_of := str(requests["as_of"].iloc[-1])):
        return None, f"Decision of {newest[DAY]}: {newest['verdict']}. {newest['reason']}"
    return as_of, ""


def _is_finished(pipeline: PipelineContext, lake: Lake, as_of: str) -> bool:
    """Whether a release ended and none of its skipped stages was reopened."""
    champion = lake.ledger.latest(pipeline.table(nouns.CHAMPION), [as_of]).get(as_of)
    if champion is None or champion.status is Status.WRITING:
        return False
    if champion.status is Status.STORED:
        return True
    if waiting_for_tests(pipeline, lake, [as_of]):
        return False
    stages = (
        pipeline.table(noun)
        for noun in (*until_release_decision(pipeline), *after_release_decision(pipeline))
    )
    return not any(_is_reopened(lake, table, as_of) for table in stages)


def _is_reopened(lake: Lake, table: str, day: str) -> bool:
    entry = lake.ledger.latest(table, [day]).get(day)
    is_stored = entry is not None and entry.status is Status.STORED
    return not is_stored and day in unfinished(lake.ledger, table, [day])


def _next_day(
    pipeline: PipelineContext, graph: Any, lake: Lake, instance: dg.DagsterInstance
) -> Unit | str:
    """The first day that is not finished, or why there is none to process.

    The run also covers the days before, because the labels that arrive on the day belong to them.
    """
    ledger, calendar = lake.ledger, pipeline.calendar
    with_features = ledger.latest(pipeline.features)
    if not with_features:
        return f"No day of {pipeline.features} is stored yet."
    ended = _with_outcomes(pipeline, ledger, with_features)
    decided = ledger.latest(pipeline.table(nouns.RETRAINING_DECISION))
    begun = ledger.latest(pipeline.table(nouns.PREDICTIONS)) or decided
    newest_ended = max(ended, default=calendar.shifted(max(with_features), 1 - pipeline.lead))
    first = min(begun) if begun else newest_ended
    days = calendar.keys(first, calendar.shifted(max(newest_ended, first), 1))
    scored = tables_of(pipeline, graph, DAILY)
    waiting = {day for table in scored for day in _open(ledger, table, days)}
    newest = max(decided, default="")
    undecided = _open(
        ledger, pipeline.table(nouns.RETRAINING_DECISION), [day for day in days if day >= newest]
    )
    day = next((day for day in days if day in waiting | undecided), calendar.shifted(days[-1], 1))
    if not finished(ledger, pipeline.features, [day] if day in with_features else []):
        return f"{day} waits for its features."
    as_of, _ = pending_retraining(pipeline, lake)
    if as_of is not None and as_of <= pipeline.predicted_on(day):
        unit = retraining_unit(pipeline, graph, as_of)
        if unit.tables and not is_given_up(instance, ledger, unit):
            return f"{day} waits for the release of {as_of}."
    if day not in ended:
        until = calendar.shifted(day, pipeline.lead - 1)
        known = [
            other
            for other in sorted(with_features)
            if day <= other <= until and (as_of is None or pipeline.predicted_on(other) < as_of)
        ]
        return _ahead(pipeline, graph, lake, day, known)
    span = Span(max(first, calendar.shifted(day, -pipeline.arrives_within)), day)
    tables = tables_of(pipeline, graph, [*DAILY, nouns.RETRAINING_DECISION])
    return unit_of(graph, f"{pipeline.name} {day}", tables, span)


def _with_outcomes(
    pipeline: PipelineContext, ledger: Ledger, with_features: Collection[str]
) -> set[str]:
    """Days that have ended, by the stored outcomes; features may exist ahead of time."""
    if not pipeline.lead:
        return {*with_features}
    last = last_finished(ledger, pipeline.labels.asset)
    return {day for day in with_features if day <= last}


def _ahead(
    pipeline: PipelineContext, graph: Any, lake: Lake, day: str, known: Sequence[str]
) -> Unit | str:
    """The predictions of days that have not ended.

    Args:
        pipeline: the pipeline.
        graph: Dagster's asset graph.
        lake: the lake.
        day: the first day that is not decided on.
        known: days that the decided days allow to be predicted, in order.
    """
    within = sorted(finished(lake.ledger, pipeline.features, known))
    open_days = sorted(_open(lake.ledger, pipeline.table(nouns.PREDICTIONS), within))
    tables = tables_of(pipeline, graph, [nouns.PREDICTIONS])
    waits = f"{day} waits for its outcomes, {pipeline.labels.asset}."
    is_collected = tables_of(pipeline, graph, [nouns.LOGGED_PREDICTIONS])
    if not open_days or not tables or is_collected:
        return waits
    if not pipeline.champions(lake, open_days):
        return f"{waits} No champion can predict it yet: train and release a model."
    span = first_span(open_days, pipeline.calendar)
    return unit_of(graph, f"{pipeline.name} {span.first}...{span.last} ahead", tables, span)


def _changed_days(
    pipeline: PipelineContext, graph: Any, lake: Lake, instance: dg.DagsterInstance
) -> Unit | str:
    """Stored days to recompute because their inputs changed, and predictions of late rows.

    They wait until the features and outcomes that they read are recomputed. Days that a run could
    not change, such as those of a lost champion, do not block later days.
    """
    changed: dict[str, str] = {}
    for noun in DAILY:
        table = pipeline.table(noun)
        is_changed = outdated if noun == nouns.PREDICTIONS else stale
        for day, reason in is_changed(lake.ledger, table, lake.days_stored(table)).items():
            changed.setdefault(day, reason)
    kept: list[str] = []
    calendar = pipeline.calendar
    decided = max(lake.ledger.latest(pipeline.table(nouns.RETRAINING_DECISION)), default="")
    while changed:
        first = min(changed)
        is_ahead = first > decided and pipeline.lead > 0
        ended = [day for day in changed if day <= decided] if pipeline.lead else [*changed]
        span = first_span(changed if is_ahead else ended, calendar)
        if waiting := _waiting_for_inputs(pipeline, lake, span):
            return f"{first} waits for {waiting} to be recomputed."
        name = f"{pipeline.name} {span.first}...{span.last} again"
        stages = [nouns.PREDICTIONS] if is_ahead else [*DAILY, nouns.RETRAINING_DECISION]
        unit = unit_of(graph, name, tables_of(pipeline, graph, stages), span, changed[first])
        effect = effect_of(instance, lake.ledger, unit)
        if effect is Effect.WANTED:
            return unit
        kept.append(
            f"{first} is unchanged, although {changed[first]}. Its last run logged the reason; to "
            f"resume it by hand: {unit.command}"
        )
        passed = calendar.keys(span.first, span.last) if effect is Effect.DONE else [first]
        changed = {day: reason for day, reason in changed.items() if day not in passed}
    return ". ".join(kept)


def _waiting_for_inputs(pipeline: PipelineContext, lake: Lake, span: Span) -> str:
    """The first unfinished day of features or outcomes that a span reads."""
    first = pipeline.calendar.shifted(span.first, -pipeline.arrives_within)
    within = pipeline.calendar.keys(first, span.last)
    for table in (pipeline.features, pipeline.labels.asset):
        known = lake.ledger.latest(table, within)
        if waiting := unfinished(lake.ledger, table, sorted(known)):
            return f"{table} {min(waiting)}"
    return ""


def _open(ledger: Ledger, table: str, days: Sequence[str]) -> set[str]:
    """Days that were never processed, or are interrupted or reopened."""
    latest = ledger.latest(table, days)
    stored = {day for day, entry in latest.items() if entry.status is Status.STORED}
    return {*unfinished(ledger, table, days)} - stored
