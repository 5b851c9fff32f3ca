"""Stage: profiles of the features, and drift against the champion's reference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.monitoring.served import (
    counted_names,
    feature_input,
    profiled_before_erasure,
    served_features,
)
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import TrainingError
from ml_assets.learning.contracts import Prediction
from ml_assets.learning.predictions import PREDICTION
from ml_assets.learning.specification import Classes
from ml_assets.monitoring.contracts.drift import PREDICTED, DriftReport
from ml_assets.monitoring.contracts.profiles import FeatureProfile
from ml_assets.monitoring.drift import drift_report, summary, usual_min_rows
from ml_assets.monitoring.profile import daily_profiles, reference_from_rows, to_rows
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import Plan, each_day, plan, with_kept
from ml_assets.provenance.code import code_version
from ml_assets.release.champion import Champion
from ml_assets.workspace import Workspace

STAGE = "monitoring"


@dataclass(frozen=True)
class DriftStage:
    """Profiles and drift of a pipeline's features.

    Attributes:
        pipeline: context shared by all stages.
        window_days: days covered by a drift report.
        groups: feature → structural or environment.
        min_rows: rows that a drift report needs for a feature to count as drifted; those of
            ``usual_min_rows`` when None.
        dataset: contract with all columns of the features.
        is_logged: whether the features are those that services predicted with, instead of the
            feature table.
    """

    pipeline: PipelineContext
    window_days: int
    groups: Mapping[str, str]
    min_rows: int | None
    dataset: type[Contract]
    is_logged: bool = False

    def definitions(self) -> dg.Definitions:
        """The two assets and their checks."""
        this = self.pipeline
        return dg.Definitions.merge(
            this.define(
                nouns.FEATURE_PROFILE,
                stage=STAGE,
                description="Distribution of each feature on the day, in the bins of the champion's reference.",
                version=self._profile_version,
                inputs=[
                    self._features,
                    *([self._predictions] if self._classes else []),
                    this.champion_lineage(nouns.CHAMPION),
                    this.champion_lineage(nouns.FEATURE_REFERENCE),
                ],
                compute=self._profile,
                contract=FeatureProfile,
                names={
                    **self._counted,
                    "dataset": [],
                    "reference": [nouns.FEATURE_REFERENCE],
                    "champion": [nouns.CHAMPION],
                    "of_prediction": [f"{nouns.PREDICTIONS}.{PREDICTION}"] if self._classes else [],
                },
            ),
            this.define(
                nouns.DRIFT_REPORT,
                stage=STAGE,
                description="Distance of the last days from the champion's training window, relative to the usual distance.",
                version=self._drift_version,
                inputs=[self._profiles, this.champion_lineage(nouns.FEATURE_REFERENCE)],
                compute=self._report,
                contract=DriftReport,
                hidden_inputs=[nouns.CHAMPION],
            ),
        )

    @property
    def _classes(self) -> Classes:
        return self.pipeline.specification.classes

    @property
    def _groups(self) -> Mapping[str, str]:
        return {**self.groups, PREDICTION: PREDICTED} if self._classes else self.groups

    @property
    def _profile_version(self) -> str:
        of_classes = [PREDICTION] if self._classes else []
        return code_version(daily_profiles, [*self.pipeline.specification.features, *of_classes])

    @property
    def _drift_version(self) -> str:
        return code_version(
            drift_report, sorted(self._groups.items()), self.window_days, self.min_rows
        )

    @property
    def _features(self) -> Input:
        return feature_input(self.pipeline, is_logged=self.is_logged)

    @property
    def _counted(self) -> dict[str, list[str]]:
        return counted_names(self.pipeline, is_logged=self.is_logged)

    @property
    def _predictions(self) -> Input:
        """The same day's predictions, which stay valid when their inputs change."""
        return self.pipeline.daily_input(self.pipeline.table(nouns.PREDICTIONS), is_pinned=True)

    @property
    def _profiles(self) -> Input:
        table = self.pipeline.table(nouns.FEATURE_PROFILE)
        return self.pipeline.daily_input(table, 1 - self.window_days, is_optional=True)

    def _profile(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        champions = this.champions(lake, days)
        inputs = {
            "features": self._features,
            "reference": this.champion_input(champions, nouns.FEATURE_REFERENCE),
            **({"predictions": self._predictions} if self._classes else {}),
        }
        planned = plan(lake, this.table(nouns.FEATURE_PROFILE), days, inputs, self._profile_version)
        planned, features = self._rows(workspace, planned)
        planned, frames = each_day(planned, self._profile_of(planned, champions, features))
        return output(planned, frames, FeatureProfile, self._profile_version)

    def _rows(self, workspace: Workspace, planned: Plan) -> tuple[Plan, pd.DataFrame | None]:
        """The features of the days to compute, and the plan without days whose log was erased."""
        this = self.pipeline
        if not planned.compute:
            return planned, None
        names, window = this.specification.features, planned.windows["features"]
        if not self.is_logged:
            return planned, window.read([DAY, *names], planned.compute)
        answers = window.read([DAY, "event_id"], planned.compute)
        found = served_features(workspace.prediction_log, this.name, answers, self.dataset, names)
        table = this.table(nouns.FEATURE_PROFILE)
        kept = profiled_before_erasure(workspace.lake.ledger, table, answers, found)
        return with_kept(planned, kept), found

    def _profile_of(
        self, planned: Plan, champions: Mapping[str, Champion], features: pd.DataFrame | None
    ) -> Callable[[str], pd.DataFrame]:
        used = self.pipeline.specification.features
        references = planned.windows["reference"]
        bins_of = cache(
            lambda as_of: [one.bins for one in reference_from_rows(references.read(days=[as_of]))]
        )
        predictions = (
            planned.windows["predictions"].read([DAY, PREDICTION], planned.compute)
            if self._classes and planned.compute
            else no_rows(Prediction)
        )

        def of_day(day: str) -> pd.DataFrame:
            if day not in champions or features is None:
                raise TrainingError(
                    f"no champion on {day}, so there is no reference to compare with"
                )
            as_of = champions[day].as_of
            bins = bins_of(as_of)
            of_features = [one for one in bins if one.feature in used]
            days, profiles = daily_profiles(features[features[DAY] == day], of_features)
            if self._classes:
                of_prediction = [one for one in bins if one.feature == PREDICTION]
                predicted = predictions[predictions[DAY] == day]
                profiles += daily_profiles(predicted, of_prediction)[1]
            return to_rows(days, profiles, as_of)

        return of_day

    def _report(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        champions = this.champions(lake, days)
        inputs = {
            "profiles": self._profiles,
            "reference": this.champion_input(champions, nouns.FEATURE_REFERENCE),
        }
        planned = plan(lake, this.table(nouns.DRIFT_REPORT), days, inputs, self._drift_version)
        planned, frames = each_day(planned, self._report_of(planned, champions))
        return output(
            planned,
            frames,
            DriftReport,
            self._drift_version,
            day_metadata={day: summary(frame) for day, frame in frames.items()},
        )

    def _report_of(
        self, planned: Plan, champions: Mapping[str, Champion]
    ) -> Callable[[str], pd.DataFrame]:
        profiles = planned.rows("profiles", self._profiles)
        if profiles is None:
            profiles = no_rows(FeatureProfile)
        reference_of = cache(lambda as_of: planned.windows["reference"].read(days=[as_of]))

        def of_day(day: str) -> pd.DataFrame:
            if day not in champions:
                raise TrainingError(f"no champion on {day}, so there is no drift to report")
            as_of = champions[day].as_of
            of_window = profiles[
                profiles[DAY].isin(self._profiles.days_of(day)) & (profiles["reference"] == as_of)
            ]
            if of_window.empty:
                raise TrainingError(
                    f"no profile of the {self.window_days} partitions up to {day} is stored"
                )
            reference = reference_of(as_of)
            of_features = reference["feature"] != PREDICTION
            usual = usual_min_rows(reference[of_features], champions[day].training_days)
            return drift_report(
                reference,
                of_window,
                self._groups,
                day=day,
                reference=as_of,
                min_rows=self.min_rows or usual,
            )

        return of_day
