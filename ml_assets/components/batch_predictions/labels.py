"""Stage: labels that arrive after a prediction, and the performance of each day's predictions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.batch_predictions.stage import STAGE
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.derived import contract_sources
from ml_assets.contracts.validation import no_rows
from ml_assets.monitoring.contracts.performance import Performance
from ml_assets.monitoring.performance import arrived_labels, headline, performance
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import each_day, plan
from ml_assets.provenance.code import code_version
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class LabelStage:
    """The arrived labels and the performance of a pipeline.

    Attributes:
        pipeline: context shared by all stages.
        predictions: contract of the predictions.
        contract: contract of the arrived labels.
        skips_unpredicted: whether labels of rows without a prediction are left out: a service predicts
            those that are requested, and an ensemble may refuse some.
    """

    pipeline: PipelineContext
    predictions: type[Contract]
    contract: type[Contract]
    skips_unpredicted: bool

    def definitions(self) -> dg.Definitions:
        """The two assets and their checks."""
        this = self.pipeline
        return dg.Definitions.merge(
            this.define(
                nouns.LABELS,
                stage=STAGE,
                description="Actual outcomes by the day on which they became known, joined with their predictions.",
                version=self._label_version,
                inputs=[self._scored, self._outcomes],
                compute=self._collect_labels,
                contract=self.contract,
                inherits_from=this.table(nouns.PREDICTIONS),
                keeps_dead_letters=True,
            ),
            this.define(
                nouns.PERFORMANCE,
                stage=STAGE,
                description="Metrics of a day's predictions on the labels that have arrived so far.",
                version=self._performance_version,
                inputs=[self._predicted, self._arriving],
                compute=self._measure,
                contract=Performance,
            ),
        )

    @property
    def _label_version(self) -> str:
        this = self.pipeline
        return code_version(
            arrived_labels,
            *contract_sources(self.contract),
            this.labels.model_dump(),
            [list(this.join_keys), list(this.segments)],
            [this.specification.task, list(this.specification.classes)],
            self.skips_unpredicted,
        )

    @property
    def _performance_version(self) -> str:
        this = self.pipeline
        return code_version(performance, this.specification, list(this.segments), this.evaluation)

    @property
    def _predicted(self) -> Input:
        """The same day's predictions, which stay valid when their inputs change."""
        return self.pipeline.daily_input(self.pipeline.table(nouns.PREDICTIONS), is_pinned=True)

    @property
    def _scored(self) -> Input:
        return replace(self._predicted, first=-self.pipeline.arrives_within, is_optional=True)

    @property
    def _outcomes(self) -> Input:
        return replace(self._scored, table=self.pipeline.labels.asset, is_pinned=False)

    @property
    def _arriving(self) -> Input:
        this = self.pipeline
        return this.daily_input(
            this.table(nouns.LABELS), last=this.arrives_within, is_optional=True
        )

    def _collect_labels(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        inputs = {"predictions": self._scored, "outcomes": self._outcomes}
        planned = plan(lake, this.table(nouns.LABELS), days, inputs, self._label_version)
        scored = planned.windows["predictions"]
        predictions = planned.rows("predictions", self._scored)
        of_labels = (this.labels.column, this.labels.known_at, this.labels.day)
        columns = [*dict.fromkeys([DAY, *this.join_keys, *of_labels])]
        known = planned.rows("outcomes", self._outcomes, columns)
        planned, frames = each_day(
            planned, lambda day: self._labels_of(day, predictions, known, scored.hashes)
        )
        return output(planned, frames, self.contract, self._label_version, keeps_dead_letters=True)

    def _labels_of(
        self,
        day: str,
        predictions: pd.DataFrame | None,
        outcomes: pd.DataFrame | None,
        scored: Collection[str],
    ) -> pd.DataFrame:
        this = self.pipeline
        window = self._scored.days_of(day)
        scored_days = [scored_day for scored_day in window if scored_day in scored]
        if predictions is None or outcomes is None or not scored_days:
            return no_rows(self.contract)
        return arrived_labels(
            predictions[predictions[DAY].isin(scored_days)],
            outcomes[outcomes[DAY].isin(window)],
            day=day,
            calendar=this.calendar,
            scored_days=scored_days,
            key=this.join_keys,
            segments=this.segments,
            label=this.labels.column,
            known_at=this.labels.known_at,
            of_day=this.labels.day,
            delay=this.labels.delay.longest,
            within=this.arrives_within,
            classes=this.specification.classes,
            only_predicted=self.skips_unpredicted,
        )

    def _measure(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        inputs = {"predictions": self._predicted, "labels": self._arriving}
        planned = plan(lake, this.table(nouns.PERFORMANCE), days, inputs, self._performance_version)
        predictions = planned.rows("predictions", self._predicted)
        labels = planned.rows("labels", self._arriving)
        if predictions is None:
            predictions = no_rows(self.predictions)
        if labels is None:
            labels = no_rows(self.contract)

        def performance_of(day: str) -> pd.DataFrame:
            return performance(
                this.specification,
                predictions[predictions[DAY] == day],
                labels[labels["prediction_day"] == day],
                this.segments,
                day=day,
                rules=this.evaluation,
            )

        planned, frames = each_day(planned, performance_of)
        return output(
            planned,
            frames,
            Performance,
            self._performance_version,
            day_metadata={day: headline(frame) for day, frame in frames.items()},
        )
