"""Predictions as columns of a table, and labels as numbers of classes.

A prediction is a number, or a class with the probabilities of all classes. Then ``prediction`` is
the most probable class and ``score`` its probability, and each class has a column with its own.
"""

import numpy as np
import pandas as pd

from ml_assets.learning.metrics.resampling import Scored
from ml_assets.learning.specification import Classes

PREDICTION, SCORE = "prediction", "score"


def probability_column(name: str | int) -> str:
    """Column with the probability of a class."""
    return f"probability_{name}"


def prediction_columns(classes: Classes) -> list[str]:
    """Columns of a prediction.

    Args:
        classes: classes of a multiclass task; empty for other tasks.
    """
    probabilities = [probability_column(name) for name in classes]
    return [PREDICTION, SCORE, *probabilities] if classes else [PREDICTION]


def with_predictions(rows: pd.DataFrame, predictions: np.ndarray, classes: Classes) -> pd.DataFrame:
    """Rows with the columns of their predictions.

    Args:
        rows: (n, …) rows.
        predictions: (n,) numbers, or (n, k) probabilities of k classes; one row for all n.
        classes: the k classes; empty for numbers.
    """
    if not classes:
        return rows.assign(**{PREDICTION: predictions})
    probabilities = np.broadcast_to(predictions, (len(rows), len(classes)))
    predicted = pd.Series(classes).take(probabilities.argmax(axis=1))
    of_classes = map(probability_column, classes)
    return rows.assign(
        **{
            PREDICTION: predicted.set_axis(rows.index),
            SCORE: probabilities.max(axis=1),
            **dict(zip(of_classes, probabilities.T, strict=True)),
        }
    )


def predictions_of(rows: pd.DataFrame, classes: Classes) -> np.ndarray:
    """The predictions in the columns of ``with_predictions``: (n,) numbers or (n, k) probabilities."""
    columns = [probability_column(name) for name in classes]
    return rows[columns if classes else PREDICTION].to_numpy(dtype=float)


def class_numbers(labels: pd.Series, classes: Classes) -> np.ndarray:
    """(n,) number of the class of each label; -1 for a label that is none of the classes."""
    return pd.Index(classes).get_indexer(pd.Index(labels))


def scored_rows(
    rows: pd.DataFrame,
    label: str,
    classes: Classes,
    days: np.ndarray,
    flagged_share: float | None = None,
) -> Scored:
    """Predictions and labels of rows, to measure.

    Args:
        rows: (n, …) rows with the label and the columns of ``with_predictions``.
        label: label column; each label is one of the classes, if there are any.
        classes: classes of a multiclass task; empty for other tasks.
        days: (n,) number of the day of each row.
        flagged_share: share of the rows with the highest predictions that are flagged; None for
            none. Rows with classes are never flagged.
    """
    predictions = predictions_of(rows, classes)
    if classes:
        return Scored.of_classes(class_numbers(rows[label], classes), predictions, days)
    return Scored.of(rows[label], predictions, days, _threshold(predictions, flagged_share))


def _threshold(predictions: np.ndarray, flagged_share: float | None) -> float:
    """Least prediction of flagged rows."""
    if flagged_share is None or not len(predictions):
        return float("nan")
    return float(np.quantile(predictions, 1 - flagged_share))
