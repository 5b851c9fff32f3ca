"""Metrics of a regression."""

from collections.abc import Mapping

import numpy as np

from ml_assets.learning.metrics.resampling import Metric, Scored, mean_of, ratio, sklearn_metric

PINBALL = "pinball_p"
"""Beginning of the names of the losses of quantiles; ``pinball_p90`` is that of the 0.9 quantile."""


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


def _is_count(scored: Scored) -> bool:
    """Whether labels may be counts, and predictions their means."""
    return bool((scored.labels >= 0).all() and (scored.predictions > 0).all())


def _deviance(scored: Scored) -> np.ndarray:
    labels, means = scored.labels, scored.predictions
    logs = np.log(np.where(labels > 0, labels, means) / means)  # 0 for a count of 0
    return 2 * (labels * logs - labels + means)


def _pinball(level: float) -> Metric:
    def loss(scored: Scored) -> np.ndarray:
        above = scored.labels - scored.predictions
        return np.maximum(level * above, (level - 1) * above)

    return Metric(
        "regression",
        f"Pinball loss of the {level:g} quantile, in the label's unit; less is better.",
        sklearn_metric("mean_pinball_loss", alpha=level),
        mean_of(loss),
        False,
        is_default=False,
        constant=lambda labels: float(np.quantile(labels, level)),
    )


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
    "poisson_deviance": Metric(
        "regression",
        "Mean Poisson deviance of predicted counts; less is better.",
        sklearn_metric("mean_poisson_deviance"),
        mean_of(_deviance),
        False,
        is_default=False,
        is_defined=_is_count,
    ),
    **{f"{PINBALL}{percent:02d}": _pinball(percent / 100) for percent in range(1, 100)},
}
"""Name → metric, the main one first."""
