"""Stage: distribution of each feature in a model's training data, the reference of drift reports."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.output import output, plan_as_of
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.monitoring.contracts.profiles import FeatureReference
from ml_assets.monitoring.drift import reference_profile
from ml_assets.orchestration.assets.table_output import TableOutput
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
            inputs=[self.pipeline.input(nouns.TRAINING_DATASET)],
            compute=self._describe,
            contract=FeatureReference,
            is_as_of=True,
            names={
                "counted": [nouns.TRAINING_DATASET],
                "dataset": [nouns.TRAINING_DATASET],
                "reference": [],
                "champion": [],
            },
        )

    @property
    def _version(self) -> str:
        return code_version(
            reference_profile, self.pipeline.specification.features, self.drift_days
        )

    def _describe(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        planned = plan_as_of(
            self.pipeline,
            workspace.lake,
            "feature_reference",
            days,
            self._version,
            dataset=self.pipeline.input(nouns.TRAINING_DATASET),
        )
        planned, frames = each_day(planned, lambda day: self._reference_of(planned, day))
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
        ).assign(**{DAY: day})
