"""Stage: distribution of each feature in a model's training data, the reference of drift reports."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.output import output, plan_as_of
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.components.trained_model.held_out import held_out_rows
from ml_assets.content import DAY
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.predictions import PREDICTION, with_predictions
from ml_assets.learning.specification import Classes
from ml_assets.learning.training import predict
from ml_assets.monitoring.contracts.profiles import FeatureReference
from ml_assets.monitoring.drift import reference_profile
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import Plan, each_day
from ml_assets.provenance.code import code_version
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class ReferenceStage:
    """The references of a pipeline's models.

    Attributes:
        pipeline: context shared by all stages.
        drift_days: days of a drift report, for which the reference is calibrated.
    """

    pipeline: PipelineContext
    drift_days: int

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        return self.pipeline.define(
            nouns.FEATURE_REFERENCE,
            stage="training",
            description=(
                "Distribution of each feature in the training window, and the usual distance of its "
                "days and weeks from it. The reference of drift reports."
            ),
            version=self._version,
            inputs=[*self._inputs.values()],
            compute=self._describe,
            contract=FeatureReference,
            is_as_of=True,
            names={
                "counted": [nouns.TRAINING_DATASET],
                "dataset": [nouns.TRAINING_DATASET],
                "reference": [],
                "champion": [],
                "of_prediction": [f"{nouns.MODEL}.{PREDICTION}"] if self._classes else [],
            },
        )

    @property
    def _classes(self) -> Classes:
        return self.pipeline.specification.classes

    @property
    def _inputs(self) -> dict[str, Input]:
        """The dataset; for classes also the model, whose predictions have a reference too."""
        dataset = {"dataset": self.pipeline.input(nouns.TRAINING_DATASET)}
        return {**dataset, "model": self.pipeline.input(nouns.MODEL)} if self._classes else dataset

    @property
    def _version(self) -> str:
        features = self.pipeline.specification.features
        of_classes = (predict, list(self._classes)) if self._classes else ()
        return code_version(reference_profile, features, self.drift_days, *of_classes)

    def _describe(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        planned = plan_as_of(
            self.pipeline,
            workspace.lake,
            "feature_reference",
            days,
            self._version,
            **self._inputs,
        )

        def of_day(day: str) -> pd.DataFrame:
            features = self._reference_of(planned, day)
            if not self._classes:
                return features
            predicted = self._reference_of_predictions(workspace.models, planned, day)
            return pd.concat([features, predicted], ignore_index=True)

        planned, frames = each_day(planned, of_day)
        return output(planned, frames, FeatureReference, self._version)

    def _reference_of(self, planned: Plan, day: str) -> pd.DataFrame:
        specification = self.pipeline.specification
        used = [*specification.features, FEATURE_DAY, SPLIT]
        dataset = planned.windows["dataset"].read(used, [day])
        return reference_profile(
            dataset[dataset[SPLIT] == "train"],
            specification.numeric,
            specification.categorical,
            self.drift_days,
            day=FEATURE_DAY,
            text=specification.text,
            calendar=self.pipeline.calendar,
        ).assign(**{DAY: day})

    def _reference_of_predictions(
        self, models: ModelStore, planned: Plan, day: str
    ) -> pd.DataFrame:
        """The predicted class of the held-out rows, on which the model was not fitted."""
        this, fingerprint = self.pipeline, planned.windows["model"].hashes[day]
        model = models.load(this.table(nouns.MODEL), fingerprint, this.specification)
        rows = held_out_rows(planned, day)
        predictions = model.predict(rows)
        predicted = with_predictions(rows[[FEATURE_DAY]], predictions, self._classes)
        found = reference_profile(
            predicted, [], [PREDICTION], self.drift_days, FEATURE_DAY, calendar=this.calendar
        )
        return found.assign(**{DAY: day})
