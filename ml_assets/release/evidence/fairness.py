"""Evidence: rates of the groups of the sensitive feature and the gaps between them, with intervals.

Rates are the true- and the false-positive rate of a classification, the accuracy of classes, and the
relative mean absolute error of a regression. fairlearn computes the values; intervals are a
bootstrap of days.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import computed
from ml_assets.learning.dataset import FEATURE_DAY
from ml_assets.learning.evaluation import EvaluationRules, segment_values
from ml_assets.learning.metrics.multiclass import is_correct
from ml_assets.learning.metrics.resampling import (
    Scored,
    day_numbers,
    day_sums,
    interval,
    ratio,
    resamples,
)
from ml_assets.learning.predictions import scored_rows
from ml_assets.learning.specification import ModelSpecification, Task
from ml_assets.release.evidence.comparison import CHAMPION_SOURCES, EvidenceRow, Size, row_set_hash
from ml_assets.release.rules import ReleaseRules

GAP = "(gap)"
"""Value of ``group`` in a row with the largest difference between judged groups."""

RATES: dict[Task, tuple[str, ...]] = {
    "classification": ("true_positive_rate", "false_positive_rate"),
    "multiclass": ("accuracy",),
    "regression": ("relative_error",),
}
"""Task → rates that are compared between groups."""

RATE_LABEL: dict[str, int | None] = {
    "true_positive_rate": 1,
    "false_positive_rate": 0,
    "accuracy": None,
    "relative_error": None,
}
"""Rate → label of the rows that it is a mean over; None for all rows."""


GROUPED = ["training_dataset.split", "training_dataset.{sensitive_feature}"]
"""Source columns of the rows of a group, and below of their rates, for ``from``."""
TREATED = [
    *GROUPED,
    "training_dataset.{label}",
    "training_dataset.{features}",
    "training_dataset.feature_day",
]
BY_CHALLENGER = [*TREATED, "model.prediction"]


class Fairness(EvidenceRow):
    """One rate of one group of the sensitive feature, or the gap between groups."""

    attribute: str = computed("The sensitive feature.", [])
    group: str = computed(f"Value of the attribute, or '{GAP}': largest minus smallest.", GROUPED)
    metric: str = computed("Name of the rate.", [])
    challenger: float = computed(
        "Challenger's rate; null if undefined.", BY_CHALLENGER, nullable=True
    )
    low: float = computed("Lower bound of it; bootstrap of days.", BY_CHALLENGER, nullable=True)
    high: float = computed("Upper bound of it; bootstrap of days.", BY_CHALLENGER, nullable=True)
    champion: float = computed(
        "Champion's rate on the same rows; null without a champion.",
        [*TREATED, *CHAMPION_SOURCES],
        nullable=True,
    )
    rows: int = computed("Number of test rows of the group.", GROUPED, ge=1)
    is_judged: bool = computed(
        "Whether there are enough rows, days and labels to judge; true for the gap.",
        [*GROUPED, "training_dataset.{label}", "training_dataset.feature_day"],
    )

    class Config:
        """Empty without a sensitive feature."""

        unique: ClassVar = ["group", "metric"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


def fairness(
    specification: ModelSpecification,
    challenger: pd.DataFrame,
    champion: pd.DataFrame | None,
    *,
    key: Sequence[str],
    rules: ReleaseRules,
    evaluation: EvaluationRules,
) -> pd.DataFrame:
    """Rates of each group of the sensitive feature, and the gaps between judged groups.

    Args:
        specification: specification of both models.
        challenger: (n, …) test rows with the predictions of the challenger.
        champion: the same rows with those of the champion; None for none.
        key: columns that identify a row.
        rules: sensitive feature and rows that a group needs.
        evaluation: share of flagged rows, resamples and confidence.

    Returns:
        Rows of the ``Fairness`` contract without the models' fingerprints.
    """
    new = _measured(specification, challenger, rules, evaluation)
    old = None if champion is None else _measured(specification, champion, rules, evaluation)
    on = ["group", "metric"]
    both = (
        new.assign(champion=np.nan)
        if old is None
        else new.merge(
            old[[*on, "challenger"]].rename(columns={"challenger": "champion"}), how="left", on=on
        )
    )
    rows = row_set_hash(challenger, key, specification.label)
    return both.assign(
        **{
            DAY: challenger[DAY].iloc[0],
            "attribute": rules.sensitive_feature,
            "challenger_rows": rows,
            "champion_rows": rows
            if champion is None
            else row_set_hash(champion, key, specification.label),
        }
    )


def _measured(
    specification: ModelSpecification,
    rows: pd.DataFrame,
    rules: ReleaseRules,
    evaluation: EvaluationRules,
) -> pd.DataFrame:
    """Values and bounds of one model: a row per metric and group, and one gap per metric."""
    numbers, width = day_numbers(rows[FEATURE_DAY])
    label, classes = specification.label, specification.classes
    scored = scored_rows(rows, label, classes, numbers, evaluation.flagged_share)
    groups = segment_values(rows[str(rules.sensitive_feature)])
    sizes = groups.value_counts().sort_index()
    draws = resamples(width, evaluation.resamples)
    values = _by_group(specification.task, scored, groups)
    records = []
    for metric in RATES[specification.task]:
        known = group_sizes(metric, groups, rows[FEATURE_DAY], rows[label])
        judged = np.array([known[name].is_judged(rules.min_segment_rows) for name in sizes.index])
        drawn = np.column_stack(
            [_RESAMPLED[metric](scored, (groups == name).to_numpy(), draws) for name in sizes.index]
        )
        found = values[metric].reindex(sizes.index).to_numpy(dtype=float)
        for place, (name, size) in enumerate(sizes.items()):
            bounds = interval(drawn[:, place], evaluation.confidence, width)
            records.append([str(name), metric, found[place], *bounds, size, bool(judged[place])])
        gaps = interval(_spread(drawn[:, judged]), evaluation.confidence, width)
        gap = float(_spread(found[judged][None, :])[0])
        records.append([GAP, metric, gap, *gaps, int(sizes.sum()), True])
    columns = ["group", "metric", "challenger", "low", "high", "rows", "is_judged"]
    measured = pd.DataFrame(records, columns=columns)
    if not np.isfinite(scored.predictions).all():
        measured[["challenger", "low", "high"]] = np.nan
    return measured


def group_sizes(
    rate: str, groups: pd.Series, days: pd.Series, labels: pd.Series
) -> dict[str, Size]:
    """Size of each group, for a rate.

    Args:
        rate: one of ``RATES``.
        groups: (n,) group of each row, see ``segment_values``.
        days: (n,) day of each row.
        labels: (n,) label of each row.
    """
    label = RATE_LABEL[rate]
    chosen = pd.Series(True, index=days.index) if label is None else labels == label
    return {
        str(name): Size.of(days[of_group.index], chosen[of_group.index])
        for name, of_group in groups.groupby(groups)
    }


def _by_group(task: Task, scored: Scored, groups: pd.Series) -> pd.DataFrame:
    """Values by group, computed by fairlearn."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate
    from sklearn.metrics import accuracy_score, mean_absolute_error

    if task == "multiclass":
        return MetricFrame(
            metrics={"accuracy": accuracy_score},
            y_true=scored.labels,
            y_pred=scored.predicted,
            sensitive_features=groups.to_numpy(),
        ).by_group
    if task == "regression":
        frame = MetricFrame(
            metrics={"relative_error": mean_absolute_error},
            y_true=scored.labels,
            y_pred=scored.predictions,
            sensitive_features=groups.to_numpy(),
        )
        return frame.by_group / frame.overall
    frame = MetricFrame(
        metrics={
            "true_positive_rate": true_positive_rate,
            "false_positive_rate": false_positive_rate,
        },
        y_true=scored.labels.astype(int),
        y_pred=scored.flagged.astype(int),
        sensitive_features=groups.to_numpy(),
    )
    is_known = {
        "true_positive_rate": pd.Series(scored.labels.astype(bool))
        .groupby(groups.to_numpy())
        .any(),
        "false_positive_rate": (
            ~pd.Series(scored.labels.astype(bool)).groupby(groups.to_numpy()).all()
        ),
    }
    return frame.by_group.where(pd.DataFrame(is_known))


