"""Evidence: challenger and champion measured on identical rows, with paired intervals.

Measured, not judged: the limits are in ``release``. Each row says which models and which rows it
is about, so that evidence of others is told apart.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.lake.content import DAY, day_hashes
from ml_assets.learning.dataset import FEATURE_DAY
from ml_assets.learning.evaluation import OVERALL, EvaluationRules, segments_of, threshold
from ml_assets.learning.metrics import (
    METRICS,
    Metric,
    Scored,
    day_numbers,
    interval,
    resamples,
)
from ml_assets.learning.specification import ModelSpecification

NAN = float("nan")


class Evidence(Contract):
    """What every row of evidence says of itself."""

    challenger_model: str = pa.Field(description="Fingerprint of the new model.")
    champion_model: str = pa.Field(description="Fingerprint of the champion; empty for none.")
    challenger_rows: str = pa.Field(
        description="Hash of the rows that the new model was scored on."
    )
    champion_rows: str = pa.Field(description="Hash of the rows that the champion was scored on.")


class Comparison(Evidence):
    """Challenger and champion on the same test rows, one metric of one segment."""

    segment_column: str = pa.Field(description="Column that cuts the segments; 'all' for none.")
    segment: str = pa.Field(description="Value of that column; 'all' for none.")
    metric: str = pa.Field(description="Name of the metric.")
    challenger: float = pa.Field(nullable=True, description="The new model; null if undefined.")
    champion: float = pa.Field(
        nullable=True,
        description="The model in production, or the base rate when there is none; null if undefined.",
    )
    improvement: float = pa.Field(
        nullable=True, description="Challenger's gain in the metric; negative when it is worse."
    )
    low: float = pa.Field(nullable=True, description="Lower bound of the gain, by drawing days.")
    high: float = pa.Field(nullable=True, description="Upper bound of the gain, by drawing days.")
    rows: int = pa.Field(ge=1, description="Test rows it was measured on.")
    is_judged: bool = pa.Field(description="Whether the segment has enough rows to be judged.")

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
    found = pd.DataFrame(_records(specification, challenger, other, segments, rules))
    is_judged = (found["segment_column"] == OVERALL) | (found["rows"] >= min_segment_rows)
    return found.assign(
        **{
            DAY: challenger[DAY].iloc[0],
            "challenger_rows": new_rows,
            "champion_rows": old_rows,
            "is_judged": is_judged,
        }
    )


def _records(
    specification: ModelSpecification,
    challenger: pd.DataFrame,
    champion: pd.DataFrame | None,
    segments: Sequence[str],
    rules: EvaluationRules,
) -> Iterator[dict[str, Any]]:
    numbers, width = day_numbers(challenger[FEATURE_DAY])
    draws = resamples(width, rules.resamples)
    new = _scored(specification, challenger, numbers, rules)
    old = None if champion is None else _scored(specification, champion, numbers, rules)
    names = rules.of_task(specification.task)
    for segment in segments_of(challenger, segments):
        for name in names if segment.column == OVERALL else names[:1]:
            metric = METRICS[name]
            part = new.where(segment.chosen)
            other = None if old is None else old.where(segment.chosen)
            yield {
                "segment_column": segment.column,
                "segment": segment.value,
                "metric": name,
                "rows": len(part.labels),
                **_gain(metric, part, other, draws, rules.confidence),
            }


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
    specification: ModelSpecification,
    rows: pd.DataFrame,
    numbers: np.ndarray,
    rules: EvaluationRules,
) -> Scored:
    cut = threshold(rows["prediction"], rules.flagged_share)
    return Scored.of(rows[specification.label], rows["prediction"], numbers, cut)
