"""The check runner for CI: runs the checks of stored days and collects a result for each.

A check without a result counts as failed.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from ml_assets.cadence import Span, day_of
from ml_assets.content import SNAPSHOT
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import grouped
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.assets.tables import SPARSE_KEY
from ml_assets.orchestration.runs.runs import RunOutcome, broken_assets, run_checks, selected_assets

DEFINED_CHECK = "is_defined"
"""Name of the check that fails for an asset with an invalid ``defs.yaml``."""

DaysOfPartitions = Mapping[dg.PartitionsDefinition, Sequence[str]]
"""Partitions definition → its days."""


class CheckState(StrEnum):
    """State of one check for one day."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    MISSING = "no result"


@dataclass(frozen=True)
class CheckResult:
    """One check for one day.

    Attributes:
        asset: table name of the asset.
        check: name of the check.
        day: the day, or the snapshot's name.
        state: the result.
        reason: why it has this state.
    """

    asset: str
    check: str
    day: str
    state: CheckState
    reason: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether this result fails the command."""
        return self.state in (CheckState.FAILED, CheckState.MISSING)


@dataclass(frozen=True)
class _Batch:
    """Checks that can run together: their assets have the same days."""

    keys: Sequence[dg.AssetCheckKey]
    span: Span | None
    days: Sequence[str]
    """Days of the span for which a result is expected."""


def check(
    definitions: dg.Definitions,
    lake: Lake,
    instance: dg.DagsterInstance,
    selection: str,
    span: Span | None,
    *,
    leave_out: Collection[str] = (),
    progress: Callable[[str], None],
) -> list[CheckResult]:
    """Run every check of some assets on their stored days and return a result for each day.

    Args:
        definitions: the project's definitions.
        lake: lake whose ledger records the processed days.
        instance: where the results are recorded.
        selection: Dagster asset selection.
        span: the days; when omitted, each asset's days up to the last one that was processed.
            Sparse assets are checked only for processed days.
        leave_out: tables that are not checked although they are selected, unless they are broken.
        progress: called with a description of the running checks.

    Raises:
        ConfigurationError: the selection has no checks, or none of its assets has these days.
    """
    graph = definitions.resolve_asset_graph()
    selected = selected_assets(definitions, selection)
    checked = [asset for asset in selected if table_name(asset) not in leave_out]
    keys = [key for asset in checked for key in graph.get(asset).check_keys]
    results = [
        CheckResult(table, DEFINED_CHECK, SNAPSHOT, CheckState.FAILED, problem)
        for table, problem in broken_assets(graph).items()
        if dg.AssetKey(table.split("/")) in selected
    ]
    known = _days_of_partitions(graph, keys)
    _refuse_unknown_days(known, selection, span)
    batches = _batches(graph, lake, keys, known, span)
    if not (batches or results):
        raise ConfigurationError(
            f"Nothing to check: the assets of '{selection}' have no checks for "
            f"{span.first + '...' + span.last if span else 'any day'}."
        )
    for batch in batches:
        progress(f"{len(batch.keys)} checks {_span_text(batch.span)}")
        outcome = run_checks(definitions, instance, batch.keys, batch.span)
        found = _evaluations(instance, outcome.run_id)
        errors = "; ".join(outcome.failed_steps.values())
        results += [
            _result(key, day, found.get((key, day)), errors)
            for key in batch.keys
            for day in batch.days
        ]
    return sorted(results, key=lambda result: (result.asset, result.check, result.day))


def _days_of_partitions(graph: Any, keys: Iterable[dg.AssetCheckKey]) -> DaysOfPartitions:
    """The days of each partitions definition of the checked assets, listed once."""
    definitions = {graph.get(key.asset_key).partitions_def for key in keys} - {None}
    return {found: found.get_partition_keys() for found in definitions}


def _refuse_unknown_days(known: DaysOfPartitions, selection: str, span: Span | None) -> None:
    """Refuse days that no asset has, so that a mistyped year does not pass with nothing to check."""
    days = {*chain.from_iterable(known.values())}
    ends = (span.first, span.last) if span else ()
    unknown = [day for day in ends if day not in days | {*map(day_of, days)}]
    if unknown and days:
        raise ConfigurationError(
            f"Nothing to check on {unknown[0]}: the assets of '{selection}' have the days "
            f"{min(days)}…{max(days)}."
        )


def _batches(
    graph: Any,
    lake: Lake,
    keys: Iterable[dg.AssetCheckKey],
    known: DaysOfPartitions,
    span: Span | None,
) -> list[_Batch]:
    of_asset = grouped((key.asset_key, key) for key in keys)
    days_of = {asset: tuple(_days(graph.get(asset), lake, known, span)) for asset in of_asset}
    groups = grouped((days_of[asset], key) for asset, found in of_asset.items() for key in found)
    return [
        _Batch(sorted(group), None if days == (SNAPSHOT,) else Span(days[0], days[-1]), days)
        for days, group in groups.items()
        if days
    ]


def _days(node: Any, lake: Lake, known: DaysOfPartitions, span: Span | None) -> list[str]:
    """The days for which an asset is checked; for a sparse one only processed days.

    Without a span these end with the last processed day. Of an asset without one it is the first
    day, so that an asset that was never materialized has a failed result.
    """
    if node.partitions_def is None:
        return [SNAPSHOT]
    days = [day for day in known[node.partitions_def] if span is None or span.contains(day)]
    is_sparse = bool(node.metadata.get(SPARSE_KEY))
    if span and not is_sparse:
        return days
    processed = lake.ledger.latest(table_name(node.key))
    if is_sparse:
        return [day for day in days if day in processed]
    positions = [position for position, day in enumerate(days) if day in processed]
    return days[: max(positions, default=0) + 1]


def results_of(instance: dg.DagsterInstance, outcome: RunOutcome) -> list[CheckResult]:
    """All check results of a run."""
    return [
        _result(key, day, evaluation, "")
        for (key, day), evaluation in _evaluations(instance, outcome.run_id).items()
    ]


def _evaluations(
    instance: dg.DagsterInstance, run_id: str
) -> dict[tuple[dg.AssetCheckKey, str], dg.AssetCheckEvaluation]:
    logs = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [log.get_dagster_event().asset_check_evaluation_data for log in logs]
    return {
        (evaluation.asset_check_key, evaluation.partition or SNAPSHOT): evaluation
        for evaluation in evaluations
    }


def _result(
    key: dg.AssetCheckKey, day: str, evaluation: dg.AssetCheckEvaluation | None, errors: str
) -> CheckResult:
    asset = table_name(key.asset_key)
    if evaluation is None:
        return CheckResult(
            asset, key.name, day, CheckState.MISSING, errors or "the check did not run"
        )
    reason = evaluation.metadata.get("reason")
    text = str(reason.value) if reason else ""
    if evaluation.passed:
        return CheckResult(asset, key.name, day, CheckState.PASSED, text)
    is_warning = evaluation.severity is dg.AssetCheckSeverity.WARN
    return CheckResult(
        asset,
        key.name,
        day,
        CheckState.WARNED if is_warning else CheckState.FAILED,
        text or "failed",
    )


def _span_text(span: Span | None) -> str:
    if span is None:
        return "of snapshots"
    return f"on {span.first}" if span.first == span.last else f"on {span.first}…{span.last}"


def junit(results: Sequence[CheckResult]) -> bytes:
    """The results as JUnit XML: one suite per asset, one case per check and day."""
    root = ET.Element("testsuites", name="ml-assets checks")
    for asset, of_asset in grouped((result.asset, result) for result in results).items():
        suite = ET.SubElement(
            root,
            "testsuite",
            name=asset,
            tests=str(len(of_asset)),
            failures=str(sum(result.state is CheckState.FAILED for result in of_asset)),
            errors=str(sum(result.state is CheckState.MISSING for result in of_asset)),
        )
        for result in of_asset:
            case = ET.SubElement(
                suite, "testcase", classname=f"{asset}.{result.check}", name=result.day
            )
            if result.is_bad:
                tag = "failure" if result.state is CheckState.FAILED else "error"
                ET.SubElement(case, tag, message=result.reason)
            elif result.state is CheckState.WARNED:
                ET.SubElement(case, "system-out").text = f"warning: {result.reason}"
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
