"""The metrics there are, and how far each may be from its true value.

Every value is scikit-learn's. Intervals come from bootstrapping days: rows of one day have
much in common, so days are drawn, not rows. A thousand resamples of forty segments are forty thousand
calls of scikit-learn (minutes), so the resamples are computed from sums over days; a test holds
them to scikit-learn's own values with the drawn days as weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ml_assets.learning.specification import Task

MIN_DAYS = 5
"""With fewer days an interval would claim a certainty that nobody has; it is left undefined."""

MAX_UNDEFINED = 0.05
"""Share of resamples in which a figure may be undefined. A label that occurs on ``MIN_DAYS`` days of
any number is missing in 0.7 % of them; leaving these out moves no bound that matters."""


@dataclass(frozen=True)
class Scored:
    """Predictions and what came true.

    Attributes:
        labels: (n,) labels, 0 or 1 for a classification.
        predictions: (n,) probabilities, or predicted numbers.
        flagged: (n,) whether a prediction is among the highest, above the threshold.
        days: (n,) number of the day of each row, below the width of the resamples.
    """

    labels: np.ndarray
    predictions: np.ndarray
    flagged: np.ndarray
    days: np.ndarray

    @classmethod
    def of(cls, labels: Any, predictions: Any, days: Any, threshold: float) -> "Scored":
        """From any sequences; rows from ``threshold`` on are flagged."""
        predictions = np.asarray(predictions, dtype=float)
        return cls(np.asarray(labels), predictions, predictions >= threshold, np.asarray(days))

    def where(self, chosen: np.ndarray) -> "Scored":
        """Some of the rows."""
        return Scored(
            self.labels[chosen], self.predictions[chosen], self.flagged[chosen], self.days[chosen]
        )


Resampled = Callable[[Scored, np.ndarray], np.ndarray]
"""From rows and (b, d) draws of each day to (b,) values."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        task: what it is for.
        meaning: what it says, for readers who do not know its name.
        score: its value, by scikit-learn.
        resampled: its values when days are drawn.
        higher_is_better: whether more of it is better.
        different_labels: how many different labels it needs to be defined.
        needs_threshold: whether it looks at flagged rows, not at predictions.
    """

    task: Task
    meaning: str
    score: Callable[[Scored], float]
    resampled: Resampled
    higher_is_better: bool
    different_labels: int = 1
    needs_threshold: bool = False

    def value(self, scored: Scored) -> float:
        """The metric; NaN where it is undefined: too few different labels, a missing prediction."""
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
    """(count, days) how often each day is drawn; the same for the same arguments."""
    generator = np.random.default_rng(days)
    return generator.multinomial(days, np.full(days, 1 / days), size=count).astype(float)


def interval(values: np.ndarray, confidence: float, days: int) -> tuple[float, float]:
    """Bounds between which a share ``confidence`` of resampled values lies.

    Args:
        values: (b,) resampled values.
        confidence: 0.95 for a 95 % interval.
        days: different days in the rows.

    Returns:
        Lower and upper bound; NaN when there are too few days, or when the value is undefined in
        more than ``MAX_UNDEFINED`` of the resamples.
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
    """Elementwise quotient; NaN where there is nothing below the line."""
    return np.divide(over, under, out=np.full(over.shape, np.nan), where=under != 0)


def day_numbers(days: pd.Series | Sequence[str]) -> tuple[np.ndarray, int]:
    """(n,) number of each row's day in the order of the calendar, and how many days there are."""
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
    """Pairs won between the positives of one day and the negatives of another, over all pairs."""
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
    """(width, m) rows of each day predicted below each of m limits; 'right': or equal to it."""
    return np.array(
        [
            np.searchsorted(np.sort(rows.predictions[rows.days == day]), limits, side)
            for day in range(width)
        ],
        dtype=float,
    )


def _sklearn(name: str, *, of_flagged: bool = False, **options: Any) -> Callable[[Scored], float]:
    """A metric of scikit-learn, which is imported when it is first used."""

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
"""Metric by name; the first of a task is its main one, where ``defs.yaml`` names none."""
