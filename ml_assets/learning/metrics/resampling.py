"""Metrics: a value on predictions and labels, and values on resamples of their days.

scikit-learn computes every value. Intervals are a bootstrap of days, not of rows, because rows of
one day are correlated. A thousand resamples of forty segments would take minutes with scikit-learn,
so resampled values are computed from sums over days; a test compares them with scikit-learn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
        labels: (n,) labels: 0 or 1 for a classification, the number of the class of k classes.
        predictions: (n,) probabilities or predicted numbers, or (n, k) probabilities of k classes.
        flagged: (n,) whether a prediction is at or above the threshold; of k classes, no row is.
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

    @classmethod
    def of_classes(cls, labels: Any, probabilities: np.ndarray, days: Any) -> "Scored":
        """From numbers of classes and (n, k) probabilities."""
        labels = np.asarray(labels)
        return cls(labels, probabilities, np.zeros(len(labels), dtype=bool), np.asarray(days))

    @property
    def predicted(self) -> np.ndarray:
        """(n,) number of the most probable of k classes; of equally probable ones, the first."""
        return self.predictions.argmax(axis=1)

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
        needs_all_classes: whether it needs a label of each of k classes.
        needs_threshold: whether it uses flagged rows instead of predictions.
        is_default: whether it is measured if no metrics are configured.
        is_defined: whether it is defined for some labels and predictions.
        constant: the prediction that is best without any input, from the training labels.
    """

    task: Task
    meaning: str
    score: Callable[[Scored], float]
    resampled: Resampled
    higher_is_better: bool
    different_labels: int = 1
    needs_all_classes: bool = False
    needs_threshold: bool = False
    is_default: bool = True
    is_defined: Callable[[Scored], bool] = lambda _: True
    constant: Callable[[np.ndarray], float] = lambda labels: float(labels.mean())

    def value(self, scored: Scored) -> float:
        """The value; NaN if undefined, as with too few different labels or a missing prediction."""
        needed = scored.predictions.shape[1] if self.needs_all_classes else self.different_labels
        if (
            len(scored.labels) == 0
            or len(np.unique(scored.labels)) < needed
            or not np.isfinite(scored.predictions).all()
            or not self.is_defined(scored)
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


def day_numbers(days: pd.Series | np.ndarray | Sequence[str]) -> tuple[np.ndarray, int]:
    """(n,) number of each row's day, in calendar order, and the number of days."""
    codes, names = pd.factorize(pd.Series(days), sort=True)
    return codes, len(names)


def mean_of(term: Callable[[Scored], np.ndarray]) -> Resampled:
    """Resampled mean over the rows of a term, (n,) for n rows."""

    def resampled(scored: Scored, draws: np.ndarray) -> np.ndarray:
        width = draws.shape[1]
        sums = day_sums(term(scored), scored.days, width)
        rows = day_sums(np.ones(len(scored.days)), scored.days, width)
        return ratio(draws @ sums, draws @ rows)

    return resampled


def share_of(
    of: Callable[[Scored], np.ndarray], among: Callable[[Scored], np.ndarray]
) -> Resampled:
    """Resampled share of the rows of one (n,) mask among those of another."""

    def resampled(scored: Scored, draws: np.ndarray) -> np.ndarray:
        width, chosen = draws.shape[1], among(scored)
        hits = day_sums(chosen & of(scored), scored.days, width)
        return ratio(draws @ hits, draws @ day_sums(chosen, scored.days, width))

    return resampled


def sklearn_metric(
    name: str, *, of_flagged: bool = False, **options: Any
) -> Callable[[Scored], float]:
    """A metric of scikit-learn, imported at first use."""

    def score(scored: Scored) -> float:
        from sklearn import metrics

        found = scored.flagged if of_flagged else scored.predictions
        return float(getattr(metrics, name)(scored.labels, found, **options))

    return score
