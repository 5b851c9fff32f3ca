"""Computes the evidence: scores challenger and champion on the challenger's test rows.

Without a champion, the base rate is used. ``comparison`` and ``fairness`` measure the predictions;
the limits are in ``rules``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml_assets.contracts.validation import no_rows
from ml_assets.learning.dataset import SPLIT, test_rows
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.predictions import class_numbers, with_predictions
from ml_assets.learning.specification import ModelSpecification
from ml_assets.release.evidence.comparison import compare
from ml_assets.release.evidence.fairness import Fairness, fairness
from ml_assets.release.rules import ReleaseRules

PredictFunction = Callable[[pd.DataFrame], np.ndarray]
"""Predictions of a model for rows, by the columns that it was trained on."""


@dataclass(frozen=True)
class EvidenceBuilder:
    """Computes the evidence of a challenger.

    Attributes:
        specification: specification of the models.
        key: columns that identify a row.
        segments: segment columns.
        evaluation: metrics, share of flagged rows, confidence.
        rules: sensitive feature, and the rows that a segment or group needs.
    """

    specification: ModelSpecification
    key: Sequence[str]
    segments: Sequence[str]
    evaluation: EvaluationRules
    rules: ReleaseRules

    def comparison(
        self, dataset: pd.DataFrame, challenger: PredictFunction, champion: PredictFunction | None
    ) -> pd.DataFrame:
        """Rows of the ``Comparison`` contract without the models' fingerprints.

        Args:
            dataset: (n, …) the challenger's training dataset, with ``split``.
            challenger: predictions of the new model.
            champion: those of the champion; None for the base rate of the training rows, of classes
                their shares.

        Raises:
            TrainingError: there is no test row.
        """
        test = test_rows(dataset)
        return compare(
            self.specification,
            self._scored(test, challenger),
            self._scored(test, champion)
            if champion is not None
            else self._base_rate(dataset, test),
            key=self.key,
            segments=self.segments,
            rules=self.evaluation,
            min_segment_rows=self.rules.min_segment_rows,
        )

    def fairness(
        self, dataset: pd.DataFrame, challenger: PredictFunction, champion: PredictFunction | None
    ) -> pd.DataFrame:
        """Rows of the ``Fairness`` contract without the models' fingerprints; see ``comparison``.

        Empty without a sensitive feature.
        """
        test = test_rows(dataset)
        if self.rules.sensitive_feature is None:
            return no_rows(Fairness)
        return fairness(
            self.specification,
            self._scored(test, challenger),
            None if champion is None else self._scored(test, champion),
            key=self.key,
            rules=self.rules,
            evaluation=self.evaluation,
        )

    def _scored(self, test: pd.DataFrame, model: PredictFunction) -> pd.DataFrame:
        return with_predictions(test, model(test), self.specification.classes)

    def _base_rate(self, dataset: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
        """Test rows that are predicted by what a first model has to beat.

        It is the constant that predicts the training rows best, or the share of each class.
        """
        classes = self.specification.classes
        labels = dataset.loc[dataset[SPLIT] == "train", self.specification.label]
        if classes:
            counts = np.bincount(class_numbers(labels, classes), minlength=len(classes))
            return with_predictions(test, counts / counts.sum(), classes)
        main, *_ = self.evaluation.of_task(self.specification.task)
        best = METRICS[main].constant(labels.to_numpy())
        return with_predictions(test, np.full(len(test), best), classes)
