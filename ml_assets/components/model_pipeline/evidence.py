"""Stage: the evidence for and against a challenger: comparison and fairness, measured, not judged.

Challenger and champion are measured on the same test rows. A champion follows from the releases
before, so models are measured one after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
import pandas as pd

from ml_assets.components.model_pipeline.shared import Pipeline, markdown_table, output
from ml_assets.components.model_pipeline.training import held_out_rows
from ml_assets.lake.code import code_version
from ml_assets.lake.planning import Input, Plan, each_day, plan
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.training import predict
from ml_assets.orchestration.day_metadata import Further
from ml_assets.orchestration.model_io import project_models
from ml_assets.orchestration.table_io import TableOutput
from ml_assets.registry.champion import Champion
from ml_assets.registry.comparison import Comparison, compare
from ml_assets.registry.fairness import Fairness, fairness
from ml_assets.registry.rules import ReleaseRules

STAGE = "release"


@dataclass(frozen=True)
class EvidenceStage:
    """What is measured of a pipeline's challengers.

    Attributes:
        pipeline: what the stages share.
        rules: which groups are compared, and the rows that a segment or group needs.
    """

    pipeline: Pipeline
    rules: ReleaseRules

    def definitions(self) -> dg.Definitions:
        """The two assets and their checks.

        They read the champion of earlier days too; Dagster draws no asset that leads to itself.
        """
        this = self.pipeline
        return dg.Definitions.merge(
            this.define(
                "comparison",
                stage=STAGE,
                description="Challenger and champion on the same test rows, overall and per segment, with paired intervals.",
                version=self.comparison_version,
                inputs=[self._dataset, self._model],
                compute=self._compare,
                contract=Comparison,
                is_as_of=True,
            ),
            this.define(
                "fairness",
                stage=STAGE,
                description="How differently challenger and champion treat the groups of the gated attribute.",
                version=self.fairness_version,
                inputs=[self._dataset, self._model],
                compute=self._measure_fairness,
                contract=Fairness,
                is_as_of=True,
            ),
        )

    @property
    def comparison_version(self) -> str:
        """Version of what measures the comparison."""
        this = self.pipeline
        return code_version(
            compare,
            this.specification,
            list(this.segments),
            self.rules,
            this.evaluation,
        )

    @property
    def fairness_version(self) -> str:
        """Version of what measures the groups."""
        this = self.pipeline
        return code_version(fairness, this.specification, self.rules, this.evaluation)

    @property
    def _dataset(self) -> Input:
        return Input(self.pipeline.table("training_dataset"))

    @property
    def _model(self) -> Input:
        return Input(self.pipeline.table("model"))

    def _planned(
        self, noun: str, days: Sequence[str], version: str
    ) -> tuple[Plan, dict[str, Champion]]:
        lake, this = Lake.of_project(), self.pipeline
        champions = this.champions_before(lake, days)
        inputs = {
            "dataset": self._dataset,
            "model": self._model,
            "champion": this.release_of_champion(champions),
        }
        return plan(lake, this.table(noun), days, inputs, version), champions

    def _compare(self, days: Sequence[str]) -> TableOutput:
        planned, champions = self._planned("comparison", days, self.comparison_version)
        planned = _first_only(planned)

        def of_day(day: str) -> pd.DataFrame:
            test = self._test_rows(planned, day)
            new = self._scored(test, planned.windows["model"].hashes[day])
            old = (
                self._scored(test, champions[day].fingerprint)
                if day in champions
                else test.assign(prediction=self._base_rate(planned, day))
            )
            this = self.pipeline
            found = compare(
                this.specification,
                new,
                old,
                key=this.key,
                segments=this.segments,
                rules=this.evaluation,
                min_segment_rows=self.rules.min_segment_rows,
            )
            return found.assign(**_models(planned, champions, day))

        planned, frames = each_day(planned, of_day)
        shown = {day: _compared(frame) for day, frame in frames.items()}
        return output(planned, frames, Comparison, self.comparison_version, day_metadata=shown)

    def _measure_fairness(self, days: Sequence[str]) -> TableOutput:
        planned, champions = self._planned("fairness", days, self.fairness_version)
        planned = _first_only(planned)

        def of_day(day: str) -> pd.DataFrame:
            test = self._test_rows(planned, day)
            found = fairness(
                self.pipeline.specification,
                self._scored(test, planned.windows["model"].hashes[day]),
                self._scored(test, champions[day].fingerprint) if day in champions else None,
                key=self.pipeline.key,
                rules=self.rules,
                evaluation=self.pipeline.evaluation,
            )
            return found.assign(**_models(planned, champions, day))

        planned, frames = each_day(planned, of_day)
        shown = {day: {"groups": _groups(frame)} for day, frame in frames.items()}
        return output(planned, frames, Fairness, self.fairness_version, day_metadata=shown)

    def _test_rows(self, planned: Plan, day: str) -> pd.DataFrame:
        held_out = held_out_rows(planned, day)
        return held_out[held_out[SPLIT] == "test"]

    def _scored(self, test: pd.DataFrame, fingerprint: str) -> pd.DataFrame:
        this = self.pipeline
        model = project_models().load(this.table("model"), fingerprint, this.specification)
        return test.assign(prediction=predict(this.specification, model, test))

    def _base_rate(self, planned: Plan, day: str) -> float:
        """Mean label of the training rows: what a first model has to beat."""
        label = self.pipeline.labels.column
        rows = planned.windows["dataset"].read([label, SPLIT], [day])
        return float(rows.loc[rows[SPLIT] == "train", label].mean())


def _models(planned: Plan, champions: Mapping[str, Champion], day: str) -> dict[str, str]:
    return {
        "challenger_model": planned.windows["model"].hashes[day],
        "champion_model": champions[day].fingerprint if day in champions else "",
    }


def _first_only(planned: Plan) -> Plan:
    """A champion follows from the releases before, so models are judged one after the other."""
    if len(planned.compute) < 2:
        return planned
    first, *others = sorted(planned.compute)
    reason = (
        f"{first}, of the same run, is judged first, and may be the champion to beat: materialize "
        "this day in a run of its own"
    )
    return replace(
        planned, compute=[first], skipped={**planned.skipped, **dict.fromkeys(others, reason)}
    )


def _compared(comparison: pd.DataFrame) -> Further:
    overall = comparison[comparison["segment_column"] == OVERALL]
    segments = comparison[comparison["segment_column"] != OVERALL].sort_values("improvement")
    columns = ["challenger", "champion", "improvement", "low", "high", "rows", "is_judged"]
    return {
        "overall": markdown_table(overall[["metric", *columns]]),
        "segments, worst first": markdown_table(segments[["segment_column", "segment", *columns]]),
    }


def _groups(fairness: pd.DataFrame) -> dg.MarkdownMetadataValue:
    columns = ["group", "metric", "challenger", "low", "high", "champion", "rows", "is_judged"]
    return markdown_table(fairness[columns])
