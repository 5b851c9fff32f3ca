"""Stage: measures the evidence for and against a challenger: comparison and fairness.

Challenger and champion are measured on the same test rows. The champion depends on earlier
releases, so models are measured one after the other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.output import markdown_table, output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.lineage import Names
from ml_assets.errors import TrainingError
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.store import Lake
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.evaluation import OVERALL
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.plan import Plan, each_day, plan
from ml_assets.provenance.code import code_version
from ml_assets.release.champion import Champion, newest
from ml_assets.release.evidence.builder import EvidenceBuilder, PredictFunction
from ml_assets.release.evidence.comparison import Comparison
from ml_assets.release.evidence.fairness import Fairness
from ml_assets.release.promotion import training_command
from ml_assets.release.rules import ReleaseRules
from ml_assets.workspace import Workspace

STAGE = "release"


@dataclass(frozen=True)
class EvidenceStage:
    """The evidence about a pipeline's challengers.

    Attributes:
        pipeline: context shared by all stages.
        rules: groups to compare, and the rows that a segment or group needs.
        dataset: contract of the training dataset.
    """

    pipeline: PipelineContext
    rules: ReleaseRules
    dataset: type[Contract]

    def definitions(self) -> dg.Definitions:
        """The two assets and their checks.

        They also read the champion of earlier days, which Dagster's graph omits to avoid a cycle.
        """
        this = self.pipeline
        return dg.Definitions.merge(
            this.define(
                nouns.COMPARISON,
                stage=STAGE,
                description="Challenger and champion on the same test rows, overall and per segment, with paired intervals.",
                version=self.version,
                inputs=[this.input(nouns.TRAINING_DATASET), this.input(nouns.MODEL)],
                compute=self._compare,
                contract=Comparison,
                is_as_of=True,
                hidden_inputs=[nouns.CHAMPION],
                names=sensitive_columns(self.rules),
            ),
            this.define(
                nouns.FAIRNESS,
                stage=STAGE,
                description="Rates of challenger and champion per group of the sensitive feature, and the gaps between groups.",
                version=self.version,
                inputs=[this.input(nouns.TRAINING_DATASET), this.input(nouns.MODEL)],
                compute=self._measure_fairness,
                contract=Fairness,
                is_as_of=True,
                hidden_inputs=[nouns.CHAMPION],
                names=sensitive_columns(self.rules),
            ),
        )

    @property
    def measuring(self) -> EvidenceBuilder:
        """Configuration of the measurements."""
        this = self.pipeline
        return EvidenceBuilder(
            this.specification, this.join_keys, this.segments, this.evaluation, self.rules
        )

    @property
    def version(self) -> str:
        """Version of the code and configuration that measure the evidence."""
        return code_version(EvidenceBuilder, newest, self.measuring)

    def _planned(
        self, lake: Lake, noun: str, days: Sequence[str]
    ) -> tuple[Plan, dict[str, Champion]]:
        this = self.pipeline
        champions = this.champions_before(lake, days)
        planned = plan(lake, this.table(noun), days, this.evidence_inputs(champions), self.version)
        return _keep_first_day(planned), champions

    def _compare(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        planned, champions = self._planned(workspace.lake, nouns.COMPARISON, days)
        measure = self.measuring.comparison
        planned, frames = self._measure(workspace.models, planned, champions, measure)
        return output(
            planned,
            frames,
            Comparison,
            self.version,
            day_metadata={day: _comparison_metadata(frame) for day, frame in frames.items()},
        )

    def _measure_fairness(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        planned, champions = self._planned(workspace.lake, nouns.FAIRNESS, days)
        measure = self.measuring.fairness
        planned, frames = self._measure(workspace.models, planned, champions, measure)
        return output(
            planned,
            frames,
            Fairness,
            self.version,
            day_metadata={day: {"groups": _fairness_table(frame)} for day, frame in frames.items()},
        )

    def _measure(
        self,
        models: ModelStore,
        planned: Plan,
        champions: Mapping[str, Champion],
        measure: Callable[..., pd.DataFrame],
    ) -> tuple[Plan, dict[str, pd.DataFrame]]:
        def measure_day(day: str) -> pd.DataFrame:
            dataset = verified_rows(planned.windows["dataset"], day)
            challenger, champion = planned.windows["model"].hashes[day], champions.get(day)
            new = self._predictions_of(models, challenger)
            old = self._predictions_of(models, champion.fingerprint) if champion else None
            return self._run_measurement(day, lambda: measure(dataset, new, old)).assign(
                challenger_model=challenger,
                champion_model=champion.fingerprint if champion else "",
            )

        return each_day(planned, measure_day)

    def _predictions_of(self, models: ModelStore, fingerprint: str) -> PredictFunction:
        """The predictions of a model, by the columns that it was trained on."""
        this = self.pipeline
        model = models.load(this.table(nouns.MODEL), fingerprint, this.specification)
        model.refuse_lost_columns(columns(self.dataset), this.features)
        return model.predict

    def _run_measurement(self, day: str, measure: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Run a measurement; errors caused by the data or the model skip the day with their reason.

        Raises:
            TrainingError: data or model cannot be measured.
        """
        try:
            return measure()
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise TrainingError(
                f"the models could not be measured ({type(error).__name__}: {error}). Repair the data "
                f"or the model of the day, then run: {training_command(self.pipeline.name, day)}"
            ) from error


def sensitive_columns(rules: ReleaseRules) -> Names:
    """Column for the contracts' placeholder ``sensitive_feature``."""
    return {"sensitive_feature": [rules.sensitive_feature] if rules.sensitive_feature else []}


def _keep_first_day(planned: Plan) -> Plan:
    """Keep the first day of a plan, as later ones depend on the champion that it may produce."""
    if len(planned.compute) < 2:
        return planned
    first, *others = sorted(planned.compute)
    reason = (
        f"{first} of the same run is judged first and may become the champion to beat: materialize "
        "this day in a separate run"
    )
    return replace(
        planned, compute=[first], skipped={**planned.skipped, **dict.fromkeys(others, reason)}
    )


def _comparison_metadata(comparison: pd.DataFrame) -> ExtraMetadata:
    overall = comparison[comparison["segment_column"] == OVERALL]
    segments = comparison[comparison["segment_column"] != OVERALL].sort_values("improvement")
    columns = ["challenger", "champion", "improvement", "low", "high", "rows", "is_judged"]
    return {
        "overall": markdown_table(overall[["metric", *columns]]),
        "segments, worst first": markdown_table(segments[["segment_column", "segment", *columns]]),
    }


def _fairness_table(fairness: pd.DataFrame) -> dg.MarkdownMetadataValue:
    columns = ["group", "metric", "challenger", "low", "high", "champion", "rows", "is_judged"]
    return markdown_table(fairness[columns])
