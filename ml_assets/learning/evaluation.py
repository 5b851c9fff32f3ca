"""How good a model is on rows it has not seen: scikit-learn's metrics, overall and per segment."""

from collections.abc import Callable, Collection, Mapping, Sequence
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
    scored = dataset.assign(prediction=predictions)
    return segment_metrics(specification, scored[scored[SPLIT] != "train"], segments, by=[SPLIT])


def segment_metrics(
    specification: ModelSpecification,
    scored: pd.DataFrame,
    segments: Sequence[str],
    *,
    by: Sequence[str] = (),
    names: Collection[str] | None = None,
    min_rows: int = 1,
) -> pd.DataFrame:
    """Metrics of scored rows, overall and for each value of each segment column.

    Args:
        specification: the model's.
        scored: (n, …) rows with ``ds``, ``prediction``, the label and the segment columns.
        segments: columns whose values are judged one by one.
        by: further columns that keep rows apart.
        names: metrics of the segments; all when omitted.
        min_rows: metrics of a segment with fewer rows are left undefined.

    Returns:
        A row per day, group, segment and metric: ``value`` (null where it is undefined), ``rows``,
        ``mean_label``.
    """
    from sklearn import config_context

    scored = scored.assign(**{OVERALL: OVERALL})
    metrics = _metrics(specification.task)
    of_segments = {name: metrics[name] for name in (metrics if names is None else names)}
    with config_context(assume_finite=True, skip_parameter_validation=True):
        records = [
            {
                **dict(zip([DAY, *by], group, strict=False)),
                "segment_column": column,
                "segment": str(group[-1]),
                "metric": name,
                "value": _value(
                    metric,
                    rows[specification.label],
                    rows["prediction"],
                    _DIFFERENT_LABELS_NEEDED.get(name, 1),
                )
                if column == OVERALL or len(rows) >= min_rows
                else float("nan"),
                "rows": len(rows),
                "mean_label": float(rows[specification.label].mean()),
            }
            for column in [OVERALL, *segments]
            for group, rows in scored.groupby([DAY, *by, column])
            for name, metric in (metrics if column == OVERALL else of_segments).items()
        ]
    columns = ["segment_column", "segment", "metric", "value", "rows", "mean_label"]
    return pd.DataFrame(records, columns=[DAY, *by, *columns])


def headline(evaluation: pd.DataFrame) -> dict[str, float]:
    """The overall metrics of each split, named for people; undefined ones are left out."""
    overall = evaluation[(evaluation["segment_column"] == OVERALL) & evaluation["value"].notna()]
    return {
        f"{row['split']} {row['metric']}": float(row["value"]) for row in overall.to_dict("records")
    }


def main_metric(task: Task) -> str:
    """The metric that releases and retraining are decided on."""
    return "rmse" if task == "regression" else "auc"


def higher_is_better(metric: str) -> bool:
    """Whether more of a metric is better."""
    return metric in {"auc", "average_precision", "r2", "precision", "recall"}


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
    """The metric, or NaN where it is undefined: too few different labels, a missing prediction."""
    if labels.nunique() < needed or predictions.isna().any():
        return float("nan")
    return float(metric(labels, predictions))
