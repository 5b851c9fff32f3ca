"""Runs the checks of a table on its stored days, after materializing it or alone.

Each table has a separate check step, so that a failed day fails the run but does not block tables
downstream of the valid days.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import dagster as dg
import pandas as pd

from ml_assets.alerts.kinds import runbook
from ml_assets.content import NO_ROWS, SNAPSHOT
from ml_assets.errors import sentence
from ml_assets.lake.remedy import checks_command
from ml_assets.lake.store import Lake
from ml_assets.lake.writing import DAYS_AT_ONCE
from ml_assets.ledger.entries import Status
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.checks.table_check import StoredDays, TableCheck
from ml_assets.orchestration.partitions import days_of_run
from ml_assets.orchestration.runs.retries import attempt
from ml_assets.orchestration.storage.range_events import log_check_evaluations
from ml_assets.orchestration.workspace_key import WORKSPACE
from ml_assets.workspace import Workspace

CHECKS_STEP = "__checks"
"""Suffix of the key of a table's check step."""

VERDICT_ONLY = "ml_assets/verdict_only"
"""Metadata key of a check whose failure is a valid result: it fails no run and opens no alert."""


def table_checks(
    key: dg.AssetKey,
    partitions_def: dg.PartitionsDefinition | None,
    checks: Sequence[TableCheck],
    *,
    is_sparse: bool = False,
    skipped_fails: bool = True,
) -> dg.AssetChecksDefinition:
    """One step that runs a table's checks, each of them selectable, with a result per day.

    Args:
        key: the table's asset key.
        partitions_def: its partitions; None for a snapshot.
        checks: what to check.
        is_sparse: the table has only requested days; others are not checked.
        skipped_fails: whether a skipped day fails its checks; otherwise it is a warning, because
            the upstream table that caused it fails.
    """
    by_name = {check.name: check for check in checks}
    with warnings.catch_warnings():
        # partitions_def on a check is a preview feature; range_events_test tests it.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        specs = [
            dg.AssetCheckSpec(
                check.name,
                asset=key,
                description=f"{check.description} Runbook: {runbook(check.name)}",
                partitions_def=partitions_def,
                metadata={
                    "severity": check.severity.value,
                    **({} if check.fails_run else {VERDICT_ONLY: True}),
                },
            )
            for check in checks
        ]

    @dg.multi_asset_check(
        specs=specs,
        can_subset=True,
        name=f"{'__'.join(key.path)}{CHECKS_STEP}",
        required_resource_keys={WORKSPACE},
    )
    def run_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.Output[None]]:
        selected = [spec for spec in specs if spec.key in context.selected_asset_check_keys]
        workspace: Workspace = context.resources.workspace
        with attempt(workspace, context.retry_number):
            days = _days_to_check(workspace.lake, context, key, partitions_def, is_sparse=is_sparse)
            evaluations: list[dg.AssetCheckEvaluation] = []
            for group, part in _groups([by_name[spec.name] for spec in selected], days):
                stored = replace(
                    read_stored(workspace, table_name(key), part, with_rows=group[0].reads_rows),
                    is_just_written=_is_written_by(context.run, key),
                )
                for check in group:
                    evaluations += _evaluations(check, key, stored, skipped_fails=skipped_fails)
        if not _has_days(context, partitions_def):
            evaluations += [_summary(by_name[spec.name], key, evaluations) for spec in selected]
        log_check_evaluations(context, evaluations)
        _fail_on_errors(
            table_name(key),
            len(days),
            [
                item
                for item in evaluations
                if by_name[item.check_name].fails_run and (item.partition or not partitions_def)
            ],
        )
        for spec in selected:
            yield dg.Output(None, output_name=spec.get_python_identifier())

    return run_checks


def _groups(
    checks: Sequence[TableCheck], days: Sequence[str]
) -> Iterator[tuple[list[TableCheck], Sequence[str]]]:
    """Checks that are judged together, with their days; the rows of a long range are read in parts."""
    if by_rows := [check for check in checks if check.reads_rows]:
        for start in range(0, len(days), DAYS_AT_ONCE):
            yield by_rows, days[start : start + DAYS_AT_ONCE]
    if others := [check for check in checks if not check.reads_rows]:
        yield others, days