def _spread(values: np.ndarray) -> np.ndarray:
    """(b,) largest minus smallest defined value of (b, groups); NaN for fewer than two of them."""
    is_defined = np.isfinite(values)
    high = np.where(is_defined, values, -np.inf).max(axis=1, initial=-np.inf)
    low = np.where(is_defined, values, np.inf).min(axis=1, initial=np.inf)
    return np.where(is_defined.sum(axis=1) < 2, np.nan, high - low)


def _rate(label: int | None, scored: Scored, group: np.ndarray, draws: np.ndarray) -> np.ndarray:
    among, width = group & (scored.labels == label), draws.shape[1]
    hits = day_sums(among & scored.flagged, scored.days, width)
    return ratio(draws @ hits, draws @ day_sums(among, scored.days, width))


def _accuracy(scored: Scored, group: np.ndarray, draws: np.ndarray) -> np.ndarray:
    width = draws.shape[1]
    hits = day_sums(group & is_correct(scored), scored.days, width)
    return ratio(draws @ hits, draws @ day_sums(group, scored.days, width))


def _relative_error(scored: Scored, group: np.ndarray, draws: np.ndarray) -> np.ndarray:
    errors, width = np.abs(scored.predictions - scored.labels), draws.shape[1]

    def mean(of: np.ndarray) -> np.ndarray:
        return ratio(
            draws @ day_sums(errors * of, scored.days, width),
            draws @ day_sums(of, scored.days, width),
        )

    return ratio(mean(group), mean(np.ones_like(group)))


_RESAMPLED: dict[str, Any] = {
    "true_positive_rate": partial(_rate, RATE_LABEL["true_positive_rate"]),
    "false_positive_rate": partial(_rate, RATE_LABEL["false_positive_rate"]),
    "accuracy": _accuracy,
    "relative_error": _relative_error,
}
