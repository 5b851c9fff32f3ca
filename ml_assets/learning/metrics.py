"""Metrics and their bootstrap intervals.

scikit-learn computes every value. Intervals are a bootstrap of days, not of rows, because rows of
one day are correlated. A thousand resamples of forty segments would take minutes with scikit-learn,
so resampled values are computed from sums over days; a test compares them with scikit-learn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ml_assets.learning.specification import Task

MIN_DAYS = 5
"""Least days of an interval; with fewer, it would be too narrow and is undefined."""

MAX_UNDEFINED = 0.05
"""Largest share of resamples with an undefined value. A label that occurs on ``MIN_DAYS`` days of
any number is missing in 0.7 % of them; omitting these does not change the bounds noticeably."""


@dataclass(frozen=True)
class Scored:
    """Predictions and labels.

    Attributes:
        labels: (n,) labels, 0 or 1 for a classification.
        predictions: (n,) probabilities, or predicted numbers.
        flagged: (n,) whether a prediction is at or above the threshold.
        days: (n,) number of the day of each row, below the number of days in the resamples.
    """

    labels: np.ndarray
    predictions: np.ndarray
    flagged: np.ndarray
    days: np.ndarray

    @classmethod
    def of(cls, labels: Any, predictions: Any, days: Any, threshold: float) -> "Scored":
        """From any sequences; predictions at or above ``threshold`` are flagged."""
        predictions = np.asarray(predictions, dtype=float)
        return cls(np.asarray(labels), predictions, predictions >= threshold, np.asarray(days))

    def where(self, chosen: np.ndarray) -> "Scored":
        """The rows of a mask."""
        return Scored(
            self.labels[chosen], self.predictions[chosen], self.flagged[chosen], self.days[chosen]
        )


Resampled = Callable[[Scored, np.ndarray], np.ndarray]
"""(rows, (b, d) draws of each day) → (b,) values."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        task: task of the metric.
        meaning: description.
        score: computes the value with scikit-learn.
        resampled: computes the values of bootstrap resamples.
        higher_is_better: whether a higher value is better.
        different_labels: number of different labels that it needs.
        needs_threshold: whether it uses flagged rows instead of predictions.
    """

    task: Task
    meaning: str
    score: Callable[[Scored], float]
    resampled: Resampled
    higher_is_better: bool
    different_labels: int = 1
    needs_threshold: bool = False

    def value(self, scored: Scored) -> float:
        """The value; NaN if undefined: too few different labels, or a missing prediction."""
        if (
            len(scored.labels) == 0
            or len(np.unique(scored.labels)) < self.different_labels
            or not np.isfinite(scored.predictions).all()
        ):
            return float("nan")
        from sklearn import config_context

        with config_context(assume_finite=True, skip_parameter_validation=True):
            return float(self.score(scored))


def resamples(days: int, count: int) -> np.ndarray:
    """(count, days) number of draws of each day; the same for the same arguments."""
    generator = np.random.default_rng(days)
    return generator.multinomial(days, np.full(days, 1 / days), size=count).astype(float)


def interval(values: np.ndarray, confidence: float, days: int) -> tuple[float, float]:
    """Percentile bootstrap interval.

    Args:
        values: (b,) resampled values.
        confidence: 0.95 for a 95 % interval.
        days: number of days of the rows.

    Returns:
        Lower and upper bound; NaN if there are too few days, or if the value is undefined in more
        than ``MAX_UNDEFINED`` of the resamples.
    """
    defined = values[np.isfinite(values)]
    if days < MIN_DAYS or len(defined) < (1 - MAX_UNDEFINED) * len(values):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def day_sums(values: np.ndarray, days: np.ndarray, width: int) -> np.ndarray:
    """(width,) sum of the values of each day."""
    return np.bincount(days, weights=values.astype(float), minlength=width)


def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """Elementwise quotient; NaN where the denominator is 0."""
    return np.divide(over, under, out=np.full(over.shape, np.nan), where=under != 0)


def day_numbers(days: pd.Series | Sequence[str]) -> tuple[np.ndarray, int]:
    """(n,) number of each row's day, in calendar order, and the number of days."""
    codes, names = pd.factorize(pd.Series(days), sort=True)
    return codes, len(names)


def _mean(term: Callable[[Scored], np.ndarray]) -> Resampled:
    def resampled(scored: Scored, draws: np.ndarray) -> np.ndarray:
        width = draws.shape[1]
        sums = day_sums(term(scored), scored.days, width)
        rows = day_sums(np.ones(len(scored.days)), scored.days, width)
        return ratio(draws @ sums, draws @ rows)

    return resampled


