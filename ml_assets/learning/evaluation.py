"""Metrics of a model on held-out rows, overall and per segment, with intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, computed
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.metrics.regression import PINBALL
from ml_assets.learning.metrics.resampling import Scored, day_numbers, interval, resamples
from ml_assets.learning.predictions import scored_rows, with_predictions
from ml_assets.learning.specification import Classes, ModelSpecification, Task
from ml_assets.names import suggestion

OVERALL = "all"

MEASURED = ["segment_column", "segment", "metric", "value", "low", "high", "rows", "mean_label"]

NO_VALUE = "(none)"
"""Segment of the rows whose segment column is null."""


class EvaluationRules(BaseModel, extra="forbid", frozen=True):
    """Metrics and intervals to compute; set in ``defs.yaml``.

    Attributes:
        metrics: names of metrics, the main one first; by default all without threshold.
        flagged_share: share of rows with the highest predictions that are flagged, for precision,
            recall and rates of groups of a classification.
        confidence: confidence of the intervals.
        resamples: number of bootstrap resamples.
    """

    metrics: tuple[str, ...] = ()
    flagged_share: float = Field(0.2, ge=0.1, le=0.5)
    confidence: float = Field(0.95, ge=0.5, le=0.99)
    resamples: int = Field(1000, ge=100, le=100_000)

    def of_task(self, task: Task) -> tuple[str, ...]:
        """The metrics, the main one first.

        Raises:
            ConfigurationError: one of them is not a metric of this task, or the task has no flagged
                rows.
        """
        known = [name for name, metric in METRICS.items() if metric.task == task]
        names = self.metrics or tuple(
            name for name in known if METRICS[name].is_default and not METRICS[name].needs_threshold
        )
        if unknown := [name for name in names if name not in known]:
            raise ConfigurationError(
                f"'metrics' of 'evaluation' in defs.yaml contains {unknown}, which are not metrics "
                f"of a {task}. Expected some of {_listed(known)}, the main one first."
                f"{suggestion(unknown[0], known)}"
            )
        has_threshold = any(METRICS[name].needs_threshold for name in known)
        if "flagged_share" in self.model_fields_set and not has_threshold:
            raise ConfigurationError(
                f"'flagged_share' of 'evaluation' in defs.yaml has no effect: no metric of a {task} "
                "depends on flagged rows. Remove it."
            )
        if METRICS[names[0]].needs_threshold:
            raise ConfigurationError(
                f"'metrics' of 'evaluation' in defs.yaml begins with {names[0]}, which depends on a "
                "threshold. Put a metric without threshold first: releases and retraining use it."
            )
        return names


def _listed(names: Sequence[str]) -> str:
    """Names of metrics, those of quantiles shortened."""
    quantiles = [name for name in names if name.startswith(PINBALL)]
    shown = [name for name in names if name not in quantiles]
    return ", ".join([*shown, *([f"{quantiles[0]} … {quantiles[-1]}"] if quantiles else [])])


HELD_OUT = ["training_dataset.split", "training_dataset.{segments}"]
"""Source columns of the rows of a segment, and below of their metrics, for ``from``."""
MEASURED_ON = [*HELD_OUT, "training_dataset.{label}"]
SCORED_WITH = [*MEASURED_ON, "training_dataset.{features}", "model.prediction"]
DRAWN = [*SCORED_WITH, "training_dataset.feature_day"]


class Evaluation(Contract):
    """One metric of one segment on one split."""

    split: str = computed(
        "Split of the rows.", ["training_dataset.split"], isin=["validation", "test"]
    )
    segment_column: str = computed("Segment column; 'all' for all rows.", [])
    segment: str = computed("Value of the segment column; 'all' for all rows.", HELD_OUT)
    metric: str = computed("Name of the metric.", [])
    value: float = computed(
        "Value; null if undefined, as with one class only.", SCORED_WITH, nullable=True
    )
    low: float = computed("Lower bound; bootstrap of days; null if none.", DRAWN, nullable=True)
    high: float = computed("Upper bound; bootstrap of days; null if none.", DRAWN, nullable=True)
    rows: int = computed("Number of rows.", HELD_OUT, ge=1)
    mean_label: float = computed(
        "Mean label of the rows; null for classes.", MEASURED_ON, nullable=True
    )

    class Config:
        """Never empty."""

        unique: ClassVar = ["split", "segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


@dataclass(frozen=True)
class Segment:
    """The rows of one segment."""

    column: str
    value: str
    chosen: np.ndarray
    """(n,) mask of the rows."""


def segments_of(rows: pd.DataFrame, columns: Sequence[str]) -> Iterator[Segment]:
    """All rows, then the rows of each value of each column, including null."""
    yield Segment(OVERALL, OVERALL, np.ones(len(rows), dtype=bool))
    for column in columns:
        values = segment_values(rows[column])
        for value in sorted(values.unique()):
            yield Segment(column, value, (values == value).to_numpy())


def segment_values(column: pd.Series) -> pd.Series:
    """(n,) segment of each row, as text; null is a separate segment."""
    if isinstance(column.dtype, pd.StringDtype):
        return column.fillna(NO_VALUE)
    return column.astype("object").where(column.notna(), NO_VALUE).map(str)


def evaluate(
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    predictions: np.ndarray,
    segments: Sequence[str],
    rules: EvaluationRules,
) -> pd.DataFrame:
    """Metrics of the validation and test rows, overall and for each value of each segment column.

    Args:
        specification: specification of the model.
        dataset: (n, …) rows with ``ds``, ``split``, ``feature_day``, the label and the segments.
        predictions: (n,) predictions for them, or (n, k) of k classes.
        segments: segment columns.
        rules: metrics and intervals.

    Returns:
        Rows of the ``Evaluation`` contract.
    """
    held_out = with_predictions(dataset, predictions, specification.classes)
    held_out = held_out[held_out[SPLIT] != "train"]
    return pd.DataFrame(
        [
            {DAY: day, SPLIT: split, **record}
            for (day, split), rows in held_out.groupby([DAY, SPLIT])
            for record in _measured(specification, rows, segments, rules)
        ],
        columns=[DAY, SPLIT, *MEASURED],
    )


def _measured(
    specification: ModelSpecification,
    rows: pd.DataFrame,
    segments: Sequence[str],
    rules: EvaluationRules,
) -> Iterator[dict[str, Any]]:
    numbers, width = day_numbers(rows[FEATURE_DAY])
    draws = resamples(width, rules.resamples)
    label, classes = specification.label, specification.classes
    scored = scored_rows(rows, label, classes, numbers, rules.flagged_share)
    for segment in segments_of(rows, segments):
        part = scored.where(segment.chosen)
        for name in rules.of_task(specification.task):
            value = METRICS[name].value(part)
            low, high = (
                interval(METRICS[name].resampled(part, draws), rules.confidence, width)
                if np.isfinite(value)
                else (float("nan"), float("nan"))
            )
            yield {
                "segment_column": segment.column,
                "segment": segment.value,
                "metric": name,
                "value": value,
                "low": low,
                "high": high,
                "rows": len(part.labels),
                "mean_label": _mean_label(part, classes),
            }


def _mean_label(scored: Scored, classes: Classes) -> float:
    return float("nan") if classes else float(scored.labels.mean())


def segment_metrics(
    specification: ModelSpecification,
    scored: pd.DataFrame,
    segments: Sequence[str],
    rules: EvaluationRules,
    *,
    min_rows: int = 1,
) -> pd.DataFrame:
    """Metrics of scored rows without intervals: all overall, the main one per segment.

    Args:
        specification: specification of the model.
        scored: (n, …) rows with ``ds``, the columns of their predictions, the label and the segment
            columns.
        segments: segment columns.
        rules: metrics to compute.
        min_rows: the metric of a segment with fewer rows is null.

    Returns:
        A row per day, segment and metric: ``value`` (null if undefined), ``rows``, ``mean_label``.
    """
    names = rules.of_task(specification.task)
    label, classes = specification.label, specification.classes
    records = []
    for day, rows in scored.groupby(DAY):
        whole = scored_rows(rows, label, classes, np.zeros(len(rows)), rules.flagged_share)
        for segment in segments_of(rows, segments):
            part = whole.where(segment.chosen)
            is_overall = segment.column == OVERALL
            is_judged = is_overall or len(part.labels) >= min_rows
            records += [
                {
                    DAY: day,
                    "segment_column": segment.column,
                    "segment": segment.value,
                    "metric": name,
                    "value": METRICS[name].value(part) if is_judged else float("nan"),
                    "rows": len(part.labels),
                    "mean_label": _mean_label(part, classes),
                }
                for name in (names if is_overall else names[:1])
            ]
    columns = ["segment_column", "segment", "metric", "value", "rows", "mean_label"]
    return pd.DataFrame(records, columns=[DAY, *columns])


def headline(evaluation: pd.DataFrame) -> dict[str, float]:
    """The overall metrics of each split, as metadata; without undefined ones."""
    overall = evaluation[(evaluation["segment_column"] == OVERALL) & evaluation["value"].notna()]
    return {
        f"{row['split']} {row['metric']}": float(row["value"]) for row in overall.to_dict("records")
    }
