"""Evidence: an ensemble and each of its members alone, measured on identical rows."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, computed
from ml_assets.learning.evaluation import DRAWN, HELD_OUT, OVERALL, SCORED_WITH, EvaluationRules
from ml_assets.learning.predictions import with_predictions
from ml_assets.learning.specification import ModelSpecification
from ml_assets.release.evidence.comparison import compare


class MemberComparison(Contract):
    """An ensemble and one of its members alone on the same test rows: one metric."""

    member: str = computed("Name of the member.", [])
    metric: str = computed("Name of the metric.", [])
    ensemble: float = computed(
        "The ensemble's metric; null if undefined.", SCORED_WITH, nullable=True
    )
    alone: float = computed("The member's metric; null if undefined.", SCORED_WITH, nullable=True)
    improvement: float = computed(
        "Gain of the ensemble; negative if the member alone is better.", SCORED_WITH, nullable=True
    )
    low: float = computed("Lower bound of the gain; bootstrap of days.", DRAWN, nullable=True)
    high: float = computed("Upper bound of the gain; bootstrap of days.", DRAWN, nullable=True)
    rows: int = computed("Number of test rows.", HELD_OUT, ge=1)

    class Config:
        """Empty if no member predicts what the ensemble does."""

        unique: ClassVar = ["member", "metric"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


def compare_members(
    specification: ModelSpecification,
    rows: pd.DataFrame,
    ensemble: np.ndarray,
    members: Mapping[str, np.ndarray],
    *,
    key: Sequence[str],
    rules: EvaluationRules,
) -> pd.DataFrame:
    """Measure an ensemble and its members on the same rows.

    Args:
        specification: specification of the ensemble.
        rows: (n, …) test rows of an as-of day, with ``ds``, ``feature_day``, key and label.
        ensemble: (n,) predictions of the ensemble.
        members: member → (n,) its predictions, of those that predict the same label.
        key: columns that identify a row.
        rules: metrics, resamples and confidence.

    Returns:
        Rows of the ``MemberComparison`` contract.
    """
    together = with_predictions(rows, ensemble, specification.classes)
    found = [
        compare(
            specification,
            together,
            with_predictions(rows, alone, specification.classes),
            key=key,
            segments=[],
            rules=rules,
            min_segment_rows=1,
        ).assign(member=name)
        for name, alone in members.items()
    ]
    names = {"challenger": "ensemble", "champion": "alone"}
    columns = [DAY, "member", "metric", "ensemble", "alone", "improvement", "low", "high", "rows"]
    if not found:
        return pd.DataFrame(columns=columns)
    overall = pd.concat(found, ignore_index=True).rename(columns=names)
    return overall.loc[overall["segment_column"] == OVERALL, columns]
