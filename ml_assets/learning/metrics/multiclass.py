"""Metrics of a multiclass classification, whose labels are the numbers of k classes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ml_assets.learning.metrics.binary import auc
from ml_assets.learning.metrics.resampling import Metric, Scored, mean_of, ratio


def _log_loss(scored: Scored) -> np.ndarray:
    """Negative logarithm of the label's probability, limited as in scikit-learn."""
    least = np.finfo(scored.predictions.dtype).eps
    of_label = scored.predictions[np.arange(len(scored.labels)), scored.labels]
    return -np.log(np.clip(of_label, least, 1 - least))


def _squared_error(scored: Scored) -> np.ndarray:
    is_label = scored.labels[:, None] == np.arange(scored.predictions.shape[1])
    return ((scored.predictions - is_label) ** 2).sum(axis=1)


def is_correct(scored: Scored) -> np.ndarray:
    """(n,) whether the most probable class is the label."""
    return scored.predicted == scored.labels


def _balanced_accuracy(scored: Scored, draws: np.ndarray) -> np.ndarray:
    found = draws @ _class_sums(scored, scored.labels, is_correct(scored), draws)
    return _mean_of_defined(ratio(found, draws @ _class_sums(scored, scored.labels, None, draws)))


def _macro_f1(scored: Scored, draws: np.ndarray) -> np.ndarray:
    found = draws @ _class_sums(scored, scored.labels, is_correct(scored), draws)
    actual = draws @ _class_sums(scored, scored.labels, None, draws)
    predicted = draws @ _class_sums(scored, scored.predicted, None, draws)
    return _mean_of_defined(ratio(2 * found, actual + predicted))


def _auc_ovr(scored: Scored, draws: np.ndarray) -> np.ndarray:
    one_versus_rest = (
        Scored(scored.labels == number, scored.predictions[:, number], scored.flagged, scored.days)
        for number in range(scored.predictions.shape[1])
    )
    return np.mean([auc(one, draws) for one in one_versus_rest], axis=0)


def _class_sums(
    scored: Scored, classes: np.ndarray, chosen: np.ndarray | None, draws: np.ndarray
) -> np.ndarray:
    """(d, k) number of each day's rows of each class, of all rows or of the chosen ones."""
    width, size = draws.shape[1], scored.predictions.shape[1]
    cells = scored.days * size + classes
    counts = np.bincount(cells if chosen is None else cells[chosen], minlength=width * size)
    return counts.reshape(width, size).astype(float)


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """(b,) mean of the defined values of (b, k); NaN without one."""
    return ratio(np.nansum(values, axis=1), np.isfinite(values).sum(axis=1).astype(float))


def _of_probabilities(name: str, **options: Any) -> Callable[[Scored], float]:
    """A metric of scikit-learn on the probabilities of all classes."""

    def score(scored: Scored) -> float:
        from sklearn import metrics

        classes = np.arange(scored.predictions.shape[1])
        found = getattr(metrics, name)
        return float(found(scored.labels, scored.predictions, labels=classes, **options))

    return score


def _of_classes(name: str, **options: Any) -> Callable[[Scored], float]:
    """A metric of scikit-learn on the most probable classes."""

    def score(scored: Scored) -> float:
        from sklearn import metrics

        return float(getattr(metrics, name)(scored.labels, scored.predicted, **options))

    return score


def _recall_of_labels(scored: Scored) -> float:
    """Balanced accuracy; scikit-learn's function of that name warns of predicted other classes."""
    from sklearn.metrics import recall_score

    known = np.unique(scored.labels)
    return float(recall_score(scored.labels, scored.predicted, labels=known, average="macro"))


MULTICLASS: Mapping[str, Metric] = {
    "log_loss": Metric(
        "multiclass",
        "Mean negative logarithm of the probability of the actual class; less is better.",
        _of_probabilities("log_loss"),
        mean_of(_log_loss),
        False,
    ),
    "brier_multiclass": Metric(
        "multiclass",
        "Mean squared error of the probabilities, summed over the classes, 0 to 2; less is better.",
        _of_probabilities("brier_score_loss", scale_by_half=False),
        mean_of(_squared_error),
        False,
    ),
    "accuracy": Metric(
        "multiclass",
        "Share of the rows whose most probable class is the actual one; more is better.",
        _of_classes("accuracy_score"),
        mean_of(is_correct),
        True,
    ),
    "balanced_accuracy": Metric(
        "multiclass",
        "Mean over the actual classes of the share that is predicted correctly; more is better.",
        _recall_of_labels,
        _balanced_accuracy,
        True,
    ),
    "macro_f1": Metric(
        "multiclass",
        "Mean over the classes of the harmonic mean of precision and recall; more is better.",
        _of_classes("f1_score", average="macro"),
        _macro_f1,
        True,
    ),
    "auc_ovr": Metric(
        "multiclass",
        "Mean over the classes of the AUC of the class against all others; 0.5 is guessing.",
        _of_probabilities("roc_auc_score", multi_class="ovr", average="macro"),
        _auc_ovr,
        True,
        needs_all_classes=True,
    ),
}
"""Name → metric, the main one first; undefined classes of a mean are left out as in scikit-learn."""
