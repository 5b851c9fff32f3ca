"""How good a model is on rows it has not seen: scikit-learn's metrics, overall and per segment."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.lake.content import DAY
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.specification import ModelSpecification, Task

OVERALL = "all"

Metric = Callable[[Any, Any], float]


class Evaluation(Contract):
    """One metric of one segment on one split."""

    split: str = pa.Field(isin=["validation", "test"], description="Rows it was measured on.")
    segment_column: str = pa.Field(description="Column that cuts the segments; 'all' for none.")
    segment: str = pa.Field(description="Value of that column; 'all' for none.")
    metric: str = pa.Field(description="Name of the metric.")
    value: float = pa.Field(
        nullable=True, description="The metric; null where it is undefined (one class only)."
    )
    rows: int = pa.Field(ge=1, description="Rows it was measured on.")
    mean_label: float = pa.Field(description="Mean of the label in these rows.")

    class Config:
        """An evaluation without a row says nothing."""

        unique: ClassVar = ["split", "segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


def evaluate(
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    predictions: np.ndarray,
    segments: Sequence[str],
) -> pd.DataFrame:
    """Metrics of the validation and test rows, overall and for each value of each segment column.

    Args:
        specification: the model's.
        dataset: (n, …) rows with ``ds``, ``split``, the label and the segment columns.
        predictions: (n,) predictions for them.
        segments: columns whose values are judged one by one.

    Returns:
        Rows of the ``Evaluation`` contract.
    """
    scored = dataset.assign(prediction=predictions, **{OVERALL: OVERALL})
    scored = scored[scored[SPLIT] != "train"]
    metrics = _metrics(specification.task)
    records = [
        {
            DAY: day,
            "split": split,
            "segment_column": column,
            "segment": str(segment),
            "metric": name,
            "value": _value(
                metric,
                rows[specification.label],
                rows["prediction"],
                _DIFFERENT_LABELS_NEEDED.get(name, 1),
            ),
            "rows": len(rows),
            "mean_label": float(rows[specification.label].mean()),
        }
        for column in [OVERALL, *segments]
        for (day, split, segment), rows in scored.groupby([DAY, SPLIT, column])
        for name, metric in metrics.items()
    ]
    return pd.DataFrame(records, columns=[DAY, *Evaluation.to_schema().columns])


def headline(evaluation: pd.DataFrame) -> dict[str, float]:
    """The overall metrics of each split, named for people; undefined ones are left out."""
    overall = evaluation[(evaluation["segment_column"] == OVERALL) & evaluation["value"].notna()]
    return {
        f"{row['split']} {row['metric']}": float(row["value"]) for row in overall.to_dict("records")
    }


def _metrics(task: Task) -> Mapping[str, Metric]:
    from sklearn import metrics

    if task == "regression":
        return {
            "mae": metrics.mean_absolute_error,
            "rmse": metrics.root_mean_squared_error,
            "r2": metrics.r2_score,
        }
    return {
        "auc": metrics.roc_auc_score,
        "average_precision": metrics.average_precision_score,
        "brier": metrics.brier_score_loss,
    }


_DIFFERENT_LABELS_NEEDED = {"auc": 2, "average_precision": 2, "r2": 2}


def _value(metric: Metric, labels: pd.Series, predictions: pd.Series, needed: int) -> float:
    """The metric, or NaN where it is undefined: too few different labels."""
    if labels.nunique() < needed:
        return float("nan")
    return float(metric(labels, predictions))
