"""EvidenceRow: challenger and champion measured on identical rows, with paired intervals.

Measured, not judged: the limits are in ``rules``. Each row says which models and which rows it
is about, so that evidence of others is told apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.contract import Contract, made
from ml_assets.learning.dataset import FEATURE_DAY
from ml_assets.learning.evaluation import (
    HELD_OUT,
    MEASURED_ON,
    OVERALL,
    SCORED_WITH,
    EvaluationRules,
    segments_of,
    threshold,
)
from ml_assets.learning.metrics import (
    METRICS,
    MIN_DAYS,
    Metric,
    Scored,
    day_numbers,
    interval,
    resamples,
)
from ml_assets.learning.specification import ModelSpecification, Task

NAN = float("nan")

MIN_LABEL_ROWS = 10
"""Rows of its rarest label that a figure needs: a rate of fewer rows is off by .16 by chance alone."""

OF_FIRST: dict[Task, str] = {"classification": "brier"}
"""What a first model has to improve besides the main metric: ranking well is not enough."""


@dataclass(frozen=True)
class Size:
    """How much there is of a segment or group: whether a figure of it can be judged.

    It follows from the test rows, never from the evidence: evidence that lacks a row which the data
    could have given is missing, not undefined.

    Attributes:
        rows: its test rows.
        days: different days of these.
        label_rows: rows that the figure rests on: those of its rarest label.
        label_days: different days of these.
    """

    rows: int
    days: int
    label_rows: int
    label_days: int

    @classmethod
    def of(cls, days: pd.Series, chosen: pd.Series | None = None) -> "Size":
        """Of a figure that is a mean over rows.

        Args:
            days: (n,) day of each row.
            chosen: (n,) the rows that the mean is over; all when None.
        """
        counted = days if chosen is None else days[chosen]
        return cls(len(days), days.nunique(), len(counted), counted.nunique())

    @classmethod
    def of_metric(cls, metric: Metric, days: pd.Series, labels: pd.Series) -> "Size":
        """Of a metric, which may need rows with different labels.

        Args:
            metric: the metric.
            days: (n,) day of each row.
            labels: (n,) label of each row.
        """
        if metric.different_labels < 2:
            return cls.of(days)
        by_day = labels.groupby(days.to_numpy()).agg(["min", "max"])
        of_one_label = by_day.loc[by_day["min"] == by_day["max"], "min"].value_counts()
        label_rows = len(labels) - int(labels.value_counts().max())
        label_days = len(by_day) - int(of_one_label.max() if len(of_one_label) else 0)
        return cls(len(days), len(by_day), label_rows, label_days)

    @property
    def is_defined(self) -> bool:
        """Whether the labels differ enough for the figure and its interval to be defined."""
        return self.label_rows >= MIN_LABEL_ROWS and self.label_days >= MIN_DAYS

    def has_enough(self, min_rows: int) -> bool:
        """Whether it has enough rows, on as many days as an interval needs."""
        return self.rows >= min_rows and self.days >= MIN_DAYS

    def is_judged(self, min_rows: int) -> bool:
        """Whether it has enough rows and a figure that is defined."""
        return self.has_enough(min_rows) and self.is_defined


BEATEN = ["champion.fingerprint"]
"""What a contract's ``from`` says of the model to beat, and of the rows both are measured on."""
ROWS = [f"training_dataset.{column}" for column in ("split", "feature_day", "{key}", "{label}")]


class EvidenceRow(Contract):
    """What every row of evidence says of itself."""

    challenger_model: str = made("Fingerprint of the new model.", ["model.prediction"])
    champion_model: str = made("Fingerprint of the champion; empty for none.", BEATEN)
    challenger_rows: str = made("Hash of the rows that the new model was scored on.", ROWS)
    champion_rows: str = made("Hash of the rows that the champion was scored on.", ROWS)


BY_CHAMPION = [*MEASURED_ON, "training_dataset.{features}", *BEATEN]
GAIN = [*SCORED_WITH, *BEATEN]
DRAWN = [*GAIN, "training_dataset.feature_day"]


class Comparison(EvidenceRow):
    """Challenger and champion on the same test rows, one metric of one segment."""

    segment_column: str = made("Column that cuts the segments; 'all' for none.", [])
    segment: str = made("Value of that column; 'all' for none.", HELD_OUT)
    metric: str = made("Name of the metric.", [])
    challenger: float = made("The new model; null if undefined.", SCORED_WITH, nullable=True)
    champion: float = made(
        "The model in production, or the base rate when there is none; null if undefined.",
        BY_CHAMPION,
        nullable=True,
    )
    improvement: float = made(
        "Challenger's gain in the metric; negative when it is worse.", GAIN, nullable=True
    )
    low: float = made("Lower bound of the gain, by drawing days.", DRAWN, nullable=True)
    high: float = made("Upper bound of the gain, by drawing days.", DRAWN, nullable=True)
    rows: int = made("Test rows it was measured on.", HELD_OUT, ge=1)
    is_judged: bool = made(
        "Whether it has the rows, days and different labels to be judged.",
        [*MEASURED_ON, "training_dataset.feature_day"],
    )

    class Config:
        """A comparison without a row is no evidence."""

        unique: ClassVar = ["segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


def row_set(rows: pd.DataFrame, key: Sequence[str], label: str) -> str:
    """Hash of which rows these are, whatever their order: keys, days and labels.

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

    The interval of a segment is drawn from the days that it has rows on.

    Args:
        specification: the models'.
        challenger: (n, …) test rows with ``prediction`` of the new model.
        champion: the same rows with ``prediction`` of the model in production, or a constant.
        key: columns that identify a row.
        segments: columns whose values are compared one by one.
        rules: what is measured.
        min_segment_rows: rows that a segment needs to be judged.

    Returns:
        Rows of the ``Comparison`` contract but for the models' fingerprints. Where the rows of
        both differ, gains are null.
    """
    challenger, champion = (
        side.sort_values([FEATURE_DAY, *key]) for side in (challenger, champion)
    )
    new_rows, old_rows = (
        row_set(side, key, specification.label) for side in (challenger, champion)
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


def _records(  # noqa: PLR0917  both sides, and what is measured of them
    specification: ModelSpecification,
    challenger: pd.DataFrame,
    champion: pd.DataFrame | None,
    segments: Sequence[str],
    rules: EvaluationRules,
    min_rows: int,
) -> Iterator[dict[str, Any]]:
    new = _scored(specification, challenger, rules)
    old = None if champion is None else _scored(specification, champion, rules)
    names = measured_of(specification.task, rules)
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
                or Size.of_metric(METRICS[name], days, labels[segment.chosen]).is_judged(min_rows),
                **_gain(METRICS[name], part, other, draws, rules.confidence),
            }


def measured_of(task: Task, rules: EvaluationRules) -> list[str]:
    """Metrics that are compared, the main one first: those of ``rules``, and what a first model needs."""
    needed = [OF_FIRST[task]] if task in OF_FIRST else []
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
    cut = threshold(rows["prediction"], rules.flagged_share)
    return Scored.of(rows[specification.label], rows["prediction"], np.zeros(len(rows)), cut)
