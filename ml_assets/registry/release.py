"""Whether a challenger replaces the champion: the evidence, the rules, and the decision.

Evidence is measured here from the predictions of both on the same rows; ``decide`` looks at nothing
but evidence, and what is missing, undefined or not comparable blocks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, Field

from ml_assets.contracts.contract import Contract
from ml_assets.lake.content import DAY
from ml_assets.learning.evaluation import (
    OVERALL,
    higher_is_better,
    main_metric,
    segment_metrics,
)
from ml_assets.learning.specification import ModelSpecification, Task

POSITIVE_RATES = {"true_positive_rate": 1, "false_positive_rate": 0}
"""Rate of flagged rows among those with this label."""

PROMOTED, BLOCKED = "promoted", "blocked"


class ReleaseRules(BaseModel, extra="forbid", frozen=True):
    """What a challenger has to show; set in ``defs.yaml``.

    Attributes:
        min_improvement: relative improvement of the main metric that is required.
        segment_tolerance: by how much the main metric of a segment may fall.
        min_segment_rows: a segment with fewer test rows is listed and not judged.
        gated_attribute: column whose groups must not be treated too differently.
        max_group_gap: largest allowed gap between two groups' true- or false-positive rates.
        flagged_share: share of rows with the highest predictions that count as flagged.
    """

    min_improvement: float = Field(0.005, ge=0)
    segment_tolerance: float = Field(0.03, ge=0)
    min_segment_rows: int = Field(500, ge=1)
    gated_attribute: str | None = None
    max_group_gap: float = Field(0.2, gt=0, le=1)
    flagged_share: float = Field(0.2, gt=0, lt=1)


class Comparison(Contract):
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
    rows: int = pa.Field(ge=1, description="Test rows it was measured on.")

    class Config:
        """A comparison without a row is no evidence."""

        unique: ClassVar = ["segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class ReleaseDecision(Contract):
    """Whether the model of this as-of day became the champion, and on what grounds."""

    verdict: str = pa.Field(isin=[PROMOTED, BLOCKED], description="promoted or blocked.")
    reason: str = pa.Field(description="Why, in words.")
    challenger: str = pa.Field(description="Fingerprint of the model that was judged.")
    champion: str = pa.Field(description="Fingerprint of the champion then; empty for none.")
    champion_as_of: str = pa.Field(description="As-of day of that champion; empty for none.")
    metric: str = pa.Field(description="The main metric.")
    challenger_value: float = pa.Field(nullable=True, description="The challenger's main metric.")
    champion_value: float = pa.Field(nullable=True, description="The champion's, on the same rows.")
    test_rows: int = pa.Field(ge=0, description="Rows both were judged on.")
    test_first: str = pa.Field(description="First day of these rows.")
    test_last: str = pa.Field(description="Last day of these rows.")
    training_rows: int = pa.Field(ge=0, description="Rows the challenger was fitted on.")
    training_days: int = pa.Field(ge=0, description="Days of these rows.")
    training_last: str = pa.Field(description="Last of these days.")
    is_unseen: bool = pa.Field(description="Neither model was fitted on a test row.")
    beats_champion: bool = pa.Field(description="The main metric improved by what is required.")
    no_segment_degraded: bool = pa.Field(description="No judged segment fell by too much.")
    groups_are_close: bool = pa.Field(
        description="Groups of the gated attribute are treated alike."
    )

    class Config:
        """Exactly one decision per as-of day."""

        unique: ClassVar = ["challenger"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


@dataclass(frozen=True)
class Gate:
    """One condition of a release, and what was found."""

    name: str
    passed: bool
    reason: str


def compare(
    specification: ModelSpecification,
    test: pd.DataFrame,
    challenger: np.ndarray,
    champion: np.ndarray,
    segments: Sequence[str],
    *,
    rules: ReleaseRules,
) -> pd.DataFrame:
    """Measure two models on the same rows.

    Args:
        specification: the models'.
        test: (n, …) rows with ``ds``, the label and the segment columns.
        challenger: (n,) predictions of the new model.
        champion: (n,) predictions of the model in production, or a constant.
        segments: columns whose values are compared one by one.
        rules: names the gated attribute.

    Returns:
        Rows of the ``Comparison`` contract.
    """
    measured = [
        _measure(specification, test.assign(prediction=values), segments, rules)
        for values in (challenger, champion)
    ]
    on = [DAY, "segment_column", "segment", "metric", "rows"]
    both = measured[0].merge(measured[1], on=on, validate="one_to_one", suffixes=("", "_champion"))
    sign = np.where(both["metric"].map(higher_is_better), 1.0, -1.0)
    gain = (both["value"] - both["value_champion"]) * sign
    return both.rename(columns={"value": "challenger", "value_champion": "champion"}).assign(
        improvement=gain
    )[[*on, "challenger", "champion", "improvement"]]


def _measure(
    specification: ModelSpecification,
    scored: pd.DataFrame,
    segments: Sequence[str],
    rules: ReleaseRules,
) -> pd.DataFrame:
    metrics = segment_metrics(specification, scored, segments).drop(columns="mean_label")
    if rules.gated_attribute is None or specification.task == "regression":
        return metrics
    return pd.concat([metrics, _rates(specification, scored, rules)], ignore_index=True)


def _rates(
    specification: ModelSpecification, scored: pd.DataFrame, rules: ReleaseRules
) -> pd.DataFrame:
    """True- and false-positive rate of each group of the gated attribute."""
    threshold = scored["prediction"].quantile(1 - rules.flagged_share)
    flagged = scored.assign(flagged=scored["prediction"] >= threshold)
    groups = flagged.groupby([DAY, rules.gated_attribute])
    return pd.DataFrame(
        [
            {
                DAY: day,
                "segment_column": rules.gated_attribute,
                "segment": str(group),
                "metric": rate,
                "value": rows.loc[rows[specification.label] == label, "flagged"].mean(),
                "rows": len(rows),
            }
            for (day, group), rows in groups
            for rate, label in POSITIVE_RATES.items()
        ]
    )


def judge(
    comparison: pd.DataFrame, rules: ReleaseRules, *, task: Task, is_first: bool, is_unseen: bool
) -> list[Gate]:
    """Apply the rules to the evidence; what cannot be judged does not pass.

    Args:
        comparison: rows of the ``Comparison`` contract, of one as-of day.
        rules: what is required.
        task: 'classification' or 'regression'.
        is_first: there is no champion yet, and the base rate stands in for it.
        is_unseen: neither model was fitted on a test row.
    """
    metric = main_metric(task)
    return [
        Gate(
            "is_unseen",
            is_unseen,
            "no test row was fitted by either model"
            if is_unseen
            else "the champion was fitted on test rows",
        ),
        _beats_champion(comparison, rules, metric, is_first=is_first),
        _no_segment_degraded(comparison, rules, metric, is_first=is_first),
        _groups_are_close(comparison, rules, task),
    ]


def _beats_champion(
    comparison: pd.DataFrame, rules: ReleaseRules, metric: str, *, is_first: bool
) -> Gate:
    name, other = "beats_champion", "the base rate" if is_first else "the champion"
    row = _row(comparison, metric)
    if (
        row is None
        or not math.isfinite(row["improvement"] + row["challenger"])
        or not row["champion"]
    ):
        return Gate(name, False, f"{metric} is missing or undefined on the test rows")
    required = abs(row["champion"]) * rules.min_improvement
    passed = bool(row["improvement"] >= required)
    found = f"{metric} {row['challenger']:.4f} against {row['champion']:.4f} of {other}"
    if is_first and metric == "auc":
        brier = _row(comparison, "brier")
        passed = passed and brier is not None and bool(brier["improvement"] > 0)
        found += (
            f", Brier score {brier['challenger']:.4f} against {brier['champion']:.4f}"
            if brier is not None
            else ", Brier score missing"
        )
    relation = "at least" if passed else "less than"
    return Gate(name, passed, f"{found}: {relation} {rules.min_improvement:.1%} better")


def _no_segment_degraded(
    comparison: pd.DataFrame, rules: ReleaseRules, metric: str, *, is_first: bool
) -> Gate:
    name = "no_segment_degraded"
    if is_first:
        return Gate(name, True, "there is no champion to be worse than")
    of_segments = comparison[
        (comparison["metric"] == metric) & (comparison["segment_column"] != OVERALL)
    ]
    judged = of_segments[of_segments["rows"] >= rules.min_segment_rows]
    if judged.empty and len(of_segments):
        return Gate(
            name, False, f"no segment has {rules.min_segment_rows} test rows to be judged on"
        )
    if (undefined := judged["improvement"].isna()).any():
        first = judged[undefined].iloc[0]
        return Gate(
            name, False, f"{metric} of {first['segment_column']}={first['segment']} is undefined"
        )
    worst = judged.nsmallest(3, "improvement")
    degraded = worst[worst["improvement"] < -rules.segment_tolerance]
    listed = ", ".join(
        f"{row['segment_column']}={row['segment']} {row['improvement']:+.3f}"
        for row in (degraded if len(degraded) else worst.head(1)).to_dict("records")
    )
    passed = degraded.empty
    return Gate(
        name,
        passed,
        f"{metric} of the {'worst' if passed else 'degraded'} of {len(judged)} judged segments: "
        f"{listed or 'none'} (tolerated is -{rules.segment_tolerance:g})",
    )


def _groups_are_close(comparison: pd.DataFrame, rules: ReleaseRules, task: Task) -> Gate:
    name, column = "groups_are_close", rules.gated_attribute
    if column is None or task == "regression":
        return Gate(name, True, "no gated attribute is configured")
    gaps: dict[str, float] = {}
    for rate in POSITIVE_RATES:
        rows = comparison[
            (comparison["metric"] == rate)
            & (comparison["segment_column"] == column)
            & (comparison["rows"] >= rules.min_segment_rows)
        ]
        if len(rows) < 2 or rows["challenger"].isna().any():
            return Gate(name, False, f"{rate} of the groups of {column} is missing or undefined")
        gaps[rate] = float(rows["challenger"].max() - rows["challenger"].min())
    worst = max(gaps, key=lambda rate: gaps[rate])
    passed = gaps[worst] <= rules.max_group_gap
    return Gate(
        name,
        passed,
        f"largest gap between groups of {column}: {worst} {gaps[worst]:.3f}, allowed is "
        f"{rules.max_group_gap:g}",
    )


def main_values(comparison: pd.DataFrame, task: Task) -> tuple[str, float, float]:
    """The main metric's name, and its value for challenger and champion; NaN without evidence."""
    metric = main_metric(task)
    row = _row(comparison, metric)
    if row is None:
        return metric, math.nan, math.nan
    return metric, float(row["challenger"]), float(row["champion"])


def _row(comparison: pd.DataFrame, metric: str) -> Mapping[Any, Any] | None:
    rows = comparison[(comparison["metric"] == metric) & (comparison["segment_column"] == OVERALL)]
    return rows.iloc[0].to_dict() if len(rows) == 1 else None


def verdict(gates: Sequence[Gate]) -> tuple[str, str]:
    """The verdict and its reason in words; a gate that did not pass blocks."""
    failed = [gate for gate in gates if not gate.passed]
    if not gates or failed:
        return BLOCKED, "; ".join(f"{gate.name}: {gate.reason}" for gate in failed)
    return PROMOTED, "; ".join(f"{gate.name}: {gate.reason}" for gate in gates)
