"""The default IO manager: stores tables in the lake by day, with validation and provenance.

An asset returns a DataFrame or a ``TableOutput``. An input annotated ``Window`` is passed unread.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

import dagster as dg
import pandas as pd

from ml_assets.configuration.objects import load_contract
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import Validated, validate
from ml_assets.errors import CommitConflict, ConfigurationError
from ml_assets.lake.remedy import materialize_commands
from ml_assets.lake.store import Lake, Window
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.summary import TableSummary, table_summary
from ml_assets.orchestration.assets.columns import dead_letter_lineage, log_columns
from ml_assets.orchestration.assets.day_metadata import (
    day_metadata,
    run_metadata,
    skipped_result,
    with_summary,
)
from ml_assets.orchestration.assets.dead_letters import dead_letters_of, store_dead_letters
from ml_assets.orchestration.assets.table_output import RunEntries, TableOutput, code_version_of
from ml_assets.orchestration.assets.usual_days import quarantine_unusual
from ml_assets.orchestration.runs.retries import retried
from ml_assets.orchestration.storage.objects import ObjectMetadataValue
from ml_assets.orchestration.storage.range_events import (
    DayResult,
    log_check_evaluations,
    materialize_days,
)
from ml_assets.planning.plan import Plan
from ml_assets.planning.staleness import stale
from ml_assets.provenance.code import known_code
from ml_assets.workspace import Workspace

CONTRACT_KEY = "ml_assets/contract"
"""Definition metadata with a table's contract: the class, or its name ``package.module.Class``."""

CONTRACT_CHECK = "meets_contract"


class TableIOManager(dg.IOManager):
    """Stores and reads tables; one commit per table and run.

    Args:
        workspace: workspace of the tables.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._reads: dict[tuple[str, str, int], list[Window]] = {}

    def load_input(self, context: dg.InputContext) -> pd.DataFrame | Window:
        """The stored days selected by an input's partition mapping."""
        with self._retried(context.step_context):
            table = table_name(context.asset_key)
            window = self._workspace.lake.window(table, _days(context))
            self._reads.setdefault(_attempt(context.step_context), []).append(window)
            if context.dagster_type.typing_type is Window:
                return window
            return window.read(columns=(context.definition_metadata or {}).get("columns"))

    def handle_output(self, context: dg.OutputContext, obj: TableOutput | pd.DataFrame) -> None:
        """Store the valid days in one commit and log the result of each day."""
        with self._retried(context.step_context):
            output = obj if isinstance(obj, TableOutput) else self._planned(context, obj)
            with (lake := self._workspace.lake).ledger.one_connection():
                store(context, lake, table_name(context.asset_key), output)

    def _retried(self, step: object) -> AbstractContextManager[None]:
        return retried(_retry_number(step), self._workspace.settings.retry_waits)

    def _planned(self, context: dg.OutputContext, rows: pd.DataFrame) -> TableOutput:
        step = context.step_context
        windows, days = self._reads.pop(_attempt(step), []), _days(context)
        if DAY not in rows.columns:
            if len(days) != 1:
                raise ConfigurationError(
                    f"{context.asset_key.to_user_string()} returned rows for {len(days)} days "
                    f"without a '{DAY}' column with the day of each row. Add it."
                )
            rows = rows.assign(**{DAY: days[0]})
        skipped = _blocked_days(windows, days)
        compute = [day for day in days if day not in skipped]
        rows = rows[~rows[DAY].isin(skipped)]
        plan = Plan(
            compute=compute,
            unchanged={},
            skipped=skipped,
            reads={
                day: [read for window in windows for read in window.reads(_input_days(window, day))]
                for day in days
            },
            windows={},
        )
        contract = contract_of(context.definition_metadata or {})
        validated = validate(rows, contract, compute) if contract else Validated(rows, _NO_ROWS, {})
        return TableOutput(plan, validated, code_version_of(context))


_NO_ROWS = pd.DataFrame({DAY: pd.Series([], dtype="str")})


def table_name(key: dg.AssetKey) -> str:
    """The lake's name for an asset."""
    return "/".join(key.path)


def contract_of(metadata: Mapping[str, object]) -> type[Contract] | None:
    """The contract in an asset's definition metadata; None without one.

    Raises:
        ConfigurationError: the metadata value is not a contract.
    """
    name = metadata.get(CONTRACT_KEY)
    if name is None:
        return None
    if isinstance(name, ObjectMetadataValue) and name.instance is not None:
        return cast("type[Contract]", name.instance)
    return load_contract(str(getattr(name, "value", name)))


