"""Source: limits of the performance that the champion breaks, with the likely cause of each.

A drop begins with a breach, which is beyond chance. That of all rows ends when their value is within its limit again, so
that a value near the limit is one alert, not one for each day that chance cannot explain. That of a segment ends when
chance explains it: there are many segments, and one of them is often near its limit.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pandas as pd

from ml_assets import nouns
from ml_assets.alerts.finding import Finding, Level
from ml_assets.alerts.messages import first_of
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.cadence import Span
from ml_assets.content import DAY
from ml_assets.lake.remedy import checks_command
from ml_assets.lake.store import Lake
from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.metrics import METRICS
from ml_assets.ledger.entries import Status

KIND = "performance_dropped"
FIRST_READ = 10
"""Reports before the newest that are read at first; then twice as many each time, until the start of the drop is found."""

AWAITED = timedelta(hours=1)
"""Time that an alert waits for the causes of its report, so that the notification contains them."""

CASE = ["segment_column", "segment", "metric"]


def performance_dropped(
    lake: Lake, pipeline: WatchedPipeline, until: str, now: datetime
) -> Iterator[Finding]:
    """One finding for each metric that has dropped: of all rows, or else a warning of each such segment.

    Args:
        lake: the project's tables.
        pipeline: the pipeline.
        until: last partition; later ones are ignored.
        now: the moment, UTC.
    """
    table = pipeline.table(nouns.PERFORMANCE_REPORT)
    hashes = lake.ledger.stored_hashes(table, Span("", until))
    if not hashes:
        return
    last = max(hashes)
    reports = _history(_Reports(lake, table, str(lake.ledger.url), tuple(sorted(hashes.items()))))
    day = _judged_day(reports, last, _waits_for_causes(lake, pipeline, last, now))
    if day is None:
        return
    drops = _drops(reports[reports[DAY] <= day], day)
    breached = sorted({row["breached"] for row in drops})
    causes = _stored(lake, pipeline.table(nouns.LIKELY_CAUSES), breached)
    for row in drops:
        others = [one for one in drops if one["metric"] == row["metric"] and one is not row]
        if not _is_told_by_another(row, others):
            yield _finding(row, others, pipeline, causes)


@dataclass(frozen=True)
class _Reports:
    """The stored reports of a table; equal to others if they have equal contents."""

    lake: Lake = field(compare=False)
    table: str
    ledger: str
    contents: tuple[tuple[str, str], ...]
    """Partition and content hash of each, in order; at least one."""


@lru_cache(maxsize=64)
def _history(of: _Reports) -> pd.DataFrame:
    """Reports of the champion, back to the start of any drop that lasts in the newest one.

    They are remembered, as rows are read and verified for them, and most ticks find nothing new.

    Returns:
        Rows of the table with ``lasts``: whether a drop that has begun does not end with the row.
    """
    *days, last = (day for day, _ in of.contents)
    reports, count = _with_lasts(of.lake.read(of.table, [last])), FIRST_READ
    as_of = reports["model_as_of"].iloc[0]
    while days and _may_last(reports):
        before = _with_lasts(of.lake.read(of.table, days[-count:]))
        days, count = days[:-count], 2 * count
        is_of_champion = before["model_as_of"] == as_of
        reports = pd.concat([reports, before[is_of_champion]])
        if not is_of_champion.all():
            break
    return reports


def _may_last(reports: pd.DataFrame) -> bool:
    """Whether a drop that has begun before these reports ends in none of them."""
    lasts = reports[reports["lasts"]]
    return bool((lasts.groupby(CASE).size() == reports[DAY].nunique()).any())


def _with_lasts(reports: pd.DataFrame) -> pd.DataFrame:
    """Reports with ``lasts``: a breach, too few labels to judge, or all rows worse than the limit, by chance or not."""
    is_higher_better = reports["metric"].map(lambda name: METRICS[name].higher_is_better)
    value, limit = (reports[name].astype("float64") for name in ("value", "limit"))
    is_worse = (value < limit).where(is_higher_better.astype("bool"), value > limit)
    is_worse &= reports["segment_column"] == OVERALL
    cannot_end = reports["is_provisional"].astype("bool") | reports["is_breached"].astype("bool")
    return reports.assign(lasts=cannot_end | is_worse.astype("bool"))


def _drops(reports: pd.DataFrame, day: str) -> list[dict[Any, Any]]:
    """The rows of a day whose drop has begun and not ended.

    Args:
        reports: reports of the champion up to the day, with ``lasts``.
        day: the day that is judged.

    Returns:
        The rows with ``since``, the day of the first breach, and ``breached``, that of the last one.
    """
    days = sorted(reports[DAY].unique())
    found = []
    for _, of_case in reports.groupby(CASE, sort=False):
        columns = (of_case[name] for name in (DAY, "lasts", "is_breached"))
        states = {each: (lasts, broken) for each, lasts, broken in zip(*columns, strict=True)}
        since = breached = None
        for each in days:
            lasts, is_breached = states.get(each, (False, False))
            if not lasts:
                since = None
            elif is_breached:
                since, breached = since or each, each
        if since:
            [row] = of_case[of_case[DAY] == day].to_dict("records")
            found.append({**row, "since": since, "breached": breached})
    return found


def _judged_day(reports: pd.DataFrame, last: str, is_last_left_out: bool) -> str | None:
    """The newest report that has enough labels; what has too few does not end a drop.

    Args:
        reports: reports of the champion.
        last: partition of the newest one.
        is_last_left_out: whether it is not told yet.
    """
    of_all = reports[reports["segment_column"] == OVERALL]
    judged = {*of_all.loc[~of_all["is_provisional"].astype("bool"), DAY]}
    return max(judged - {last} if is_last_left_out else judged, default=None)


def _waits_for_causes(lake: Lake, pipeline: WatchedPipeline, day: str, now: datetime) -> bool:
    """Whether a report was stored a moment ago and its causes will be."""
    causes = lake.ledger.latest(pipeline.table(nouns.LIKELY_CAUSES), [day]).get(day)
    if causes is not None and causes.status is not Status.WRITING:
        return False
    report = lake.ledger.latest(pipeline.table(nouns.PERFORMANCE_REPORT), [day])[day]
    return report.written_at is not None and now - report.written_at.replace(tzinfo=UTC) < AWAITED


def _finding(
    row: Mapping[Any, Any],
    others: Sequence[Mapping[Any, Any]],
    pipeline: WatchedPipeline,
    causes: pd.DataFrame | None,
) -> Finding:
    """The finding of a drop.

    Args:
        row: the drop.
        others: the other drops of the metric, of which it tells if all rows are among them.
        pipeline: the pipeline.
        causes: causes of the last breach of each.
    """
    table, day = pipeline.table(nouns.PERFORMANCE_REPORT), str(row[DAY])
    overall = next((one for one in (row, *others) if _is_overall(one)), None)
    if overall is row:
        also = _segments(others)
    else:
        also = f"; of all rows {overall['value']:.3g}" if overall else ""
    return Finding(
        kind=KIND,
        pipeline=pipeline.name,
        subject=str(row["metric"]),
        segment="" if overall is row else f"{row['segment_column']}={row['segment']}",
        message=f"{_fell(row, pipeline)}{also}; {_cause(row, causes)}",
        since=row["since"],
        until=day,
        command=checks_command(table, day),
        own_level=None if overall else Level.WARNING,
    )


def _is_overall(row: Mapping[Any, Any]) -> bool:
    return bool(row["segment_column"] == OVERALL)


def _is_told_by_another(row: Mapping[Any, Any], others: Sequence[Mapping[Any, Any]]) -> bool:
    """Whether the alert of another drop of the metric includes it: the drop that began first keeps its alert.

    All rows tell of their segments, unless the drop of a segment began before it spread to all rows.

    Args:
        row: a drop.
        others: the other drops of the metric.
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
    return f", with {first_of(also)}" if also else ""


def _cause(row: Mapping[Any, Any], causes: pd.DataFrame | None) -> str:
    if causes is None:
        return "its cause was not looked for yet"
    is_its = (causes[CASE] == pd.Series({name: row[name] for name in CASE})).all(axis=1)
    is_its &= causes[DAY] == row["breached"]
    found = causes[is_its & (causes["rank"] == 1) & causes["is_likely"].astype("bool")]
    if found.empty:
        return "no likely cause among the features"
    [cause] = found.to_dict("records")
    return (
        f"likely due to `{cause['feature']}` ({cause['ratio']:.1f} × its threshold since "
        f"{cause['since']}), from {first_of(json.loads(cause['columns']), ' or ')}"
    )
