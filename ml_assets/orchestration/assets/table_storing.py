"""Storing the days of a run, part by part, and telling Dagster about each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from ml_assets.content import SNAPSHOT
from ml_assets.contracts.contract import Contract
from ml_assets.errors import CommitConflict, sentence
from ml_assets.lake.remedy import materialize_commands
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.summary import (
    TableSummary,
    by_reason,
    combined,
    spelled,
    table_summary,
)
from ml_assets.orchestration.assets.columns import dead_letter_lineage, log_columns
from ml_assets.orchestration.assets.day_metadata import (
    REASON,
    VERDICT,
    day_metadata,
    run_metadata,
    skipped_result,
    with_summary,
)
from ml_assets.orchestration.assets.dead_letters import dead_letters_of, store_dead_letters
from ml_assets.orchestration.assets.table_output import RunEntries, TableOutput
from ml_assets.orchestration.assets.usual_days import quarantine_unusual
from ml_assets.orchestration.storage.range_events import (
    DayResult,
    log_all_but_last,
    log_check_evaluations,
    materialize_days,
)
from ml_assets.provenance.code import known_code

CONTRACT_CHECK = "meets_contract"


@dataclass(frozen=True)
class _Target:
    """Where the days of an output are stored."""

    context: dg.OutputContext
    lake: Lake
    table: str
    contract: type[Contract] | None


def store(
    context: dg.OutputContext,
    lake: Lake,
    table: str,
    contract: type[Contract] | None,
    output: TableOutput,
) -> None:
    """Store the days of a run; of a long run one part after another, each before the next is computed.

    A part that fails leaves the parts before it stored; the next run finds them unchanged.

    Args:
        context: the output's context.
        lake: lake to write to.
        table: table name.
        contract: the table's contract, if it has one.
        output: the first part.

    Raises:
        dagster.Failure: no day could be stored.
    """
    target = _Target(context, lake, table, contract)
    record_provenance(lake, context.run_id, output.code_version)
    summaries: list[TableSummary] = []
    unreadable: dict[str, str] = {}
    results: Mapping[str, DayResult] = {}
    is_any_usable = False
    part: TableOutput | None = output
    while part is not None:
        found, summary = _store_part(target, part)
        summaries.append(summary)
        unreadable |= part.unreadable
        is_any_usable |= bool(found.keys() - part.unreadable.keys())
        results = log_all_but_last(context, {**results, **found})
        part = part.following() if part.following else None
    summary = combined(summaries)
    context.log.info(summary.counted)
    if not is_any_usable:
        _raise_failure(target, summary, unreadable)
    materialize_days(context, with_summary(results, summary))
    log_columns(context, lake, table, contract)


def _store_part(target: _Target, output: TableOutput) -> tuple[dict[str, DayResult], TableSummary]:
    """Write dead letters, rows and ledger entries of some days.

    The ledger first marks the days as being written, so that a run that is killed midway leaves
    no days that downstream tables would use.

    Returns:
        Day → its metadata for Dagster, and the summary of the days.
    """
    context, lake, table = target.context, target.lake, target.table
    judged = quarantine_unusual(lake, table, output.validated, target.contract)
    output = replace(output, validated=judged)
    drafts = RunEntries(table, output, context.run_id)
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
    if output.publish and written:
        output.publish(output.validated.rows)
    entries = drafts.finished(written)
    kept = _kept_days(lake, table, output)
    latest = lake.ledger.latest(table, list(kept))
    changed = [one for day, one in {**entries, **kept}.items() if one != latest.get(day)]
    lake.ledger.append(changed)
    if output.after_commit:
        output.after_commit()
    _log(context, table, entries, output)
    if output.keeps_rows and kept:
        reasons = "; ".join(f"{day}: {output.plan.skipped[day]}" for day in sorted(kept))
        raise dg.Failure(
            f"{table} could not be computed again, its stored rows are kept. {reasons}",
            allow_retries=False,
        )
    if target.contract and len(output.validated.dead_letters):
        letters = dead_letter_lineage(table, target.contract)
        lake.provenance.record_columns(dead_letters_of(table), letters)
    results = _results(output, {**output.plan.unchanged, **entries, **kept})
    return results, table_summary(table, entries.values(), len(output.plan.unchanged))


def _results(output: TableOutput, entries: Mapping[str, Entry]) -> dict[str, DayResult]:
    """Day → its data version and metadata, of the stored days, and of skipped ones that may be."""
    return {
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
        for day, entry in entries.items()
        if entry.status is Status.STORED
    }


def _log(
    context: dg.OutputContext, table: str, entries: Mapping[str, Entry], output: TableOutput
) -> None:
    """Log days without rows, missing inputs, warnings, merged duplicates, and the last verdict."""
    validated = output.validated
    bad = {day: entry for day, entry in entries.items() if entry.reason}
    phrases: dict[str, Mapping[str, Sequence[str]]] = {
        **{
            f"is {status.value}:": {
                day: [entry.reason] for day, entry in bad.items() if entry.status is status
            }
            for status in Status
        },
        "keeps its stored rows:": {day: [why] for day, why in output.unreadable.items()},
        "is computed without": {
            day: names for day, names in output.plan.missing.items() if day not in bad
        },
        "is stored, but unusual:": validated.warnings,
    }
    for phrase, reasons in phrases.items():
        for days, why in by_reason(reasons):
            context.log.warning(f"{table} {days} {phrase} {why}")
    if merged := validated.merged_duplicates:
        days = spelled(sorted(merged))
        context.log.warning(f"{table} {days}: {sum(merged.values())} duplicate rows were merged")
    if decided := [day for day, shown in output.day_metadata.items() if VERDICT in shown]:
        shown = output.day_metadata[max(decided)]
        context.log.info(f"{table} {max(decided)}: {shown[VERDICT]}: {shown[REASON]}")


def _kept_days(lake: Lake, table: str, output: TableOutput) -> dict[str, Entry]:
    """Stored days of a final table that cannot be computed again and keep their rows.

    Includes days that were closed or interrupted later, if the lake still contains their rows.
    """
    if not (output.keeps_rows or output.is_final):
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


def _raise_failure(target: _Target, summary: TableSummary, unreadable: Mapping[str, str]) -> None:
    bad = {**summary.skipped, **summary.quarantined}
    if target.contract:
        failed = [failed_contract(target.context.asset_key, day, why) for day, why in bad.items()]
        log_check_evaluations(target.context, failed)
    reasons = {day: [why] for day, why in {**unreadable, **bad}.items()}
    listed = "; ".join(f"{days}: {why}" for days, why in by_reason(reasons)[:5])
    commands = "; ".join(materialize_commands(target.table, [*reasons])[:5])
    raise dg.Failure(
        f"No day of {target.table} could be stored. {sentence(listed)} Correct the cause, then run: {commands}",
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
