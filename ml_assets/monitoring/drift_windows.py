"""Drift in the windows of a policy: how many features have drifted in each, and whether that is confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ml_assets.content import DAY
from ml_assets.monitoring.policy import Policy


@dataclass(frozen=True)
class DriftInWindows:
    """Drift reports of the ends of a policy's windows, the newest first.

    Attributes:
        reports: the rows of each report, of the group; empty where none is stored.
        counts: number of features that have drifted; None where the window is not judged.
        is_confirmed: whether the newest window and enough of all windows reach the limit.
        times: number of windows that reach it.
    """

    reports: Sequence[pd.DataFrame]
    counts: Sequence[int | None]
    is_confirmed: bool
    times: int


def drift_in_windows(
    drift: pd.DataFrame,
    ends: Sequence[str],
    *,
    reference: str,
    policy: Policy,
    limit: int,
    group: str | None,
) -> DriftInWindows:
    """Count what has drifted in each window.

    Args:
        drift: rows of the ``DriftReport`` contract with ``ds``.
        ends: last partition of each window, the newest first.
        reference: as-of day of the model whose reports count.
        policy: how many windows have to confirm it.
        limit: number of features that counts.
        group: group of the features; None for all.
    """
    whole = [of_day(drift, end, reference) for end in ends]
    reports = [one if group is None else one[one["group"] == group] for one in whole]
    counts = [
        drifted(report) if is_judged(judged) else None
        for report, judged in zip(reports, whole, strict=True)
    ]
    is_confirmed, times = confirmed(policy, [None if c is None else c >= limit for c in counts])
    return DriftInWindows(reports, counts, is_confirmed, times)


def confirmed(policy: Policy, signals: Sequence[bool | None]) -> tuple[bool, int]:
    """Whether the newest window and enough of all windows have a signal, and how many do."""
    count = sum(bool(one) for one in signals)
    return bool(signals[0]) and count >= policy.confirmations, count


def of_day(drift: pd.DataFrame, day: str, reference: str) -> pd.DataFrame:
    """The drift report of a day with a reference; empty for none."""
    return drift[(drift[DAY] == day) & (drift["reference"] == reference)]


def is_judged(report: pd.DataFrame) -> bool:
    """Whether a report is there and has enough rows."""
    return not report.empty and bool(report["is_judged"].all())


def drifted(report: pd.DataFrame, group: str | None = None) -> int:
    """Number of features of a report, or of a group of them, that have drifted."""
    rows = report if group is None else report[report["group"] == group]
    return int(rows["drifted"].sum())
