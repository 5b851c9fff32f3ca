"""Distribution shifts of features between the training rows of two models.

They are computed from the stored references, which contain counts by bin and no rows.
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
    """Shift of one feature from the older model's training rows to the newer model's.

    Attributes:
        feature: feature name.
        distance: KS for numbers, Jensen-Shannon for categories; None without values on a side.
        threshold: distance from which the older model's drift reports flag a window.
        ratio: distance divided by threshold.
        missing_then: share of missing values in the older rows, 0 to 1.
        missing_now: share of missing values in the newer rows, 0 to 1.
        missing_ratio: change of that share divided by its threshold.
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
        """The larger of both ratios."""
        return max(self.ratio or 0.0, self.missing_ratio)


def shifts(then: pd.DataFrame, now: pd.DataFrame) -> list[Shift]:
    """Shifts of features that two models share, from ``FeatureReference`` rows, largest first."""
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
