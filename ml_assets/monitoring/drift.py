"""How far a window of days is from its reference, and whether that is unusual for it.

Every day differs from the months before it, by weekday and season alone, so a distance says
nothing by itself. The reference's own days say how far a day usually is, and drift is told as the
ratio to that. Counting rows is in ``profile``, distances in ``measures``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import columns
from ml_assets.monitoring.bins import bins_of
from ml_assets.monitoring.contracts.drift import GROUPS, DriftReport
from ml_assets.monitoring.contracts.profiles import FeatureReference
from ml_assets.monitoring.measures import distance, missing_shift, psi, wasserstein
from ml_assets.monitoring.profile import (
    Profile,
    daily_profiles,
    from_rows,
    merge,
    reference_from_rows,
    reference_to_row,
)

OTHER = "other"

MARGIN = 1.5
"""A day or window is unusual when it is this much farther away than the reference's own."""

USUAL_DAY = 0.95
"""Quantile of the reference's days that is still usual; of its few windows it is the farthest."""

LEAST_DISTANCE = 0.02
"""Least threshold of a distance: a feature that never moved may not alarm on a few rows, and
binning alone can be off by .016."""

LEAST_MISSING = 0.01
"""Least threshold of a change of the missing share, for a feature that was never missing."""

MIN_ROWS = 400
"""Rows that a window needs to be judged, where ``defs.yaml`` says nothing else.

Thresholds are learned from whole days; of fewer rows chance alone makes a distance. Of n rows drawn
from ordinary days of the reference data (880 rows a day), 8 of the 10 structural features count as
drifted at n = 3 to 30, 4 at 100, 2.6 at 200, .3 at 400. A pipeline of fewer rows a day sets about half
of its usual day."""

MOST = 0.9
"""Highest threshold. A distance is at most 1, and what moves by nature must be able to drift too."""


@dataclass(frozen=True)
class Thresholds:
    """What is unusual for a feature, named as in ``FeatureReference``."""

    window_days: int
    daily_threshold: float
    window_threshold: float
    daily_missing_threshold: float
    window_missing_threshold: float


def reference_profile(
    rows: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
    window_days: int,
    day: str = DAY,
) -> pd.DataFrame:
    """Profile a reference and learn from its own days what is unusual.

    Args:
        rows: (n, …) rows with the features and a day, at least one.
        numeric: features whose values are numbers.
        categorical: features whose values are names.
        window_days: days in the windows that will be compared with it.
        day: column with the ISO day of a row.

    Returns:
        Rows of the ``FeatureReference`` contract, without ``ds``.
    """
    _, profiles = daily_profiles(rows, bins_of(rows, numeric, categorical), day)
    records = [
        {**reference_to_row(merge([daily])), **asdict(calibrate(daily, window_days))}
        for daily in profiles
    ]
    return pd.DataFrame(records, columns=[*columns(FeatureReference)])


