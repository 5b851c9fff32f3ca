"""Source: structural features that have drifted, as the retraining policy confirms it."""

import math
from collections.abc import Iterator

import pandas as pd

from ml_assets import nouns
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.messages import first_of
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.content import DAY
from ml_assets.lake.remedy import checks_command
from ml_assets.lake.store import Lake
from ml_assets.ledger.overview import Overview
from ml_assets.monitoring.drift_windows import drift_in_windows

STRUCTURAL = "structural"

SHARE = 0.4
"""Share of the structural features that counts where the policy names no number: 4 of 10, as for the
reference data, where the season alone moves up to 3 (docs/loop.md)."""

COLUMNS = [DAY, "reference", "feature", "group", "ratio", "missing_ratio", "is_judged", "drifted"]


def feature_drifted(lake: Lake, pipeline: WatchedPipeline, until: str) -> Iterator[Finding]:
    """At most one finding: enough structural features have drifted in enough windows.

    Args:
        lake: the project's tables.
        pipeline: the pipeline.
        until: last partition; later ones are ignored.
    """
    table, policy = pipeline.table(nouns.DRIFT_REPORT), pipeline.policy
    last = Overview(lake.ledger.url).last_stored(table, until)
    if last is None:
        return
    ends = policy.window_ends(last, pipeline.calendar)
    stored = sorted(lake.window(table, sorted(ends)).hashes)
    reports = lake.read(table, stored, columns=COLUMNS)
    newest = reports[reports[DAY] == last]
    structural = int((newest["group"] == STRUCTURAL).sum())
    if not structural:
        return
    limit = policy.drifted_structural or math.ceil(SHARE * structural)
    found = drift_in_windows(
        reports,
        ends,
        reference=str(newest["reference"].iloc[0]),
        policy=policy,
        limit=limit,
        group=STRUCTURAL,
    )
    if not found.is_confirmed:
        return
    drifted = found.reports[0][found.reports[0]["drifted"].astype("bool")]
    yield Finding(
        kind="feature_drifted",
        pipeline=pipeline.name,
        subject=table,
        message=(
            f"{len(drifted)} of {structural} structural features have drifted in {found.times} of the "
            f"last {policy.windows} windows (limit {limit}): {_named(drifted)}"
        ),
        since=min(
            end
            for end, count in zip(ends, found.counts, strict=True)
            if count is not None and count >= limit
        ),
        until=last,
        command=checks_command(table, last),
    )


def _named(drifted: pd.DataFrame) -> str:
    """The features that have drifted most, with their ratios."""
    ratios = drifted.set_index("feature")[["ratio", "missing_ratio"]].max(axis=1)
    strongest = ratios.sort_values(ascending=False)
    return first_of([f"{name} {ratio:.1f} × its threshold" for name, ratio in strongest.items()])