def _is_written_by(run: dg.DagsterRun, key: dg.AssetKey) -> bool:
    """Whether the run executes the asset's own step as well, before this one."""
    return "__".join(key.path) in (run.step_keys_to_execute or ())


def _has_days(
    context: dg.AssetCheckExecutionContext, partitions_def: dg.PartitionsDefinition | None
) -> bool:
    """Whether the run has partitions; one by "Execute all" in Dagster's UI has none."""
    return partitions_def is None or context.has_partition_key or context.has_partition_key_range


def _days_to_check(
    lake: Lake,
    context: dg.AssetCheckExecutionContext,
    key: dg.AssetKey,
    partitions_def: dg.PartitionsDefinition | None,
    *,
    is_sparse: bool,
) -> list[str]:
    """The days of the run; all processed days if the run has none."""
    named = days_of_run(context, partitions_def) if _has_days(context, partitions_def) else None
    if named is not None and not is_sparse:
        return named
    processed = sorted(lake.ledger.latest(table_name(key), named))
    return processed if named is None else [day for day in named if day in processed]


def _summary(
    check: TableCheck, key: dg.AssetKey, evaluations: Sequence[dg.AssetCheckEvaluation]
) -> dg.AssetCheckEvaluation:
    """One result over all days, which Dagster expects from a run without partitions."""
    of_check = [item for item in evaluations if item.check_name == check.name]
    bad = [item for item in of_check if not item.passed]
    listed = "; ".join(f"{item.partition}: {_reason(item)}" for item in bad[:5])
    reason = f"{len(bad)} of {len(of_check)} days did not pass. {listed}"
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=check.name,
        passed=bool(of_check) and not bad,
        severity=check.severity,
        metadata={
            "days": dg.MetadataValue.int(len(of_check)),
            **({"reason": dg.MetadataValue.text(reason)} if bad else {}),
        },
        blocking=False,
    )


def read_stored(
    workspace: Workspace, table: str, days: Sequence[str], *, with_rows: bool = True
) -> StoredDays:
    """The stored state of some days of a table, with their rows when a check needs them."""
    lake = workspace.lake
    entries = lake.ledger.latest(table, days)
    while True:
        usable = {day: entry for day, entry in entries.items() if entry.status is Status.STORED}
        if not usable or not with_rows:
            return StoredDays(workspace, lake, table, days, entries, NO_ROWS)
        parts, damage = lake.recorded_rows(table, usable)
        again = lake.ledger.latest(table, days)
        if again == entries:
            break
        entries = again
    rows = parts[0] if len(parts) == 1 else pd.concat([NO_ROWS, *parts], ignore_index=True)
    return StoredDays(workspace, lake, table, days, entries, rows, damage, parts)


def _evaluations(
    check: TableCheck, key: dg.AssetKey, stored: StoredDays, *, skipped_fails: bool
) -> list[dg.AssetCheckEvaluation]:
    judged = check.judge(stored) if stored.stored else {}
    verdicts = {day: judged[day] if day in judged else stored.absence(day) for day in stored.days}
    warned = set() if skipped_fails else stored.skipped
    return [
        dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=check.name,
            passed=verdict.passed,
            severity=dg.AssetCheckSeverity.WARN
            if day in warned or verdict.is_warning
            else check.severity,
            metadata={"reason": dg.MetadataValue.text(verdict.reason)} if verdict.reason else {},
            partition=None if day == SNAPSHOT else day,
            blocking=False,
        )
        for day, verdict in verdicts.items()
    ]


def _fail_on_errors(table: str, days: int, evaluations: Sequence[dg.AssetCheckEvaluation]) -> None:
    failed: dict[str, dg.AssetCheckEvaluation] = {}
    for evaluation in evaluations:
        if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
            failed.setdefault(evaluation.partition or SNAPSHOT, evaluation)
    if not failed:
        return
    listed = "; ".join(
        f"{day}: {evaluation.check_name}: {_reason(evaluation)}"
        for day, evaluation in sorted(failed.items())[:10]
    )
    raise dg.Failure(
        f"{table}: {len(failed)} of {days} days failed a check. {sentence(listed)} The other days are "
        f"processed. For the repair, run: {checks_command(table, min(failed))}",
        allow_retries=False,
    )


def _reason(evaluation: dg.AssetCheckEvaluation) -> object:
    reason = evaluation.metadata.get("reason")
    return reason.value if reason else "failed"