def store(context: dg.OutputContext, lake: Lake, table: str, output: TableOutput) -> None:
    """Write the days of a run: dead letters, rows, ledger entries, then Dagster's events.

    The ledger first marks the days as being written, so that a run that is killed midway leaves
    no days that downstream tables would use.
    """
    contract = contract_of(context.definition_metadata or {})
    output = replace(output, validated=quarantine_unusual(lake, table, output.validated, contract))
    drafts = RunEntries(table, output, context.run_id)
    record_provenance(lake, context.run_id, output.code_version)
    lake.ledger.append(list(drafts.writing()))
    if output.keeps_dead_letters:
        store_dead_letters(
            context,
            lake,
            table,
            planned=output.plan,
            letters=output.validated.dead_letters,
            code_version=output.code_version,
            replaces_unplaced=output.has_all_unplaced_rows,
        )
    days = [day for day in output.plan.compute if day not in output.validated.quarantined]
    written = lake.write(table, output.validated.rows, days) if days else None
    written_by = {entry.run_id for entry in lake.ledger.latest(table, days).values()}
    if written_by - {context.run_id}:
        raise CommitConflict(f"{table}: another run wrote the same days at the same time.")
    entries = drafts.finished(written)
    kept = _kept_days(lake, table, output)
    latest = lake.ledger.latest(table, list(kept))
    changed = [one for day, one in {**entries, **kept}.items() if one != latest.get(day)]
    lake.ledger.append(changed)
    if output.after_commit:
        output.after_commit()
    bad = {day: entry.reason for day, entry in entries.items() if entry.reason}
    _warn(context, table, entries, output)
    if output.is_fact and kept:
        reasons = "; ".join(f"{day}: {output.plan.skipped[day]}" for day in sorted(kept))
        raise dg.Failure(
            f"{table} could not be computed again, its stored rows are kept. {reasons}",
            allow_retries=False,
        )
    usable = {**output.plan.unchanged, **entries, **kept}
    results = {
        day: skipped_result(reason)
        for day, reason in output.plan.skipped.items()
        if output.may_skip_days
    } | {
        day: DayResult(
            entry.content_hash,
            day_metadata(
                entry,
                output.plan,
                output.day_metadata,
                output.validated.warnings.get(day, ()),
                output.validated.merged_duplicates.get(day, 0),
            ),
        )
        for day, entry in usable.items()
        if entry.status is Status.STORED
    }
    summary = table_summary(table, entries.values(), len(output.plan.unchanged))
    if not results:
        _raise_failure(context, table, bad, summary)
    materialize_days(context, with_summary(results, summary))
    log_columns(context, lake, table)
    if contract and len(output.validated.dead_letters):
        letters = dead_letter_lineage(table, contract)
        lake.provenance.record_columns(dead_letters_of(table), letters)


def _warn(
    context: dg.OutputContext, table: str, entries: Mapping[str, Entry], output: TableOutput
) -> None:
    """Log days without rows, with missing inputs, with warnings or with merged duplicates."""
    validated = output.validated
    for day, entry in sorted(entries.items()):
        if entry.reason:
            context.log.warning(f"{table} {day} is {entry.status.value}: {entry.reason}")
    for day, missing in sorted(output.plan.missing.items()):
        if missing:
            context.log.warning(f"{table} {day} is computed without {'; '.join(missing)}")
    for day, unusual in sorted(validated.warnings.items()):
        context.log.warning(f"{table} {day} is stored, but unusual: {'; '.join(unusual)}")
    for day, count in validated.merged_duplicates.items():
        context.log.warning(f"{table} {day}: {count} duplicate rows were merged")


def _kept_days(lake: Lake, table: str, output: TableOutput) -> dict[str, Entry]:
    """Stored days of a final table that cannot be computed again and keep their rows.

    Includes days that were closed or interrupted later, if the lake still contains their rows.
    """
    if not (output.is_fact or output.is_final):
        return {}
    histories = lake.ledger.histories(table, list(output.plan.skipped))
    stored = {
        day: found[-1]
        for day, history in histories.items()
        if (found := [entry for entry in history if entry.status is Status.STORED])
    }
    was_closed = {day for day in stored if histories[day][-1].status is not Status.STORED}
    intact = lake.intact_days({day: stored[day] for day in was_closed if stored[day].rows})
    return {day: entry for day, entry in stored.items() if day not in was_closed - intact}


def record_provenance(lake: Lake, run_id: str, code_version: str) -> None:
    """Record the run and the code of the entries that are about to be written."""
    lake.provenance.record_run(run_id)
    if code := known_code(code_version):
        lake.provenance.record_code(code)


def _raise_failure(
    context: dg.OutputContext, table: str, bad: Mapping[str, str], summary: TableSummary
) -> None:
    if CONTRACT_KEY in (context.definition_metadata or {}):
        failed = [failed_contract(context.asset_key, day, why) for day, why in bad.items()]
        log_check_evaluations(context, failed)
    listed = "; ".join(f"{day}: {reason}" for day, reason in sorted(bad.items())[:5])
    commands = "; ".join(materialize_commands(table, list(bad))[:5])
    raise dg.Failure(
        f"No day of {table} could be stored. {listed}. Correct the cause, then run: {commands}",
        metadata=run_metadata({}, summary),
        allow_retries=False,
    )


def failed_contract(key: dg.AssetKey, day: str, reason: str) -> dg.AssetCheckEvaluation:
    """The result of the contract check for a day without stored rows."""
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=CONTRACT_CHECK,
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"reason": dg.MetadataValue.text(reason)},
        partition=None if day == SNAPSHOT else day,
        blocking=False,
    )


def _days(context: dg.InputContext | dg.OutputContext) -> list[str]:
    return list(context.asset_partition_keys) if context.has_asset_partitions else [SNAPSHOT]


def _input_days(window: Window, day: str) -> Sequence[str]:
    """Input days of one day: the same day if the input has it, otherwise all that were read."""
    return [day] if day in window.days else window.days


def _blocked_days(windows: Sequence[Window], days: Sequence[str]) -> dict[str, str]:
    """Days of a plain asset that must not be stored, because an input day is missing or stale."""
    skipped: dict[str, str] = {}
    for window in windows:
        changed = stale(window.lake.ledger, window.table, list(window.hashes))
        for day in days:
            for input_day in _input_days(window, day):
                if reason := changed.get(input_day):
                    skipped[day] = f"{window.table} {input_day} is stale ({reason})"
                elif input_day == day and day not in window.hashes:
                    skipped[day] = f"{window.table} {day} is not stored"
    return skipped


def _attempt(step: Any) -> tuple[str, str, int]:
    return step.run_id, step.step.key, _retry_number(step)


def _retry_number(step: object) -> int:
    return int(getattr(step, "previous_attempt_count", 0))
