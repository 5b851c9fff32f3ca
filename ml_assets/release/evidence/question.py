"""What is to be decided of a challenger, known without looking at the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.evaluation import OVERALL, segment_values, segments_of
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.specification import Task
from ml_assets.release.champion import Champion
from ml_assets.release.evidence.comparison import Size, row_set
from ml_assets.release.evidence.fairness import RATES, group_sizes
from ml_assets.release.evidence.measuring import Measuring


@dataclass(frozen=True)
class Question:
    """What is to be decided.

    Attributes:
        task: 'classification' or 'regression'.
        metrics: names of metrics, the main one first.
        challenger: fingerprint of the new model.
        champion: fingerprint of the model to beat; empty for none.
        rows: hash of the test rows, see ``row_set``.
        count: how many these are.
        segments: (segment column, value) → its test rows, of every segment there is.
        groups: rate → group of the gated attribute → its test rows, see ``fairness.RATES``.
        fitted_last: last day that each of the models was fitted on.
        tested_first: first day of the test rows.
        segment_columns: columns whose values are judged one by one; no part of the question's text,
            as ``segments`` says which there are.
    """

    task: Task
    metrics: Sequence[str]
    challenger: str
    champion: str
    rows: str
    count: int
    segments: Mapping[tuple[str, str], Size]
    groups: Mapping[str, Mapping[str, Size]]
    fitted_last: Sequence[str]
    tested_first: str
    segment_columns: Sequence[str] = field(repr=False)

    @property
    def is_first(self) -> bool:
        """There is no champion yet, and the base rate stands in for it."""
        return not self.champion


def question_of(
    measuring: Measuring, dataset: pd.DataFrame, challenger: str, champion: Champion | None
) -> Question:
    """The question that a training dataset and the releases before it put.

    Args:
        measuring: what has to be measured.
        dataset: (n, …) the challenger's training dataset, with ``split``.
        challenger: fingerprint of the new model.
        champion: the model to beat, if there is one.
    """
    test = dataset[dataset[SPLIT] == "test"]
    trained = dataset.loc[dataset[SPLIT] == "train", FEATURE_DAY]
    task, gated = measuring.specification.task, measuring.rules.gated_attribute
    metrics = measuring.evaluation.of_task(task)
    days, labels = test[FEATURE_DAY], test[measuring.specification.label]
    segments = {
        (segment.column, segment.value): Size.of_metric(
            METRICS[metrics[0]], days[segment.chosen], labels[segment.chosen]
        )
        for segment in segments_of(test, measuring.segments)
        if segment.column != OVERALL
    }
    return Question(
        task=task,
        metrics=metrics,
        challenger=challenger,
        champion=champion.fingerprint if champion else "",
        rows=row_set(test, measuring.key, measuring.specification.label) if len(test) else "",
        count=len(test),
        segments=segments,
        groups={
            rate: group_sizes(rate, segment_values(test[gated]), days, labels)
            for rate in (RATES[task] if gated else ())
        },
        fitted_last=[
            trained.max() if len(trained) else "",
            *([champion.training_last] if champion else []),
        ],
        tested_first=test[FEATURE_DAY].min() if len(test) else "",
        segment_columns=measuring.segments,
    )
