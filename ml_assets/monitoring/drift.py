"""Drift: the distance of a window of days from a reference, relative to thresholds.

Every day differs from the months before it by weekday and season, so a distance alone is not drift.
Thresholds are calibrated on the distances of the reference's own days; drift is the ratio of
distance to threshold. ``profile`` counts rows, ``measures`` computes distances.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ml_assets.cadence import DAYS, Calendar
from ml_assets.content import DAY
from ml_assets.contracts.contract import columns
from ml_assets.monitoring.bins import bins_of
from ml_assets.monitoring.contracts.drift import CALENDAR, GROUPS, PREDICTED, DriftReport
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
"""Factor of a threshold over the distances of the reference's own days or windows."""

USUAL_DAY = 0.95
"""Quantile of the distances of the reference's days; of its windows, the maximum is used."""

LEAST_DISTANCE = 0.02
"""Least threshold of a distance: a constant feature must not drift because of a few rows, and
binning alone has an error of up to .016."""

LEAST_MISSING = 0.01
"""Least threshold of a change of the missing share, for a feature that was never missing."""

MIN_ROWS = 400
"""Largest default of the rows that a window needs to be judged, see ``usual_min_rows``.

Thresholds are calibrated on whole days; fewer rows have a larger distance by chance. Of n rows
drawn from ordinary days of the reference data (880 rows a day), 8 of the 10 structural features
count as drifted at n = 3 to 30, 4 at 100, 2.6 at 200, .3 at 400. Where a whole window has fewer rows,
its thresholds were calibrated on as few, so that most of a usual window is enough."""

MOST_OF_WINDOW = 0.75
"""Share of the rows of a usual window that are enough to judge a window, if days have few rows."""

LEAST_ROWS = 30
"""Least default of the rows that a window needs. The distance of fewer rows from the rows that they
were drawn from exceeds a quarter by chance in one of twenty windows, and half of 8 rows."""

MAX_THRESHOLD = 0.9
"""Largest threshold. A distance is at most 1, and features that vary a lot must still drift."""


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of a feature, named as in ``FeatureReference``."""

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
    *,
    text: Sequence[str] = (),
    calendar: Calendar = DAYS,
) -> pd.DataFrame:
    """Profile a reference and calibrate thresholds on its days.

    Args:
        rows: (n, …) rows with the features and a day, at least one.
        numeric: numeric features.
        categorical: categorical features.
        window_days: days of the windows that will be compared with the reference.
        day: column with the ISO day of a row.
        text: features of free text.
        calendar: partitions of the days; those without rows shorten a window as often as usual.

    Returns:
        Rows of the ``FeatureReference`` contract, without ``ds``.
    """
    days, profiles = daily_profiles(rows, bins_of(rows, numeric, categorical, text), day)
    with_rows = _usually_with_rows(window_days, days, calendar)
    records = [
        {**reference_to_row(merge([daily])), **asdict(calibrate(daily, with_rows))}
        for daily in profiles
    ]
    return pd.DataFrame(records, columns=[*columns(FeatureReference)])


def calibrate(daily: Profile, window_days: int) -> Thresholds:
    """Thresholds of a feature, from the distances of the reference's days to the whole reference.

    Args:
        daily: profile of the reference, whose first axis is its days.
        window_days: days with rows of a window; limited to half of the reference's days, as a longer window
            is always close to the reference.

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


def usual_min_rows(reference_rows: pd.DataFrame, days: int) -> int:
    """Rows that a window needs by default: ``MIN_ROWS``, or most of a usual window if that is less.

    They are never fewer than ``LEAST_ROWS``: smaller windows are not judged.

    Args:
        reference_rows: rows of the ``FeatureReference`` contract, of features of one reference.
        days: days of the reference.
    """
    of_window = reference_rows["rows"].max() / max(1, days) * reference_rows["window_days"].max()
    return max(LEAST_ROWS, min(MIN_ROWS, math.ceil(MOST_OF_WINDOW * of_window)))


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
        groups: feature → one of ``GROUPS``; default is ``other``. The calendar never drifts.
        day: day of the report.
        reference: as-of day of the reference; profiles with other references are ignored.
        min_rows: rows that the window needs for a feature to count as drifted, and rows with a
            value for it to count as drifted by its distance.

    Returns:
        Rows of the ``DriftReport`` contract with ``ds``, strongest first; none without profiles.
        The window thresholds apply if there are at least as many days as in their calibration;
        otherwise the daily thresholds, as fewer days vary more.

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
    report = pd.DataFrame(records, columns=[DAY, *columns(DriftReport)])
    is_calendar = report["group"] == CALENDAR
    return _ranked(report.assign(drifted=report["drifted"].astype("bool") & ~is_calendar))


def summary(report: pd.DataFrame) -> dict[str, float | int | str]:
    """Summary of a report: number of drifted features by group, and the strongest feature.

    ``not judged`` is set if the window has too few rows to judge drift.
    """
    drifted = report.loc[report["drifted"].astype("bool"), "group"].value_counts()
    judged = [group for group in GROUPS if group != CALENDAR]
    shown = [group for group in judged if group != PREDICTED or (report["group"] == group).any()]
    figures: dict[str, float | int | str] = {
        f"drifted {group}": int(drifted.get(group, 0)) for group in shown
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
    """The row of one feature, without its rank."""
    is_named = reference.bins.is_named
    away = float(distance(reference, window))
    ratio = away / threshold
    missing_ratio = float(missing_shift(reference, window)) / missing_threshold
    is_judged = int(window.rows) >= min_rows
    has_values = int(window.rows - window.missing) >= min_rows
    counted = [missing_ratio, ratio if has_values else np.nan]
    return {
        "feature": reference.bins.feature,
        "rows": int(window.rows),
        "measure": "js" if is_named else "ks",
        "distance": away,
        "threshold": threshold,
        "ratio": ratio,
        "psi": np.nan if is_named else psi(reference.counts, window.counts),
        "wasserstein": np.nan if is_named else wasserstein(reference, window),
        "missing_share": float(window.missing / window.rows),
        "missing_ratio": missing_ratio,
        "unseen_share": float(window.unseen / window.rows),
        "is_judged": is_judged,
        "drifted": is_judged and bool(np.nanmax(counted) >= 1),
    }


def _ranked(report: pd.DataFrame) -> pd.DataFrame:
    """Rows by the larger ratio, the largest first; by name for equal ratios. The calendar is last."""
    weakness = -report[["ratio", "missing_ratio"]].max(axis=1)
    order = np.lexsort(
        (
            report["feature"].astype("object"),
            weakness.astype("float64"),
            report["group"] == CALENDAR,
        )
    )
    ranks = range(1, len(report) + 1)
    return report.iloc[order].assign(likely_cause_rank=ranks).reset_index(drop=True)


def _usually_with_rows(window_days: int, days: Sequence[str], calendar: Calendar) -> int:
    """How many days of a window have rows if they do as often as in a reference.

    Args:
        window_days: days of the window.
        days: days of the reference that have rows, in order.
        calendar: partitions of the days.
    """
    return round(window_days * len(days) / (calendar.between(days[0], days[-1]) + 1))


def _windows(daily: Profile, length: int) -> Profile:
    """Profile of each window of consecutive days, (d - length + 1) of them."""

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
    return min(MAX_THRESHOLD, max(least, MARGIN * float(usual(known))))