def calibrate(daily: Profile, window_days: int) -> Thresholds:
    """What is unusual for a feature, from the days of its reference against their whole.

    Args:
        daily: profile of the reference, whose first axis is its days.
        window_days: days in a window. Of a short reference half of its days, as a window that
            is most of the reference is close to it whatever happens.

    Returns:
        Thresholds of days and of windows.
    """
    whole = merge([daily])
    length = max(1, min(window_days, len(daily.rows) // 2))
    windows = _windows(daily, length)
    return Thresholds(
        length,
        _threshold(distance(whole, daily), _usual, LEAST_DISTANCE),
        _threshold(distance(whole, windows), np.max, LEAST_DISTANCE),
        _threshold(missing_shift(whole, daily), _usual, LEAST_MISSING),
        _threshold(missing_shift(whole, windows), np.max, LEAST_MISSING),
    )


def drift_report(
    reference_rows: pd.DataFrame,
    profiles: pd.DataFrame,
    groups: Mapping[str, str],
    *,
    day: str,
    reference: str,
    min_rows: int,
) -> pd.DataFrame:
    """Compare the days of a window with their reference.

    Args:
        reference_rows: rows of the ``FeatureReference`` contract, of one reference.
        profiles: rows of the ``FeatureProfile`` contract with ``ds``, of the window's days.
        groups: feature → one of ``GROUPS``; those not named are ``other``.
        day: the day that the report is of.
        reference: as-of day of the reference; profiles against others are left out.
        min_rows: a feature counts as drifted only in a window of so many rows, by its distance only
            where as many have a value.

    Returns:
        Rows of the ``DriftReport`` contract with ``ds``, strongest first; none without profiles.
        As many days as the window thresholds were calibrated on, or more, are held against these;
        fewer against the daily thresholds, as they differ more by nature.

    Raises:
        ContractViolation: profiles lack a feature of the reference, or have other bins.
    """
    own = profiles[profiles["reference"] == reference]
    window_days = own[DAY].nunique()
    span = "window" if window_days >= reference_rows["window_days"].max() else "daily"
    common = {DAY: day, "reference": reference, "window_days": window_days}
    wholes = reference_from_rows(reference_rows)
    windows = from_rows(own, [whole.bins for whole in wholes]) if len(own) else []
    records = [
        {
            **common,
            "group": groups.get(whole.bins.feature, OTHER),
            **_compared(whole, merge([daily]), threshold, missing_threshold, min_rows),
        }
        for whole, daily, threshold, missing_threshold in zip(
            wholes,
            windows,
            reference_rows[f"{span}_threshold"],
            reference_rows[f"{span}_missing_threshold"],
            strict=False,
        )
    ]
    return _ranked(pd.DataFrame(records, columns=[DAY, *columns(DriftReport)]))


def summary(report: pd.DataFrame) -> dict[str, float | int | str]:
    """A report in a few figures: drifted features of each group, and the strongest of all.

    A window of too few rows is said to be one: that no feature has drifted means nothing then.
    """
    drifted = report.loc[report["drifted"].astype("bool"), "group"].value_counts()
    figures: dict[str, float | int | str] = {
        f"drifted {group}": int(drifted.get(group, 0)) for group in GROUPS
    }
    if report.empty:
        return figures
    if not report["is_judged"].all():
        figures["not judged"] = f"too few rows to judge: {int(report['rows'].min())}"
    first = report.sort_values("likely_cause_rank").iloc[0]
    return {
        **figures,
        "strongest feature": str(first["feature"]),
        "strongest ratio": float(np.nanmax([first["ratio"], first["missing_ratio"]])),
    }


def _compared(
    reference: Profile,
    window: Profile,
    threshold: float,
    missing_threshold: float,
    min_rows: int,
) -> dict[str, object]:
    """What a report says of one feature by itself."""
    is_numeric = reference.bins.kind == "numeric"
    away = float(distance(reference, window))
    ratio = away / threshold
    missing_ratio = float(missing_shift(reference, window)) / missing_threshold
    is_judged = int(window.rows) >= min_rows
    has_values = int(window.rows - window.missing) >= min_rows
    counted = [missing_ratio, ratio if has_values else np.nan]
    return {
        "feature": reference.bins.feature,
        "rows": int(window.rows),
        "measure": "ks" if is_numeric else "js",
        "distance": away,
        "threshold": threshold,
        "ratio": ratio,
        "psi": psi(reference.counts, window.counts) if is_numeric else np.nan,
        "wasserstein": wasserstein(reference, window) if is_numeric else np.nan,
        "missing_share": float(window.missing / window.rows),
        "missing_ratio": missing_ratio,
        "unseen_share": float(window.unseen / window.rows),
        "is_judged": is_judged,
        "drifted": is_judged and bool(np.nanmax(counted) >= 1),
    }


def _ranked(report: pd.DataFrame) -> pd.DataFrame:
    """Strongest first; features of equal strength in the order of their names."""
    weakness = -report[["ratio", "missing_ratio"]].max(axis=1)
    order = np.lexsort((report["feature"].astype("object"), weakness.astype("float64")))
    ranks = range(1, len(report) + 1)
    return report.iloc[order].assign(likely_cause_rank=ranks).reset_index(drop=True)


def _windows(daily: Profile, length: int) -> Profile:
    """Profile of each run of consecutive days, (d - length + 1) of them."""

    def sliding(values: np.ndarray) -> np.ndarray:
        total = np.cumsum(values, axis=0)
        return total[length - 1 :] - np.concatenate([0 * total[:1], total[:-length]])

    return Profile(daily.bins, *map(sliding, (daily.rows, daily.missing, daily.counts, daily.sums)))


def _usual(distances: np.ndarray) -> float:
    return float(np.quantile(distances, USUAL_DAY))


def _threshold(distances: np.ndarray, usual: Callable[[np.ndarray], float], least: float) -> float:
    known = distances[~np.isnan(distances)]
    if not len(known):
        return least
    return min(MOST, max(least, MARGIN * float(usual(known))))
