"""Source: limits of the performance that the champion breaks, with the likely cause of each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ml_assets import nouns
from ml_assets.alerts.finding import Finding, Level
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.content import DAY
from ml_assets.lake.remedy import partition_option
from ml_assets.lake.store import Lake
from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.metrics import METRICS
from ml_assets.ledger.overview import Overview

KIND = "performance_dropped"
BACK = 60
"""Partitions before the newest report in which a breach may have begun."""

SHOWN = 3
"""Segments, or source columns, that a message names."""

CASE = ["segment_column", "segment", "metric"]


def performance_dropped(lake: Lake, pipeline: WatchedPipeline, until: str) -> Iterator[Finding]:
    """One finding for each metric that is beyond its limit: of all rows, or else a warning of each such segment.

    Args:
        lake: the project's tables.
        pipeline: the pipeline.
        until: last partition; later ones are ignored.
    """
    table = pipeline.table(nouns.PERFORMANCE_REPORT)
    last = Overview(lake.ledger.url).last_stored(table, until)
    if last is None:
        return
    days = pipeline.calendar.keys(pipeline.calendar.shifted(last, -BACK), last)
    reports = _stored(lake, table, days)
    if reports is None:
        return
    broken = reports[reports["is_breached"].astype("bool")]
    causes = _stored(lake, pipeline.table(nouns.LIKELY_CAUSES), [last])
    of_last = [
        {**row, "since": _since(reports, row)}
        for row in broken[broken[DAY] == last].to_dict("records")
    ]
    for row in of_last:
        others = [one for one in of_last if one["metric"] == row["metric"] and one is not row]
        if _is_told_by_another(row, others):
            continue
        is_overall = _is_overall(row)
        also = _segments(others) if is_overall else ""
        yield Finding(
            kind=KIND,
            pipeline=pipeline.name,
            subject=str(row["metric"]),
            segment="" if is_overall else f"{row['segment_column']}={row['segment']}",
            message=f"{_fell(row, pipeline)}{also}; {_cause(row, causes)}",
            since=row["since"],
            until=last,
            command=f"ml-assets checks --select 'key:\"{table}\"'{partition_option(last)}",
            own_level=None if is_overall else Level.WARNING,
        )


def _is_overall(row: Mapping[Any, Any]) -> bool:
    return bool(row["segment_column"] == OVERALL)


def _is_told_by_another(row: Mapping[Any, Any], others: Sequence[Mapping[Any, Any]]) -> bool:
    """Whether another breach of the metric tells of it: what began first stays the one that is told.

    All rows tell of their segments, unless the breach of a segment began before it spread to all rows.

    Args:
        row: a breach, with ``since``.
        others: the other breaches of the metric.
    """
    overall = next((one for one in (row, *others) if _is_overall(one)), None)
    if overall is None:
        return False
    began_before = [one for one in (row, *others) if one["since"] < overall["since"]]
    return row not in began_before if began_before else not _is_overall(row)


def _stored(lake: Lake, table: str, days: Sequence[str]) -> pd.DataFrame | None:
    """Rows of the days that are stored; None if none is."""
    hashes = lake.window(table, days).hashes
    return lake.read(table, sorted(hashes)) if hashes else None


def _fell(row: Mapping[Any, Any], pipeline: WatchedPipeline) -> str:
    calendar, first, last = pipeline.calendar, row["window_first"], row["window_last"]
    count = calendar.between(first, last) + 1
    of = "" if _is_overall(row) else f" of {row['segment_column']} {row['segment']}"
    moved = "fell" if METRICS[row["metric"]].higher_is_better else "rose"
    window = f"{count} {calendar.cadence.unit}{'' if count == 1 else 's'} to {last}"
    return (
        f"{row['metric']}{of} {moved} to {row['value']:.3g} (threshold {row['limit']:.3g}; "
        f"{row['rows']:,} predictions, {window})"
    )


def _segments(broken: Sequence[Mapping[Any, Any]]) -> str:
    """The segments that break their limit, too."""
    also = [f"{row['segment_column']} {row['segment']}" for row in broken]
    more = f" and {len(also) - SHOWN} more" if len(also) > SHOWN else ""
    return f", with {', '.join(also[:SHOWN])}{more}" if also else ""


def _cause(row: Mapping[Any, Any], causes: pd.DataFrame | None) -> str:
    if causes is None:
        return "its cause was not looked for yet"
    is_its = (causes[CASE] == pd.Series({name: row[name] for name in CASE})).all(axis=1)
    found = causes[is_its & (causes["rank"] == 1) & causes["is_likely"].astype("bool")]
    if found.empty:
        return "no likely cause among the features"
    [cause] = found.to_dict("records")
    columns = json.loads(cause["columns"])
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    return (
        f"likely due to `{cause['feature']}` ({cause['ratio']:.1f} × its threshold since "
        f"{cause['since']}), from {' or '.join(columns[:SHOWN])}{more}"
    )


def _since(reports: pd.DataFrame, row: Mapping[Any, Any]) -> str:
    """The first of the last reports in a row with this breach."""
    is_its = (reports[CASE] == pd.Series({name: row[name] for name in CASE})).all(axis=1)
    of_case = reports[is_its].set_index(DAY)["is_breached"].astype("bool")
    since = str(row[DAY])
    for day in sorted(reports[DAY].unique(), reverse=True):
        if not of_case.get(day, False):
            return since
        since = str(day)
    return since
