"""The question of a release: which models are judged on which rows, independent of the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.evaluation import OVERALL, segment_values, segments_of
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.specification import Task
from ml_assets.release.champion import Champion
from ml_assets.release.evidence.builder import EvidenceBuilder
from ml_assets.release.evidence.comparison import Size, row_set_hash
from ml_assets.release.evidence.fairness import RATES, group_sizes


@dataclass(frozen=True)
class Question:
    """The models and rows of a release decision.

    Attributes:
        task: task of the models.
        metrics: names of metrics, the main one first.
        challenger: fingerprint of the challenger.
        champion: fingerprint of the champion; empty for none.
        rows: hash of the test rows, see ``row_set_hash``.
        count: number of test rows.
        segments: (segment column, value) → size of the segment.
        groups: rate → group of the sensitive feature → size of the group, see ``fairness.RATES``.
        fitted_last: last training day of each model.
        tested_first: first day of the test rows.
        segment_columns: segment columns; not in ``repr``, which is hashed, as ``segments`` has
            them.
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
        """Whether there is no champion yet, so that the base rate is used instead."""
        return not self.champion


def build_question(
    builder: EvidenceBuilder, dataset: pd.DataFrame, challenger: str, champion: Champion | None
) -> Question:
    """The question for a challenger and the current champion.

    Args:
        builder: computes the evidence.
        dataset: (n, …) the challenger's training dataset, with ``split``.
        challenger: fingerprint of the challenger.
        champion: the champion; None for none.
    """
    test = dataset[dataset[SPLIT] == "test"]
    trained = dataset.loc[dataset[SPLIT] == "train", FEATURE_DAY]
    task, sensitive = builder.specification.task, builder.rules.sensitive_feature
    metrics = builder.evaluation.of_task(task)
    days, labels = test[FEATURE_DAY], test[builder.specification.label]
    segments = {
        (segment.column, segment.value): Size.of_metric(
            METRICS[metrics[0]],
            days[segment.chosen],
            labels[segment.chosen],
            builder.specification.classes,
        )
        for segment in segments_of(test, builder.segments)
        if segment.column != OVERALL
    }
    return Question(
        task=task,
        metrics=metrics,
        challenger=challenger,
        champion=champion.fingerprint if champion else "",
        rows=row_set_hash(test, builder.key, builder.specification.label) if len(test) else "",
        count=len(test),
        segments=segments,
        groups={
            rate: group_sizes(rate, segment_values(test[sensitive]), days, labels)
            for rate in (RATES[task] if sensitive else ())
        },
        fitted_last=[
            trained.max() if len(trained) else "",
            *([champion.training_last] if champion else []),
        ],
        tested_first=test[FEATURE_DAY].min() if len(test) else "",
        segment_columns=builder.segments,
    )
