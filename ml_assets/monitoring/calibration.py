"""Calibration in the large: mean predictions against mean labels."""

from dataclasses import dataclass

import numpy as np

from ml_assets.learning.metrics.resampling import Scored
from ml_assets.learning.specification import Classes


@dataclass(frozen=True)
class Calibration:
    """Mean prediction and mean label of some rows.

    Attributes:
        mean_prediction: mean prediction; of classes, mean probability of ``of_class``.
        mean_label: mean label; of classes, share of the labels that are of ``of_class``.
        of_class: the class whose two values differ most; empty for other tasks.
    """

    mean_prediction: float
    mean_label: float
    of_class: str = ""

    @property
    def error(self) -> float:
        """Absolute difference of the two."""
        return abs(self.mean_prediction - self.mean_label)

    @property
    def finding(self) -> str:
        """Both values as text."""
        predicted, actual = f"{self.mean_prediction:.3f}", f"{self.mean_label:.3f}"
        if self.of_class:
            return f"mean probability {predicted} of {self.of_class} against its share {actual}"
        return f"mean prediction {predicted} against mean label {actual}"


def calibration(scored: Scored, classes: Classes) -> Calibration:
    """Calibration in the large; of several classes, that of the worst.

    Args:
        scored: predictions and labels of at least one row.
        classes: classes of a multiclass task; empty for other tasks.
    """
    if not classes:
        return Calibration(float(scored.predictions.mean()), float(scored.labels.mean()))
    means = scored.predictions.mean(axis=0)
    shares = np.bincount(scored.labels, minlength=len(classes)) / len(scored.labels)
    worst = int(np.abs(means - shares).argmax())
    return Calibration(float(means[worst]), float(shares[worst]), str(classes[worst]))
