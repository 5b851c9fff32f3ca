"""Metadata of a stored day for Dagster: counts, version, inputs, statistics.

The last day of a run also has the verdict and the counts of the run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import dagster as dg

from ml_assets.content import digest
from ml_assets.ledger.entries import Entry, Read, grouped
from ml_assets.ledger.summary import TableSummary
from ml_assets.orchestration.storage.range_events import DayResult
from ml_assets.planning.plan import Plan

VERDICT, REASON = "verdict", "reason"
"""First metadata of a run's last day: a decision, or whether the run is complete."""

RUN_UNCHANGED = "run/unchanged"

ExtraMetadata = Mapping[str, float | int | str | dg.MetadataValue]
"""Additional metadata of one day; Dagster plots numbers over the days."""


def day_metadata(
    entry: Entry,
    planned: Plan,
    further: Mapping[str, ExtraMetadata],
    warnings: Sequence[str] = (),
    merged_duplicates: int = 0,
) -> dict[str, dg.MetadataValue]:
    """Metadata of one stored day.

    Args:
        entry: the day's ledger entry.
        planned: the run's plan, with reads and unchanged days.
        further: day → additional metadata.
        warnings: violated bounds of the day contract.
        merged_duplicates: number of rows that were equal to another row of the day.
    """
    extra = {name: _value(value) for name, value in further.get(entry.day, {}).items()}
    metadata: dict[str, dg.MetadataValue] = {
        **{name: extra[name] for name in (VERDICT, REASON) if name in extra},
        **row_count(entry.rows),
        "dead_letters": dg.MetadataValue.int(entry.dead_letters),
        "content_hash": dg.MetadataValue.text(entry.content_hash),
        "table_version": dg.MetadataValue.int(entry.version or 0),
        "inputs": dg.MetadataValue.json(inputs_summary(planned.reads[entry.day])),
    }
    if missing := planned.missing.get(entry.day):
        metadata["computed without"] = dg.MetadataValue.md(
            "\n".join(f"- {name}" for name in missing)
        )
    if entry.day in planned.unchanged:
        metadata["unchanged"] = dg.MetadataValue.bool(True)
    if merged_duplicates:
        metadata["merged_duplicates"] = dg.MetadataValue.int(merged_duplicates)
    if warnings:
        metadata["warnings"] = dg.MetadataValue.text("; ".join(warnings))
    return metadata | extra


def run_metadata(
    metadata: Mapping[str, dg.MetadataValue], summary: TableSummary
) -> dict[str, dg.MetadataValue]:
    """Metadata of a run's last day: verdict and reason, counts of the run, then those of the day.

    Args:
        metadata: metadata of the day; the verdict and reason of a decision are kept.
        summary: counts of the run.
    """
    own = {name: metadata[name] for name in (VERDICT, REASON) if name in metadata}
    of_run = {
        VERDICT: dg.MetadataValue.text(summary.verdict),
        REASON: dg.MetadataValue.text(summary.reason),
    }
    counts = {
        "run/stored": summary.stored,
        RUN_UNCHANGED: summary.unchanged,
        "run/skipped": len(summary.skipped),
        "run/quarantined": len(summary.quarantined),
        "run/dead_letters": summary.dead_letters,
    }
    return {
        **(own or of_run),
        **{name: dg.MetadataValue.int(count) for name, count in counts.items()},
        **{name: value for name, value in metadata.items() if name not in own},
    }


def with_summary(results: Mapping[str, DayResult], summary: TableSummary) -> dict[str, DayResult]:
    """Add the metadata of the run to the last of its days."""
    last = max(results)
    result = replace(results[last], metadata=run_metadata(results[last].metadata, summary))
    return {**results, last: result}


def _value(value: float | str | dg.MetadataValue) -> dg.MetadataValue:
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    if isinstance(value, int | float):
        return dg.MetadataValue.float(float(value))
    return value


def inputs_summary(reads: Sequence[Read]) -> dict[str, dict[str, object]]:
    """Input table → version, span of days, and one hash over their contents."""
    return {
        table: {
            **({"table_version": of_table[0].version} if of_table[0].version is not None else {}),
            "days": f"{of_table[0].day}…{of_table[-1].day}"
            if len(of_table) > 1
            else of_table[0].day,
            **({"absent": absent} if (absent := _count_absent(of_table)) else {}),
            "content_hash": digest(*(read.content_hash for read in of_table))
            if len(of_table) > 1
            else of_table[0].content_hash,
        }
        for table, of_table in grouped((read.table, read) for read in reads).items()
    }


def _count_absent(reads: Sequence[Read]) -> int:
    return sum(not read.content_hash for read in reads)


def row_count(rows: int) -> dict[str, dg.MetadataValue]:
    """The row count under the metadata key that Dagster plots."""
    return {"dagster/row_count": dg.MetadataValue.int(rows)}


def skipped_result(reason: str) -> DayResult:
    """The result logged for a skipped day that does not end the run."""
    return DayResult(digest(reason), {"skipped": dg.MetadataValue.text(reason)})
