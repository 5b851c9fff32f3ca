"""One data version, one set of metadata and one verdict per day in a run over many days.

Dagster's public API supports one of each per run. This module contains all uses of private parts for
this; ``range_events_test`` fails when Dagster changes them.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import DataVersion
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    generate_event_batch_id,
)
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.execution.plan.execute_step import (
    _build_data_version_tags,
    _get_code_version,
    _get_input_provenance_data,
)
from dagster_shared.record import replace

from ml_assets.content import SNAPSHOT

Metadata = Mapping[str, dg.MetadataValue]


@dataclass(frozen=True)
class DayResult:
    """Data version and metadata of one materialized day."""

    data_version: str
    metadata: Metadata = field(default_factory=dict)


def materialize_days(context: dg.OutputContext, results: Mapping[str, DayResult]) -> None:
    """Log the materialized days of an output, and no others.

    All days but the last are logged here in one batch. Dagster itself logs the last day, and the
    only event of an output without partitions.

    Args:
        context: the output's context inside ``handle_output``.
        results: day → its data version and metadata, at least one.
    """
    step = _step(context)
    [(last, result)] = log_all_but_last(context, results).items()
    if context.has_asset_partitions:
        definition = context.asset_partitions_def
        context._asset_partitions_subset = definition.subset_with_partition_keys([last])  # noqa: SLF001
    step.set_data_version(context.asset_key, DataVersion(result.data_version))
    context.add_output_metadata(dict(result.metadata))


def log_all_but_last(
    context: dg.OutputContext, results: Mapping[str, DayResult]
) -> dict[str, DayResult]:
    """Log materialized days of an output in one batch, except the last of them, which is returned.

    Args:
        context: the output's context inside ``handle_output``.
        results: day → its data version and metadata.
    """
    *others, last = sorted(results) or [""]
    if others:
        step, key = _step(context), context.asset_key
        days = {day: results[day] for day in others}
        _log_materializations(step, key, days, _provenance(step, key))
    return {last: results[last]} if results else {}


def log_materialization(
    context: dg.OutputContext, key: dg.AssetKey, results: Mapping[str, DayResult]
) -> None:
    """Log materialized days of another asset that the same step writes, such as dead letters."""
    _log_materializations(_step(context), key, results, _Provenance())


def log_check_evaluations(
    context: dg.OutputContext | dg.AssetCheckExecutionContext,
    evaluations: Sequence[dg.AssetCheckEvaluation],
) -> None:
    """Log the check results of all partitions in one batch."""
    step = _step(context)
    batch = generate_event_batch_id()  # type: ignore[no-untyped-call]
    evaluations = _with_target_materializations(step, evaluations)
    for number, evaluation in enumerate(evaluations, start=1):
        DagsterEvent.from_step(
            DagsterEventType.ASSET_CHECK_EVALUATION,
            step,
            event_specific_data=evaluation,
            message=(
                f"Asset check '{evaluation.check_name}' on "
                f"'{evaluation.asset_key.to_user_string()}' {evaluation.partition or ''} "
                f"{'passed' if evaluation.passed else 'did not pass'}."
            ),
            batch_metadata=DagsterEventBatchMetadata(batch, number == len(evaluations)),
        )


def _with_target_materializations(
    step: StepExecutionContext, evaluations: Sequence[dg.AssetCheckEvaluation]
) -> list[dg.AssetCheckEvaluation]:
    """The results, each with the checked materialization of its day.

    Without it the UI assigns the result to an older materialization and shows the day's check as
    missing. The storage id identifies the materialization. Run and timestamp are those of the
    check, because the event log returns the others for single days only.
    """
    days: dict[dg.AssetKey, set[str]] = defaultdict(set)
    for evaluation in evaluations:
        if evaluation.partition:
            days[evaluation.asset_key].add(evaluation.partition)
    storage = step.instance.event_log_storage
    latest = {
        (key, day): storage_id
        for key, of_asset in days.items()
        for day, storage_id in storage.get_latest_storage_id_by_partition(
            key, DagsterEventType.ASSET_MATERIALIZATION, of_asset
        ).items()
    }
    now = time.time()
    return [
        replace(
            evaluation,
            target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                storage_id=latest[evaluation.asset_key, str(evaluation.partition)],
                run_id=step.run_id,
                timestamp=now,
            ),
        )
        if (evaluation.asset_key, evaluation.partition) in latest
        else evaluation
        for evaluation in evaluations
    ]


@dataclass(frozen=True)
class _Provenance:
    """The tags by which Dagster detects that an input has changed."""

    code_version: str | None = None
    inputs: Mapping[dg.AssetKey, object] = field(default_factory=dict)

    def tags(self, data_version: str) -> dict[str, str]:
        tags = _build_data_version_tags(
            DataVersion(data_version),
            self.code_version or "",
            self.inputs,  # type: ignore[arg-type]
            True,
        )
        return {key: value for key, value in tags.items() if value}


def _provenance(step: StepExecutionContext, key: dg.AssetKey) -> _Provenance:
    return _Provenance(_get_code_version(key, step), _get_input_provenance_data(key, step))


def _log_materializations(
    step: StepExecutionContext,
    key: dg.AssetKey,
    results: Mapping[str, DayResult],
    provenance: _Provenance,
) -> None:
    batch = generate_event_batch_id()  # type: ignore[no-untyped-call]
    for number, (day, result) in enumerate(sorted(results.items()), start=1):
        DagsterEvent.asset_materialization(
            step,
            dg.AssetMaterialization(
                key,
                partition=None if day == SNAPSHOT else day,
                metadata=dict(result.metadata),
                tags=provenance.tags(result.data_version),
            ),
            DagsterEventBatchMetadata(batch, number == len(results)),
        )


def _step(context: dg.OutputContext | dg.AssetCheckExecutionContext) -> StepExecutionContext:
    if isinstance(context, dg.OutputContext):
        return context.step_context
    return context.get_step_execution_context()
