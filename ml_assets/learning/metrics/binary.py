"""Metrics of a classification, whose labels are 0 or 1."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ml_assets.learning.metrics.resampling import (
    Metric,
    Scored,
    day_sums,
    mean_of,
    ratio,
    share_of,
    sklearn_metric,
)


def _squared_error(scored: Scored) -> np.ndarray:
    return (scored.predictions - scored.labels) ** 2


def _is_positive(scored: Scored) -> np.ndarray:
    return scored.labels.astype(bool)


def _is_flagged(scored: Scored) -> np.ndarray:
    return scored.flagged


def _area_under_roc_curve(scored: Scored) -> float:
    """The same as ``roc_auc_score``, which examines the labels first and takes twice as long."""
    from sklearn.metrics import auc as area
    from sklearn.metrics import roc_curve

    false_positives, true_positives, _ = roc_curve(scored.labels, scored.predictions, pos_label=1)
    return float(area(false_positives, true_positives))


def auc(scored: Scored, draws: np.ndarray) -> np.ndarray:
    """Share of (positive, negative) pairs in which the positive has the higher prediction."""
    width, positive = draws.shape[1], _is_positive(scored)
    negatives, rows = scored.where(~positive), scored.predictions[positive]
    below = (_counts(negatives, rows, width, "left") + _counts(negatives, rows, width, "right")) / 2
    won = np.array([day_sums(of_day, scored.days[positive], width) for of_day in below])
    pairs = draws @ day_sums(positive, scored.days, width)
    pairs *= draws @ day_sums(~positive, scored.days, width)
    return ratio(((draws @ won) * draws).sum(axis=1), pairs)


def _average_precision(scored: Scored, draws: np.ndarray) -> np.ndarray:
    """Mean over the positives of the precision among the rows predicted at least as high."""
    width, positive = draws.shape[1], scored.where(_is_positive(scored))

    def at_least_as_high(rows: Scored) -> np.ndarray:
        sizes = np.bincount(rows.days, minlength=width)[:, None]
        return draws @ (sizes - _counts(rows, positive.predictions, width, "left"))

    rows, drawn = at_least_as_high(scored), draws[:, positive.days]
    precision = np.divide(
        at_least_as_high(positive), rows, out=np.zeros(rows.shape), where=rows != 0
    )
    return ratio((precision * drawn).sum(axis=1), drawn.sum(axis=1))


def _counts(
    rows: Scored, limits: np.ndarray, width: int, side: Literal["left", "right"]
) -> np.ndarray:
    """(width, m) number of each day's rows with a prediction below m limits; 'right': or equal.

    Limits in ascending order are found several times faster.
    """
    order = np.argsort(limits)
    ascending, found = limits[order], np.empty((width, len(limits)))
    for day in range(width):
        of_day = np.sort(rows.predictions[rows.days == day])
        found[day, order] = np.searchsorted(of_day, ascending, side)
    return found


BINARY: Mapping[str, Metric] = {
    "auc": Metric(
        "classification",
        "How often a positive row is ranked above a negative one; 0.5 is guessing, 1 perfect.",
        _area_under_roc_curve,
        auc,
        True,
        2,
    ),
    "average_precision": Metric(
        "classification",
        "Mean precision over all thresholds; more is better.",
        sklearn_metric("average_precision_score"),
        _average_precision,
        True,
        2,
    ),
    "brier": Metric(
        "classification",
        "Mean squared error of the probabilities; less is better.",
        sklearn_metric("brier_score_loss"),
        mean_of(_squared_error),
        False,
    ),
    "precision": Metric(
        "classification",
        "Share of the flagged rows that are positive; more is better.",
        sklearn_metric("precision_score", of_flagged=True, zero_division=np.nan),
        share_of(_is_positive, _is_flagged),
        True,
        needs_threshold=True,
    ),
    "recall": Metric(
        "classification",
        "Share of the positive rows that are flagged; more is better.",
        sklearn_metric("recall_score", of_flagged=True, zero_division=np.nan),
        share_of(_is_flagged, _is_positive),
        True,
        needs_threshold=True,
    ),
}
"""Name → metric, the main one first."""
