"""Evidence: challenger and champion measured on identical rows, with paired intervals.

The limits are in ``rules``. Each row contains the fingerprints of both models and hashes of the
rows they were measured on, so that evidence about other models or rows is detected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.contract import Contract, computed
from ml_assets.learning.dataset import FEATURE_DAY
from ml_assets.learning.evaluation import (
    HELD_OUT,
    MEASURED_ON,
    OVERALL,
    SCORED_WITH,
    EvaluationRules,
    segments_of,
)
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.metrics.resampling import (
    MIN_DAYS,
    Metric,
    Scored,
    day_numbers,
    interval,
    resamples,
)
from ml_assets.learning.predictions import scored_rows
from ml_assets.learning.specification import Classes, ModelSpecification, Task

NAN = float("nan")

MIN_LABEL_ROWS = 10
"""Least rows of the rarest label; a rate of fewer rows has a standard error above .16."""

FIRST_MODEL_METRIC: dict[Task, str] = {"classification": "brier", "multiclass": "brier_multiclass"}
"""Metric that a first model has to improve besides the main metric."""


@dataclass(frozen=True)
class Size:
    """Size of a segment or group, which determines whether its metric can be judged.

    It is computed from the test rows, not from the evidence: if the evidence lacks a row of a
    segment that can be judged, the evidence is missing, not undefined.

    Attributes:
        rows: number of test rows.
        days: number of days of these rows.
        label_rows: number of rows with the rarest label.
        label_days: number of days of those rows.
    """

    rows: int
    days: int
    label_rows: int
    label_days: int

    @classmethod
    def of(cls, days: pd.Series, chosen: pd.Series | None = None) -> "Size":
        """Size for a mean over rows.

        Args:
            days: (n,) day of each row.
            chosen: (n,) mask of the rows of the mean; None for all.
        """
        counted = days if chosen is None else days[chosen]
        return cls(len(days), days.nunique(), len(counted), counted.nunique())

    @classmethod
    def of_metric(
        cls, metric: Metric, days: pd.Series, labels: pd.Series, classes: Classes = ()
    ) -> "Size":
        """Size for a metric, which may need rows with different labels.

        Args:
            metric: the metric.
            days: (n,) day of each row.
            labels: (n,) label of each row.
            classes: classes of a multiclass task; empty for other tasks.
        """
        if metric.needs_all_classes:
            of_class = [cls.of(days, labels == name) for name in classes]
            rows = min(size.label_rows for size in of_class)
            return cls(len(days), days.nunique(), rows, min(size.label_days for size in of_class))
        if metric.different_labels < 2:
            return cls.of(days)
        numbers, width = day_numbers(days)
        codes, names = pd.factorize(labels)
        is_known = codes >= 0
        has_label = np.zeros((width, len(names)), dtype=bool)
        has_label[numbers[is_known], codes[is_known]] = True
        days_of_one_label = has_label[has_label.sum(axis=1) == 1].sum(axis=0)
        label_rows = len(labels) - int(np.bincount(codes[is_known]).max(initial=0))
        label_days = width - int(days_of_one_label.max(initial=0))
        return cls(len(days), width, label_rows, label_days)

    @property
    def is_defined(self) -> bool:
        """Whether there are enough different labels for the metric and its interval."""
        return self.label_rows >= MIN_LABEL_ROWS and self.label_days >= MIN_DAYS

    def has_enough(self, min_rows: int) -> bool:
        """Whether there are enough rows, and enough days for an interval."""
        return self.rows >= min_rows and self.days >= MIN_DAYS

    def is_judged(self, min_rows: int) -> bool:
        """Whether there are enough rows, days and different labels."""
        return self.has_enough(min_rows) and self.is_defined


CHAMPION_SOURCES = ["champion.fingerprint"]
"""Source columns of the champion, and below of the rows of both models, for ``from``."""
ROWS = [f"training_dataset.{column}" for column in ("split", "feature_day", "{key}", "{label}")]


class EvidenceRow(Contract):
    """Columns of every row of evidence: the models and rows that it is about."""

    challenger_model: str = computed("Fingerprint of the new model.", ["model.prediction"])
    champion_model: str = computed("Fingerprint of the champion; empty for none.", CHAMPION_SOURCES)
    challenger_rows: str = computed("Hash of the rows that the new model was scored on.", ROWS)
    champion_rows: str = computed("Hash of the rows that the champion was scored on.", ROWS)


BY_CHAMPION = [*MEASURED_ON, "training_dataset.{features}", *CHAMPION_SOURCES]
GAIN = [*SCORED_WITH, *CHAMPION_SOURCES]
DRAWN = [*GAIN, "training_dataset.feature_day"]


class Comparison(EvidenceRow):
    """Challenger and champion on the same test rows: one metric of one segment."""

    segment_column: str = computed("Segment column; 'all' for all rows.", [])
    segment: str = computed("Value of the segment column; 'all' for all rows.", HELD_OUT)
    metric: str = computed("Name of the metric.", [])
    challenger: float = computed(
        "Challenger's metric; null if undefined.", SCORED_WITH, nullable=True
    )
    champion: float = computed(
        "Champion's metric, or that of the base rate without a champion; null if undefined.",
        BY_CHAMPION,
        nullable=True,
    )
    improvement: float = computed(
        "Gain of the challenger; negative if it is worse.", GAIN, nullable=True
    )
    low: float = computed("Lower bound of the gain; bootstrap of days.", DRAWN, nullable=True)
    high: float = computed("Upper bound of the gain; bootstrap of days.", DRAWN, nullable=True)
    rows: int = computed("Number of test rows.", HELD_OUT, ge=1)
    is_judged: bool = computed(
        "Whether there are enough rows, days and different labels to judge.",
        [*MEASURED_ON, "training_dataset.feature_day"],
    )

    class Config:
        """Never empty."""

        unique: ClassVar = ["segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


def row_set_hash(rows: pd.DataFrame, key: Sequence[str], label: str) -> str:
    """Hash of keys, days and labels of rows, independent of their order.

    Args:
        rows: (n, …) rows of one as-of day.
        key: columns that identify a row.
        label: label column.
    """
    [as_of] = rows[DAY].unique() if len(rows) else [""]
    return day_hashes(rows[[DAY, FEATURE_DAY, *key, label]], [as_of])[as_of]


def compare(
    specification: ModelSpecification,
    challenger: pd.DataFrame,
    champion: pd.DataFrame,
    *,
    key: Sequence[str],
    segments: Sequence[str],
    rules: EvaluationRules,
    min_segment_rows: int,
) -> pd.DataFrame:
    """Measure two models on the same rows: all metrics overall, the main one per segment.

    The interval of a segment is a bootstrap of the days of its rows.

    Args:
        specification: specification of both models.
        challenger: (n, …) test rows with the predictions of the challenger.
        champion: the same rows with the predictions of the champion, or constant ones.
        key: columns that identify a row.
        segments: segment columns.
        rules: metrics, resamples and confidence.
        min_segment_rows: rows that a segment needs to be judged.

    Returns:
        Rows of the ``Comparison`` contract without the models' fingerprints. Gains are null if the
        rows of both models differ.
    """
    challenger, champion = (
        side.sort_values([FEATURE_DAY, *key]) for side in (challenger, champion)
    )
    new_rows, old_rows = (
        row_set_hash(side, key, specification.label) for side in (challenger, champion)
    )
    other = champion if new_rows == old_rows else None
    measured = _records(specification, challenger, other, segments, rules, min_segment_rows)
    return pd.DataFrame(measured).assign(
        **{
            DAY: challenger[DAY].iloc[0],
            "challenger_rows": new_rows,
            "champion_rows": old_rows,
        }
    )


def _records(  # noqa: PLR0917
    specification: ModelSpecification,
    challenger: pd.DataFrame,
    champion: pd.DataFrame | None,
    segments: Sequence[str],
    rules: EvaluationRules,
    min_rows: int,
) -> Iterator[dict[str, Any]]:
    new = _scored(specification, challenger, rules)
    old = None if champion is None else _scored(specification, champion, rules)
    names = compared_metrics(specification.task, rules)
    labels = challenger[specification.label]
    for segment in segments_of(challenger, segments):
        days = challenger[FEATURE_DAY][segment.chosen]
        numbers, width = day_numbers(days)
        draws = resamples(width, rules.resamples)
        is_overall = segment.column == OVERALL
        part = replace(new.where(segment.chosen), days=numbers)
        other = None if old is None else replace(old.where(segment.chosen), days=numbers)
        for name in names if is_overall else names[:1]:
            yield {
                "segment_column": segment.column,
                "segment": segment.value,
                "metric": name,
                "rows": len(days),
                "is_judged": is_overall
                or Size.of_metric(
                    METRICS[name], days, labels[segment.chosen], specification.classes
                ).is_judged(min_rows),
                **_gain(METRICS[name], part, other, draws, rules.confidence),
            }


def compared_metrics(task: Task, rules: EvaluationRules) -> list[str]:
    """Metrics to compare, the main one first: those of ``rules``, and that of a first model."""
    needed = [FIRST_MODEL_METRIC[task]] if task in FIRST_MODEL_METRIC else []
    return list(dict.fromkeys([*rules.of_task(task), *needed]))


def _gain(
    metric: Metric, new: Scored, old: Scored | None, draws: np.ndarray, confidence: float
) -> dict[str, float]:
    challenger, champion = metric.value(new), NAN if old is None else metric.value(old)
    sign = 1 if metric.higher_is_better else -1
    improvement, low, high = sign * (challenger - champion), NAN, NAN
    if old is not None and np.isfinite(improvement):
        gains = sign * (metric.resampled(new, draws) - metric.resampled(old, draws))
        low, high = interval(gains, confidence, draws.shape[1])
    return {
        "challenger": challenger,
        "champion": champion,
        "improvement": improvement,
        "low": low,
        "high": high,
    }


def _scored(
    specification: ModelSpecification, rows: pd.DataFrame, rules: EvaluationRules
) -> Scored:
    label, classes = specification.label, specification.classes
    return scored_rows(rows, label, classes, np.zeros(len(rows)), rules.flagged_share)
