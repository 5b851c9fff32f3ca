"""Sources: predictions whose features were missing more often than usual, and answers with stale or missing lookups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

import pandas as pd

from ml_assets import nouns
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.messages import first_of, spelled_time
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.lake.remedy import checks_command
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status
from ml_assets.ledger.overview import Overview
from ml_assets.online.materializing import materialize_online_command
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.log import PredictionLog

KIND = "features_degraded"

LEAST_INCREASE = 0.15
"""Least increase of the share of rows without a value that is reported. In the weather of the reference data
it is exceeded on one or two days of a year, and .05 on up to 36."""

LEAST_ROWS = 5
"""Least number of rows without a value that is reported."""

RECENT = timedelta(days=1)
NEWEST = 200
"""Age and number of the newest answers that are judged."""

MIN_ANSWERS = 20
"""Number of answers that is judged at least."""

MAX_SHARE = 0.1
"""Largest share of answers with stale or missing values of a table that is not reported."""


def incomplete_features(lake: Lake, pipeline: WatchedPipeline, until: str) -> Iterator[Finding]:
    """At most one finding: features of the last predictions are missing more often than in training.

    A share is too high if it is that of the training rows by more than the threshold that was calibrated
    for a single partition, and by at least ``LEAST_INCREASE``.

    Args:
        lake: the project's tables.
        pipeline: the pipeline.
        until: last partition; later ones are ignored.
    """
    table, predictions = pipeline.table(nouns.FEATURE_PROFILE), pipeline.table(nouns.PREDICTIONS)
    last = Overview(lake.ledger.url).last_stored(table, until)
    if last is None or not _is_stored(lake, predictions, last):
        return
    entry = lake.ledger.latest(table, [last])[last]
    contents = (str(lake.ledger.url), entry.content_hash, entry.inputs_hash)
    found = _judged(_Profiled(lake, table, pipeline.table(nouns.FEATURE_REFERENCE), last, contents))
    if not found:
        return
    named = [f"{name} {share:.0%} (usually {usual:.1%})" for name, share, usual in found]
    yield Finding(
        kind=KIND,
        pipeline=pipeline.name,
        subject=predictions,
        message=(
            f"predictions of {last} were made from features that are missing more often than usual: "
            f"{first_of(named)}"
        ),
        since=last,
        until=last,
        command=checks_command(table, last),
    )


@dataclass(frozen=True)
class _Profiled:
    """The profile of a partition; equal to another one if both were made from equal contents."""

    lake: Lake = field(compare=False)
    table: str
    references: str
    day: str
    contents: tuple[str, ...]


@lru_cache(maxsize=256)
def _judged(of: _Profiled) -> list[tuple[str, float, float]]:
    """Features that are missing too often, with their share and the usual one.

    It is remembered, as rows are read and verified for it, and most ticks find nothing new.
    """
    rows = of.lake.read(of.table, [of.day], columns=["reference", "feature", "rows", "missing"])
    as_of = rows["reference"].max()
    if rows.empty or not _is_stored(of.lake, of.references, as_of):
        return []
    usual = of.lake.read(
        of.references, [as_of], columns=["feature", "rows", "missing", "daily_missing_threshold"]
    )
    found = too_often_missing(rows[rows["reference"] == as_of], usual)
    return [*found.itertuples(index=False, name=None)]


def too_often_missing(rows: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Features whose share of rows without a value is too high, the highest first.

    Args:
        rows: (f, …) rows of the ``FeatureProfile`` contract, of one partition and reference.
        reference: (f, …) rows of the ``FeatureReference`` contract.

    Returns:
        (g, …) ``feature``, ``share`` and the ``usual`` share.
    """
    both = rows.merge(reference, on="feature", suffixes=("", "_usually"))
    shares = both.assign(
        share=both["missing"] / both["rows"], usual=both["missing_usually"] / both["rows_usually"]
    )
    increase = shares["share"] - shares["usual"]
    is_high = increase > shares["daily_missing_threshold"].clip(lower=LEAST_INCREASE)
    found = shares[is_high & (shares["missing"] >= LEAST_ROWS)]
    return found.sort_values(["share", "feature"], ascending=[False, True])[
        ["feature", "share", "usual"]
    ]


def degraded_answers(
    log: PredictionLog, pipeline: WatchedPipeline, until: str, now: datetime
) -> Iterator[Finding]:
    """One finding for each table of which too many of the newest answers had stale or no values.

    Args:
        log: the prediction log.
        pipeline: the pipeline.
        until: last partition; later ones are ignored.
        now: current time, UTC.
    """
    since = now - RECENT
    entries = log.answered_since(pipeline.name, since, pipeline.calendar.key_of(since), NEWEST)
    answers = [one for one in entries if one.day <= until]
    for table in sorted({table for one in answers for table in one.ages}):
        looked_up = [one for one in answers if table in one.ages]
        if message := _degraded(table, looked_up):
            yield Finding(
                kind=KIND,
                pipeline=pipeline.name,
                subject=table,
                message=message,
                since=min(one.day for one in looked_up),
                until=max(one.day for one in looked_up),
                command=materialize_online_command(table, max(one.day for one in looked_up)),
            )


def _degraded(table: str, answers: Sequence[LoggedPrediction]) -> str:
    """The problems of a table's values; empty if few answers are affected, or few looked the table up."""
    if len(answers) < MIN_ANSWERS:
        return ""
    stale = [age for one in answers if (age := one.ages[table]) and table in one.stale]
    unknown = sum(one.ages[table] is None for one in answers)
    parts = []
    if len(stale) > MAX_SHARE * len(answers):
        oldest = spelled_time(timedelta(seconds=max(stale)))
        parts.append(f"{len(stale)} had values older than its ttl, up to {oldest}")
    if unknown > MAX_SHARE * len(answers):
        parts.append(f"{unknown} found no values of their entity")
    if not parts:
        return ""
    return f"of the last {len(answers)} answers that looked up {table}, {' and '.join(parts)}"


def _is_stored(lake: Lake, table: str, day: str) -> bool:
    entry = lake.ledger.latest(table, [day]).get(day)
    return entry is not None and entry.status is Status.STORED
