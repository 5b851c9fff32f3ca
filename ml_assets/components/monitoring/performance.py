"""Stage: the champion's performance in the last partitions, with its limits, as known on each day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import TrainingError
from ml_assets.learning.evaluation import Evaluation
from ml_assets.learning.predictions import prediction_columns
from ml_assets.learning.scoring import PREDICTION_ID
from ml_assets.monitoring.contracts.rolling import PerformanceReport
from ml_assets.monitoring.limits import ReportRules
from ml_assets.monitoring.performance import PREDICTION_DAY
from ml_assets.monitoring.rolling import performance_report, report_summary
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import Plan, each_day, plan
from ml_assets.provenance.code import code_version
from ml_assets.release.champion import Champion
from ml_assets.workspace import Workspace

OF_MODEL = ["model_version", "is_late"]


@dataclass(frozen=True)
class PerformanceStage:
    """The performance reports of a pipeline.

    Attributes:
        pipeline: context shared by all stages.
        rules: windows, metrics and limits.
        predictions: contract of the predictions.
        labels: contract of the arrived labels.
    """

    pipeline: PipelineContext
    rules: ReportRules
    predictions: type[Contract]
    labels: type[Contract]

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        this = self.pipeline
        return this.define(
            nouns.PERFORMANCE_REPORT,
            stage="monitoring",
            description=(
                "Metrics of the champion's predictions of the last days, overall and per segment, with "
                "intervals and limits, by the labels that had arrived at the end of the day."
            ),
            version=self._version,
            inputs=[
                self._predicted,
                self._arrived,
                this.champion_lineage(nouns.CHAMPION),
                this.champion_lineage(nouns.EVALUATION),
            ],
            compute=self._report,
            contract=PerformanceReport,
        )

    @property
    def _version(self) -> str:
        return code_version(performance_report, self.pipeline.specification, self.rules)

    @property
    def _predicted(self) -> Input:
        """The predictions of the windows, which stay valid when their inputs change."""
        table = self.pipeline.table(nouns.PREDICTIONS)
        first = 1 - self.rules.longest
        return self.pipeline.daily_input(table, first, is_optional=True, is_pinned=True)

    @property
    def _arrived(self) -> Input:
        table = self.pipeline.table(nouns.LABELS)
        return replace(self._predicted, table=table, is_pinned=False)

    def _report(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        champions = this.champions(lake, days)
        evaluated = this.champion_input(champions, nouns.EVALUATION)
        inputs = {
            "predictions": self._predicted,
            "labels": self._arrived,
            "champion": this.release_of_champion(champions),
            "evaluation": replace(evaluated, is_optional=True),
        }
        planned = plan(lake, this.table(nouns.PERFORMANCE_REPORT), days, inputs, self._version)
        planned, frames = each_day(planned, self._report_of(planned, champions))
        return output(
            planned,
            frames,
            PerformanceReport,
            self._version,
            day_metadata={day: report_summary(frame) for day, frame in frames.items()},
        )

    def _report_of(
        self, planned: Plan, champions: Mapping[str, Champion]
    ) -> Callable[[str], pd.DataFrame]:
        specification, segments = self.pipeline.specification, self.rules.segments
        shown = [PREDICTION_ID, *OF_MODEL, *segments]
        predictions = planned.rows("predictions", self._predicted, [DAY, *shown])
        predicted = prediction_columns(specification.classes)
        of_labels = [DAY, PREDICTION_DAY, "label", *predicted, *shown]
        labels = planned.rows("labels", self._arrived, of_labels)
        if predictions is None:
            predictions = no_rows(self.predictions)
        if labels is None:
            labels = no_rows(self.labels)
        evaluations = planned.windows["evaluation"]
        evaluation_of = cache(lambda as_of: evaluations.read(days=[as_of]))

        def of_day(day: str) -> pd.DataFrame:
            if day not in champions:
                raise TrainingError(f"no champion on {day}, so there is no performance to report")
            champion, window = champions[day], self._predicted.days_of(day)
            is_evaluated = champion.as_of in evaluations.hashes
            return performance_report(
                specification,
                predictions[predictions[DAY].between(window[0], day)],
                labels[labels[DAY].between(window[0], day)],
                evaluation_of(champion.as_of) if is_evaluated else no_rows(Evaluation),
                champion,
                self.rules,
                day=day,
            )

        return of_day
