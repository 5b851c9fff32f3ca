"""An ensemble as a fitted estimator of scikit-learn, so that it is stored and tested like any model.

It contains the fitted pipelines of its members, so a version of it stays what it is when a member has a
new champion.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from ml_assets.learning.ensembles.answers import answers
from ml_assets.learning.ensembles.members import member_columns
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.scorer.values import Columns
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict
from ml_assets.provenance.code import as_json

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


class Ensemble(BaseEstimator):  # type: ignore[misc]
    """Members, and how they answer together.

    Args:
        ensemble: the rules, see ``EnsembleRules.record``.
        members: member → the specification of its pipeline, as JSON.
    """

    def __init__(self, ensemble: Mapping[str, Any], members: Mapping[str, Any]) -> None:
        self.ensemble = ensemble
        self.members = members

    @property
    def rules(self) -> EnsembleRules:
        """How it answers."""
        return EnsembleRules.model_validate(self.ensemble)

    def fit(self, members: Mapping[str, tuple[ModelSpecification, "Pipeline"]]) -> "Ensemble":
        """This ensemble, made of its members, which are fitted already.

        Args:
            members: member → what it was trained by, and its fitted pipeline.
        """
        self.members_ = {name: pipeline for name, (_, pipeline) in members.items()}
        self.trained_by_ = {name: as_json(trained_by) for name, (trained_by, _) in members.items()}
        return self

    @property
    def fitted_members(self) -> dict[str, tuple[ModelSpecification, "Pipeline"]]:
        """Member → what it was trained by, and its fitted pipeline."""
        return {
            name: (ModelSpecification.from_record(self.trained_by_[name]), pipeline)
            for name, pipeline in self.members_.items()
        }

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """(n,) predictions of rows."""
        rules, members = self.rules, self.fitted_members

        def ask(name: str, columns: Columns, _: int) -> np.ndarray:
            trained_by, pipeline = members[name]
            inputs = member_columns(rules.members[name], trained_by.features, columns)
            return predict(trained_by, pipeline, pd.DataFrame(inputs))

        return answers(rules, rows, len(rows), ask).predictions

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """(n, 2) probabilities of the classes 0 and 1."""
        positive = self.predict(rows)
        return np.column_stack([1 - positive, positive])
