"""Metrics of a regression."""

from collections.abc import Mapping

import numpy as np

from ml_assets.learning.resampling import Metric, Scored, mean_of, ratio, sklearn_metric


def _squared_error(scored: Scored) -> np.ndarray:
    return (scored.predictions - scored.labels) ** 2


def _absolute_error(scored: Scored) -> np.ndarray:
    return np.abs(scored.predictions - scored.labels)


def _rmse(scored: Scored, draws: np.ndarray) -> np.ndarray:
    return np.sqrt(mean_of(_squared_error)(scored, draws))


def _r2(scored: Scored, draws: np.ndarray) -> np.ndarray:
    labels = scored.labels - scored.labels.mean()
    moved = Scored(labels, labels, scored.flagged, scored.days)
    average = mean_of(lambda rows: rows.labels)(moved, draws)
    variance = mean_of(lambda rows: rows.labels**2)(moved, draws) - average**2
    return 1 - ratio(mean_of(_squared_error)(scored, draws), variance)


REGRESSION: Mapping[str, Metric] = {
    "rmse": Metric(
        "regression",
        "Root of the mean squared error, in the label's unit; less is better.",
        sklearn_metric("root_mean_squared_error"),
        _rmse,
        False,
    ),
    "mae": Metric(
        "regression",
        "Mean absolute error, in the label's unit; less is better.",
        sklearn_metric("mean_absolute_error"),
        mean_of(_absolute_error),
        False,
    ),
    "r2": Metric(
        "regression",
        "Share of the label's variance that is explained; 1 is perfect.",
        sklearn_metric("r2_score"),
        _r2,
        True,
        2,
    ),
}
"""Name → metric, the main one first."""