def _share(of: Callable[[Scored], np.ndarray], among: Callable[[Scored], np.ndarray]) -> Resampled:
    def resampled(scored: Scored, draws: np.ndarray) -> np.ndarray:
        width, chosen = draws.shape[1], among(scored)
        hits = day_sums(chosen & of(scored), scored.days, width)
        return ratio(draws @ hits, draws @ day_sums(chosen, scored.days, width))

    return resampled


def _squared_error(scored: Scored) -> np.ndarray:
    return (scored.predictions - scored.labels) ** 2


def _absolute_error(scored: Scored) -> np.ndarray:
    return np.abs(scored.predictions - scored.labels)


def _is_positive(scored: Scored) -> np.ndarray:
    return scored.labels.astype(bool)


def _is_flagged(scored: Scored) -> np.ndarray:
    return scored.flagged


def _rmse(scored: Scored, draws: np.ndarray) -> np.ndarray:
    return np.sqrt(_mean(_squared_error)(scored, draws))


def _r2(scored: Scored, draws: np.ndarray) -> np.ndarray:
    labels = scored.labels - scored.labels.mean()
    moved = Scored(labels, labels, scored.flagged, scored.days)
    mean = _mean(lambda rows: rows.labels)(moved, draws)
    variance = _mean(lambda rows: rows.labels**2)(moved, draws) - mean**2
    return 1 - ratio(_mean(_squared_error)(scored, draws), variance)


def _auc(scored: Scored, draws: np.ndarray) -> np.ndarray:
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

    precision = ratio(at_least_as_high(positive), at_least_as_high(scored))
    drawn = draws[:, positive.days]
    return ratio(np.nansum(precision * drawn, axis=1), drawn.sum(axis=1))


def _counts(
    rows: Scored, limits: np.ndarray, width: int, side: Literal["left", "right"]
) -> np.ndarray:
    """(width, m) number of each day's rows with a prediction below m limits; 'right': or equal."""
    return np.array(
        [
            np.searchsorted(np.sort(rows.predictions[rows.days == day]), limits, side)
            for day in range(width)
        ],
        dtype=float,
    )


def _sklearn(name: str, *, of_flagged: bool = False, **options: Any) -> Callable[[Scored], float]:
    """A metric of scikit-learn, imported at first use."""

    def score(scored: Scored) -> float:
        from sklearn import metrics

        found = scored.flagged if of_flagged else scored.predictions
        return float(getattr(metrics, name)(scored.labels, found, **options))

    return score


METRICS: Mapping[str, Metric] = {
    "auc": Metric(
        "classification",
        "How often a positive row is ranked above a negative one; 0.5 is guessing, 1 perfect.",
        _sklearn("roc_auc_score"),
        _auc,
        True,
        2,
    ),
    "average_precision": Metric(
        "classification",
        "Mean precision over all thresholds; more is better.",
        _sklearn("average_precision_score"),
        _average_precision,
        True,
        2,
    ),
    "brier": Metric(
        "classification",
        "Mean squared error of the probabilities; less is better.",
        _sklearn("brier_score_loss"),
        _mean(_squared_error),
        False,
    ),
    "precision": Metric(
        "classification",
        "Share of the flagged rows that are positive; more is better.",
        _sklearn("precision_score", of_flagged=True, zero_division=np.nan),
        _share(_is_positive, _is_flagged),
        True,
        needs_threshold=True,
    ),
    "recall": Metric(
        "classification",
        "Share of the positive rows that are flagged; more is better.",
        _sklearn("recall_score", of_flagged=True, zero_division=np.nan),
        _share(_is_flagged, _is_positive),
        True,
        needs_threshold=True,
    ),
    "rmse": Metric(
        "regression",
        "Root of the mean squared error, in the label's unit; less is better.",
        _sklearn("root_mean_squared_error"),
        _rmse,
        False,
    ),
    "mae": Metric(
        "regression",
        "Mean absolute error, in the label's unit; less is better.",
        _sklearn("mean_absolute_error"),
        _mean(_absolute_error),
        False,
    ),
    "r2": Metric(
        "regression",
        "Share of the label's variance that is explained; 1 is perfect.",
        _sklearn("r2_score"),
        _r2,
        True,
        2,
    ),
}
"""Name → metric; the first of a task is its main metric by default."""
