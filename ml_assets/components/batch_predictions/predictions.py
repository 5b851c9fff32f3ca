"""Stage: the predictions of each day by its champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.batch_predictions.stage import STAGE
from ml_assets.components.batch_predictions.summary import prediction_summary
from ml_assets.components.pipeline.confirmation import confirm
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.derived import contract_sources
from ml_assets.contracts.validation import no_rows, without_days
from ml_assets.errors import RegistryMismatch, TrainingError, UnsafeModel, sentence
from ml_assets.lake.integrity import latest_rows
from ml_assets.lake.store import Lake, Window
from ml_assets.learning.artifacts import StoredModel
from ml_assets.learning.horizon import PredictionTimes, with_times
from ml_assets.learning.scoring import PREDICTION_ID, score, with_late_rows
from ml_assets.ledger.entries import Read, grouped
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.orchestration.checks.table_check import TableCheck
from ml_assets.planning.plan import Plan, each_day, plan, with_skipped
from ml_assets.provenance.code import code_version
from ml_assets.release.champion import Champion, champion_advice
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class Published:
    """Predictions as they are published.

    Attributes:
        rows: predictions of all days.
        refused: day → why its predictions are not published.
    """

    rows: pd.DataFrame
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Predictions:
    """The prediction stage of a pipeline.

    Attributes:
        pipeline: context shared by all stages.
        contract: contract of the predictions.
        feature_columns: columns of the feature table.
        dataset: contract of the training dataset, which has all columns of the features.
        times: the times of a prediction.
    """

    pipeline: PipelineContext
    contract: type[Contract]
    feature_columns: Sequence[str]
    dataset: type[Contract]
    times: PredictionTimes

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        this = self.pipeline
        return this.define(
            nouns.PREDICTIONS,
            stage=STAGE,
            description=(
                "Predictions of the day's champion for each row of the day. Stored predictions never "
                "change; rows that arrive after their day was scored are added, marked late."
            ),
            version=self._prediction_version,
            inputs=[
                this.daily_input(this.features),
                this.champion_lineage(nouns.MODEL),
                this.champion_lineage(nouns.CHAMPION),
            ],
            compute=self._predict,
            contract=self.contract,
            is_fact=True,
            keeps_dead_letters=self.may_refuse,
            checks=self.checks,
            inherits_from=this.features,
            names={
                "feature_columns": self.feature_columns,
                "times": self.times.columns,
                "target_time": [self.times.target_time] if self.times.target_time else [],
            },
        )

    @property
    def may_refuse(self) -> bool:
        """Whether rows may have no prediction, which are dead letters then."""
        return False

    @property
    def checks(self) -> Sequence[TableCheck]:
        """Checks in addition to the standard ones."""
        return ()

    def scored(self, model: StoredModel, rows: pd.DataFrame) -> pd.DataFrame:
        """Predictions of feature rows with their identifiers, see ``scoring.score``."""
        return score(
            model.scorer, rows, key=self.pipeline.join_keys, segments=self.pipeline.segments
        )

    def published(
        self,
        workspace: Workspace,
        scored: pd.DataFrame,
        champions: Mapping[str, Champion],
        features: Window,
    ) -> Published:
        """What is published of the predictions of some days.

        Args:
            workspace: the stores of the project.
            scored: predictions of the days by their champions.
            champions: day → its champion.
            features: the feature table.
        """
        del workspace, champions, features
        return Published(scored)

    @property
    def _prediction_version(self) -> str:
        this = self.pipeline
        return code_version(
            score,
            *contract_sources(self.contract),
            this.specification,
            list(this.join_keys),
            list(this.segments),
            self.times,
        )

    def _predict(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        champions = this.champions(lake, days)
        table = this.table(nouns.PREDICTIONS)
        planned = plan(
            lake,
            table,
            days,
            {
                "features": this.daily_input(this.features),
                "champion": this.release_of_champion(champions),
            },
            self._prediction_version,
            further_reads=this.model_reads(champions),
        )
        planned, scored = self._score(workspace, lake, planned, champions)
        published = self.published(workspace, scored, champions, planned.windows["features"])

        def predicted(day: str) -> pd.DataFrame:
            if day not in champions:
                raise TrainingError(_no_champion(day, this.predicted_on(day)))
            of_day = published.rows[published.rows[DAY] == day]
            stored = latest_rows(lake, table, day)
            if stored is not None:
                stored = with_times(stored, of_day, PREDICTION_ID)
            return with_late_rows(stored, of_day)

        planned, frames = each_day(planned, predicted)
        planned = self._with_models(planned, frames)
        found = output(
            planned,
            frames,
            self.contract,
            self._prediction_version,
            day_metadata={
                day: prediction_summary(frame, this.specification.classes)
                for day, frame in frames.items()
            },
            is_final=True,
            keeps_dead_letters=self.may_refuse,
        )
        return replace(found, validated=without_days(found.validated, published.refused))

    def _score(
        self, workspace: Workspace, lake: Lake, planned: Plan, champions: Mapping[str, Champion]
    ) -> tuple[Plan, pd.DataFrame]:
        """Predictions of all days to compute, each by its champion.

        Days whose champion cannot be used are skipped with the reason: no other model replaces it,
        and stored predictions are kept.

        Raises:
            UnsafeModel: the newest day was never scored, and the file of its champion is missing
                or altered.
            RegistryMismatch: the newest day was never scored, and the stored records of its
                champion's release contradict each other.
        """
        stored = lake.days_stored(self.pipeline.table(nouns.PREDICTIONS))
        days_of = grouped((champions[day], day) for day in planned.compute if day in champions)
        parts, unusable = [no_rows(self.contract)], {}
        for champion, days in days_of.items():
            try:
                confirm(self.pipeline, workspace, champion)
                parts.append(self.score_by(workspace, champion, planned.windows["features"], days))
            except (UnsafeModel, RegistryMismatch) as error:
                if max(planned.compute) in {*days} - {*stored}:
                    raise
                unusable.update(dict.fromkeys(days, str(error)))
        return with_skipped(planned, unusable), pd.concat(parts[1:] or parts, ignore_index=True)

    def _with_models(self, planned: Plan, frames: Mapping[str, pd.DataFrame]) -> Plan:
        """The plan with the models that predicted the rows of each day, which are not all its champion's."""
        model, reads = self.pipeline.table(nouns.MODEL), dict(planned.reads)
        for day, rows in frames.items():
            used = rows[["model_as_of", "model_version"]].drop_duplicates()
            reads[day] = [
                *(read for read in reads[day] if read.table != model),
                *(
                    Read(model, as_of, version, None, is_pinned=True)
                    for as_of, version in used.itertuples(index=False)
                ),
            ]
        return replace(planned, reads=reads)

    def score_by(
        self, workspace: Workspace, champion: Champion, features: Window, days: Sequence[str]
    ) -> pd.DataFrame:
        """Predictions of days by a champion, with all columns of the contract but ``is_late``.

        Raises:
            UnsafeModel: its files are gone or were altered.
        """
        this = self.pipeline
        try:
            model = workspace.models.load(
                this.table(nouns.MODEL), champion.fingerprint, this.specification
            )
        except UnsafeModel as error:
            raise UnsafeModel(f"{sentence(error)} {champion_advice(champion.as_of)}") from error
        model.refuse_lost_columns(columns(self.dataset), this.features)
        rows = features.read(days=days)
        scored = self.scored(model, rows)
        return scored.join(self.times.of_batch(rows, datetime.now(UTC))).assign(
            model_version=champion.fingerprint,
            model_as_of=champion.as_of,
            feature_version=scored[DAY].map(features.hashes),
        )


def _no_champion(day: str, predicted_on: str) -> str:
    when = "" if day == predicted_on else f", when {day} is predicted"
    return (
        f"not predicted: no champion serves on {predicted_on}{when}. Materialize a model and its release "
        "as of that day or an earlier one: the asset groups that end in __training and __release"
    )
