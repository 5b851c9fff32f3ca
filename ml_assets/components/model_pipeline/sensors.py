"""What keeps the loop going: a new day is lived through in order, a verdict becomes one training run.

Sensors look at the ledger, not at the clock: a day begins when its features are there and whatever
was asked for before it is done.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg

from ml_assets.components.model_pipeline.shared import Pipeline
from ml_assets.errors import LakeMismatch
from ml_assets.lake.content import DAY
from ml_assets.lake.entries import Entry, Status
from ml_assets.lake.staleness import stale
from ml_assets.lake.store import Lake
from ml_assets.monitoring.contracts import RETRAIN
from ml_assets.orchestration.requests import is_given_up, request, sensor_status
from ml_assets.orchestration.runs import Span
from ml_assets.registry.approval_log import ApprovalLog
from ml_assets.registry.promotion import waits_for_tests
from ml_assets.settings import settings

TRAINING = [
    "training_dataset",
    "model",
    "evaluation",
    "feature_reference",
    "comparison",
    "fairness",
    "release_decision",
]
"""From the data to the decision on a model."""

REGISTRATION = ["registered_model", "staging_model", "integration_tests", "model_card"]
"""What a released model goes through; not in a backtest, which has no registry."""

SCORING = ["predictions", "labels", "performance", "feature_profile", "drift_report"]
"""What is made of a day once there is a champion."""

DECISION = "retraining_decision"

Result = dg.RunRequest | dg.SkipReason


def retraining_sensor(pipeline: Pipeline) -> dg.SensorDefinition:
    """Turns the newest verdict to retrain into one run, from training dataset to release."""

    @dg.sensor(
        name=f"{pipeline.name}__retraining",
        description=(
            "Starts one run from training dataset to champion for each verdict to retrain, however "
            "often it ticks or restarts."
        ),
        target=_selection(pipeline, [*TRAINING, *_after_decision(pipeline)]),
        default_status=sensor_status(),
        minimum_interval_seconds=settings().sensor_seconds,
    )
    def retraining(context: dg.SensorEvaluationContext) -> Result:
        lake = Lake.of_project()
        as_of, reason = pending_retraining(pipeline, lake)
        if as_of is None:
            return dg.SkipReason(reason)
        keys = _keys(pipeline, [*TRAINING, *_after_decision(pipeline)])
        return request(context.instance, retraining_unit(pipeline, as_of), keys, Span(as_of, as_of))

    return retraining


def release_sensor(pipeline: Pipeline) -> dg.SensorDefinition:
    """Turns what a person said to a waiting release into one run, from approvals to champion."""

    @dg.sensor(
        name=f"{pipeline.name}__release",
        description="Continues a release when a person has approved or rejected it, once.",
        target=_selection(pipeline, _after_decision(pipeline)),
        default_status=sensor_status(),
        minimum_interval_seconds=settings().sensor_seconds,
    )
    def release(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        pending = pending_releases(pipeline, Lake.of_project(), ApprovalLog.of_project())
        keys = _keys(pipeline, _after_decision(pipeline))
        results = [
            request(
                context.instance,
                f"{pipeline.name} release as of {as_of} after record {number}",
                keys,
                Span(as_of, as_of),
            )
            for as_of, number in pending.items()
        ]
        skipped = [str(one.skip_message) for one in results if isinstance(one, dg.SkipReason)]
        requests = [one for one in results if isinstance(one, dg.RunRequest)]
        reason = " ".join(skipped) or "No release waits for what a person said."
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else dg.SkipReason(reason)
        )

    return release


def pending_releases(pipeline: Pipeline, lake: Lake, log: ApprovalLog) -> dict[str, int]:
    """as-of day → number of the newest record, where a release has not followed the records yet."""
    newest: dict[str, int] = {}
    for record in log.records(pipeline.name):
        newest[record.as_of] = record.number
    stored = lake.days_stored(pipeline.table("approvals"))
    known = (
        lake.read(pipeline.table("approvals"), stored).groupby(DAY)["number"].max().to_dict()
        if stored
        else {}
    )
    unfinished = stale(lake.ledger, pipeline.table("champion"), list(newest))
    decided = set(lake.days_stored(pipeline.table("release_decision")))
    untested = _waiting_for_tests(pipeline, lake, list(newest))
    return {
        as_of: number
        for as_of, number in newest.items()
        if as_of in decided
        and (known.get(as_of) != number or as_of in unfinished or as_of in untested)
    }


def day_sensor(pipeline: Pipeline) -> dg.SensorDefinition:
    """Lives through each new day: predictions, labels, performance, drift, decision."""

    @dg.sensor(
        name=f"{pipeline.name}__days",
        description=(
            "Scores, watches and decides each day when its features are there, one day after the "
            "other, and measures older days again when labels of them have arrived."
        ),
        target=_selection(pipeline, [*SCORING, DECISION]),
        default_status=sensor_status(),
        minimum_interval_seconds=settings().sensor_seconds,
    )
    def days(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        lake = Lake.of_project()
        results = [
            result
            for result in (
                _measured_again(pipeline, lake, context.instance),
                _next_day(pipeline, lake, context.instance),
            )
            if result is not None
        ]
        requests = [result for result in results if isinstance(result, dg.RunRequest)]
        reasons = [
            str(result.skip_message) for result in results if isinstance(result, dg.SkipReason)
        ]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else dg.SkipReason(" ".join(reasons)),
        )

    return days


def retraining_unit(pipeline: Pipeline, as_of: str) -> str:
    """Name of the work that a verdict asks for."""
    return f"{pipeline.name} retraining as of {as_of}"


def pending_retraining(pipeline: Pipeline, lake: Lake) -> tuple[str | None, str]:
    """As-of day that was asked for last and is not through yet, or why there is none.

    A release is through when it is known whether its model is champion, be it for want of approval.
    """
    stored = lake.days_stored(pipeline.table(DECISION))
    if not stored:
        return None, "No retraining decision has been made yet."
    decisions = lake.read(pipeline.table(DECISION), stored).sort_values(DAY)
    newest = decisions.iloc[-1]
    asked = decisions[decisions["verdict"] == RETRAIN]
    if asked.empty or _is_done(pipeline, lake, as_of := str(asked["as_of"].iloc[-1])):
        return None, f"{newest[DAY]} says {newest['verdict']}: {newest['reason']}"
    return as_of, ""


def _next_day(pipeline: Pipeline, lake: Lake, instance: dg.DagsterInstance) -> Result:
    seen = lake.ledger.latest(pipeline.features)
    lived = [
        day
        for day, entry in lake.ledger.latest(pipeline.table(DECISION)).items()
        if _is_over(entry)
    ]
    if not seen:
        return dg.SkipReason(f"No day of {pipeline.features} is there yet.")
    day = _after(max(lived)) if lived else max(seen)
    if day not in seen or not _is_over(seen[day]):
        return dg.SkipReason(f"{day} waits for its features.")
    as_of, _ = pending_retraining(pipeline, lake)
    if as_of is not None and not is_given_up(instance, retraining_unit(pipeline, as_of)):
        return dg.SkipReason(f"{day} waits for the release of {as_of}.")
    try:
        has_champion = day in pipeline.champions(lake, [day])
    except LakeMismatch as lost:
        return dg.SkipReason(f"{day} waits for its champion: {lost}")
    nouns = [*SCORING, DECISION] if has_champion else [DECISION]
    return request(instance, f"{pipeline.name} {day}", _keys(pipeline, nouns), Span(day, day))


def _measured_again(pipeline: Pipeline, lake: Lake, instance: dg.DagsterInstance) -> Result | None:
    """A request for the performance of days that labels have arrived for since.

    Not while predictions or labels themselves are out of date: those have to be made again first.
    """
    table = pipeline.table("performance")
    labelled = lake.days_stored(pipeline.table("labels"))
    if not labelled:
        return None
    newest = max(labelled)
    days = Span(_after(newest, -pipeline.labels.within_days), newest).days()
    waiting = {
        day
        for noun in ("predictions", "labels")
        for day in stale(lake.ledger, pipeline.table(noun), days)
    }
    outdated = stale(lake.ledger, table, days)
    if not outdated or waiting:
        return None
    span = Span(min(outdated), max(outdated))
    unit = f"{table} by the labels of {newest}"
    return request(instance, unit, _keys(pipeline, ["performance"]), span)


def _is_done(pipeline: Pipeline, lake: Lake, as_of: str) -> bool:
    """Whether it is known for good what became of a release."""
    entry = lake.ledger.latest(pipeline.table("champion"), [as_of]).get(as_of)
    if entry is None or not _is_over(entry):
        return False
    return not _waiting_for_tests(pipeline, lake, [as_of])


def _waiting_for_tests(pipeline: Pipeline, lake: Lake, as_ofs: Sequence[str]) -> list[str]:
    """As-of days whose model is not champion, because integration tests could not be measured."""
    champions = lake.ledger.latest(pipeline.table("champion"), as_ofs)
    skipped = [day for day, entry in champions.items() if entry.status is Status.SKIPPED]
    return waits_for_tests(lake, pipeline.name, skipped)


def _is_over(entry: Entry) -> bool:
    """Whether a day was dealt with, for good or bad; one being written was not."""
    return entry.status is not Status.WRITING


def _after_decision(pipeline: Pipeline) -> list[str]:
    """What follows from a decision."""
    stages = REGISTRATION if pipeline.has_registry else []
    return ["approvals", *stages, "champion"]


def _keys(pipeline: Pipeline, nouns: Sequence[str]) -> list[dg.AssetKey]:
    return [dg.AssetKey(pipeline.table(noun).split("/")) for noun in nouns]


def _selection(pipeline: Pipeline, nouns: Sequence[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*_keys(pipeline, nouns))


def _after(day: str, count: int = 1) -> str:
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()
