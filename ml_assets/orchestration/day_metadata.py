"""What Dagster shows of a stored day: counts, version, inputs, statistics."""

from collections.abc import Mapping, Sequence

import dagster as dg

from ml_assets.lake.content import digest
from ml_assets.lake.entries import Entry, Read
from ml_assets.lake.planning import Plan

Further = Mapping[str, float | int | str | dg.MetadataValue]
"""More metadata of one day; numbers are plotted over the days."""


def day_metadata(
    entry: Entry, planned: Plan, further: Mapping[str, Further], warnings: Sequence[str] = ()
) -> dict[str, dg.MetadataValue]:
    """Metadata of one stored day.

    Args:
        entry: the day's ledger entry.
        planned: the run's plan, for what was read and what was left unchanged.
        further: day → more metadata.
        warnings: what is unusual about the day.
    """
    metadata: dict[str, dg.MetadataValue] = {
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
    if warnings:
        metadata["warnings"] = dg.MetadataValue.text("; ".join(warnings))
    for name, value in further.get(entry.day, {}).items():
        metadata[name] = _value(value)
    return metadata


def _value(value: float | str | dg.MetadataValue) -> dg.MetadataValue:
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    if isinstance(value, int | float):
        return dg.MetadataValue.float(float(value))
    return value


def inputs_summary(reads: Sequence[Read]) -> dict[str, dict[str, object]]:
    """Per input table: version, span of days, and one hash over their contents."""
    tables: dict[str, list[Read]] = {}
    for read in reads:
        tables.setdefault(read.table, []).append(read)
    return {
        table: {
            **({"table_version": of_table[0].version} if of_table[0].version is not None else {}),
            "days": f"{of_table[0].day}…{of_table[-1].day}"
            if len(of_table) > 1
            else of_table[0].day,
            **({"absent": absent} if (absent := _absent(of_table)) else {}),
            "content_hash": digest(*(read.content_hash for read in of_table))
            if len(of_table) > 1
            else of_table[0].content_hash,
        }
        for table, of_table in tables.items()
    }


def _absent(reads: Sequence[Read]) -> int:
    return sum(not read.content_hash for read in reads)


def row_count(rows: int) -> dict[str, dg.MetadataValue]:
    """The row count, under the name that Dagster plots."""
    return {"dagster/row_count": dg.MetadataValue.int(rows)}
