"""Which features changed most between the rows that two models were trained on.

Both are read from the stored references: counts by bin, no rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml_assets.monitoring.measures import distance, missing_shift
from ml_assets.monitoring.profile import reference_from_rows
from ml_assets.monitoring.recount import recounted


@dataclass(frozen=True)
class Shift:
    """How far the training rows of the newer model are from those of the older, in one feature.

    Attributes:
        feature: its name.
        distance: KS of numbers, Jensen-Shannon of names; None where a side has no value.
        threshold: distance from which the older model's drift reports call a window unusual.
        ratio: distance over threshold.
        missing_then: share of the older rows without a value.
        missing_now: the same of the newer.
        missing_ratio: change of that share over its threshold.
    """

    feature: str
    distance: float | None
    threshold: float
    ratio: float | None
    missing_then: float
    missing_now: float
    missing_ratio: float

    @property
    def strength(self) -> float:
        """The larger ratio."""
        return max(self.ratio or 0.0, self.missing_ratio)


def shifts(then: pd.DataFrame, now: pd.DataFrame) -> list[Shift]:
    """Features that two models share, the farthest apart first.

    Args:
        then: rows of the ``FeatureReference`` contract, of the older model.
        now: the same of the newer.
    """
    return sorted(_shifts(then, now), key=lambda shift: (-shift.strength, shift.feature))


def _shifts(then: pd.DataFrame, now: pd.DataFrame) -> Iterator[Shift]:
    windows = {profile.bins.feature: profile for profile in reference_from_rows(now)}
    wholes = reference_from_rows(then)
    thresholds = zip(then["window_threshold"], then["window_missing_threshold"], strict=True)
    for whole, (threshold, missing_threshold) in zip(wholes, thresholds, strict=True):
        window = windows.get(whole.bins.feature)
        if window is None or window.bins.kind != whole.bins.kind:
            continue
        away = float(distance(whole, recounted(window, whole.bins)))
        is_known = bool(np.isfinite(away))
        yield Shift(
            feature=whole.bins.feature,
            distance=away if is_known else None,
            threshold=float(threshold),
            ratio=away / float(threshold) if is_known else None,
            missing_then=float(whole.missing / whole.rows),
            missing_now=float(window.missing / window.rows),
            missing_ratio=float(missing_shift(whole, window)) / float(missing_threshold),
        )
