"""Stage: the evidence for and against a challenger, and the decision on it.

Comparison and fairness are measured, the decision judges them. What becomes of a decision
(approval, staging, tests, champion) is in ``stages``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
import numpy as np
import pandas as pd

from ml_assets.components.model_pipeline.evidence import exhibit
from ml_assets.components.model_pipeline.shared import Pipeline, markdown_table, output
from ml_assets.components.model_pipeline.training import held_out_rows
from ml_assets.lake.content import DAY, digest
from ml_assets.lake.planning import Input, Plan, computing_too, each_day, plan
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.evaluation import OVERALL, segments_of
from ml_assets.learning.training import predict
from ml_assets.orchestration.checks import StoredDays, TableCheck, Verdict
from ml_assets.orchestration.day_metadata import Further
from ml_assets.orchestration.model_io import project_models
from ml_assets.orchestration.table_io import TableOutput
from ml_assets.orchestration.tables import code_version
from ml_assets.registry.champion import Champion
from ml_assets.registry.comparison import Comparison, compare, row_set
from ml_assets.registry.fairness import Fairness, fairness
from ml_assets.registry.gates import Exhibit, Question, judge
from ml_assets.registry.release import (
    BLOCKED,
    ReleaseDecision,
    findings,
    findings_of,
    main_figures,
    verdict,
)
from ml_assets.registry.rules import ReleaseRules

STAGE = "release"

PROMISES = {
    "is_unseen": "Both models were judged on the same rows, and neither was fitted on one of them.",
    "beats_champion": "The main metric improved by what defs.yaml requires; a first model beats the base rate.",
    "no_segment_degraded": "No segment with enough rows lost clearly more of the main metric than is tolerated.",
    "groups_are_close": "The groups of the gated attribute are treated alike, and no less so than by the champion.",
}
"""The gates of a release, as the checks of its decision."""


@dataclass(frozen=True)
class Release:
    """Evidence and decision of a pipeline.

    Attributes:
        pipeline: what the stages share.
        rules: what a challenger has to show.
    """

    pipeline: Pipeline
    rules: ReleaseRules

    def definitions(self) -> dg.Definitions:
        """The three assets and their checks.

        They read the champion of earlier days too; Dagster draws no asset that leads to itself.
        """
        this = self.pipeline
        return dg.Definitions.merge(
            this.define(
                "comparison",
                stage=STAGE,
                description="Challenger and champion on the same test rows, overall and per segment, with paired intervals.",
                version=self._comparison_version,
                inputs=[self._dataset, self._model],
                compute=self._compare,
                contract=Comparison,
                is_as_of=True,
            ),
            this.define(
                "fairness",
                stage=STAGE,
                description="How differently challenger and champion treat the groups of the gated attribute.",
                version=self._fairness_version,
                inputs=[self._dataset, self._model],
                compute=self._measure_fairness,
                contract=Fairness,
                is_as_of=True,
            ),
            this.define(
                "release_decision",
                stage=STAGE,
                description="Whether the model may become the champion, with the evidence for and against it.",
                version=self._decision_version,
                inputs=[
                    self._dataset,
                    self._model,
                    Input(this.table("comparison")),
                    Input(this.table("fairness")),
                ],
                compute=self._decide,
                contract=ReleaseDecision,
                is_as_of=True,
                checks=[_gate_check(name, promise) for name, promise in PROMISES.items()],
            ),
        )

    @property
    def _comparison_version(self) -> str:
        this = self.pipeline
        return code_version(
            compare,
            this.specification.canonical(),
            list(this.segments),
            self.rules,
            this.evaluation,
        )

    @property
    def _fairness_version(self) -> str:
        this = self.pipeline
        return code_version(fairness, this.specification.canonical(), self.rules, this.evaluation)

    @property
    def _decision_version(self) -> str:
        this = self.pipeline
        return code_version(judge, verdict, self.rules, this.evaluation, list(this.segments))

    @property
    def _dataset(self) -> Input:
        return Input(self.pipeline.table("training_dataset"))

    @property
    def _model(self) -> Input:
        return Input(self.pipeline.table("model"))

    def _against_champion(self, champions: Mapping[str, Champion]) -> Input:
        """The release that made the champion, where there is one."""
        return replace(self.pipeline.champion_input(champions, "champion"), is_optional=True)

    def _planned(
        self, noun: str, days: Sequence[str], version: str, **further: Input
    ) -> tuple[Plan, dict[str, Champion]]:
        lake, this = Lake.of_project(), self.pipeline
        champions = this.champions_before(lake, days)
        inputs = {
            "dataset": self._dataset,
            "model": self._model,
            "champion": self._against_champion(champions),
            **further,
        }
        return plan(lake, this.table(noun), days, inputs, version), champions

    def _compare(self, days: Sequence[str]) -> TableOutput:
        planned, champions = self._planned("comparison", days, self._comparison_version)
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
        return output(planned, frames, Comparison, self._comparison_version, day_metadata=shown)

    def _measure_fairness(self, days: Sequence[str]) -> TableOutput:
        planned, champions = self._planned("fairness", days, self._fairness_version)
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
        return output(planned, frames, Fairness, self._fairness_version, day_metadata=shown)

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

    def _decide(self, days: Sequence[str]) -> TableOutput:
        exhibits = {
            noun: Input(self.pipeline.table(noun), is_optional=True, is_pinned=True)
            for noun in ("comparison", "fairness")
        }
        planned, champions = self._planned(
            "release_decision", days, self._decision_version, **exhibits
        )
        planned = computing_too(planned, self._without_evidence(planned))
        planned, frames = each_day(
            planned, lambda day: self._decision_of(planned, day, champions.get(day))
        )
        return output(
            planned,
            frames,
            ReleaseDecision,
            self._decision_version,
            day_metadata={day: _shown(frame) for day, frame in frames.items()},
        )

    def _without_evidence(self, planned: Plan) -> list[str]:
        """Days that were blocked for want of evidence, which may be there now."""
        days = list(planned.unchanged)
        if not days:
            return []
        rows = Lake.of_project().read(self.pipeline.table("release_decision"), days)
        return sorted(rows.loc[rows["verdict"] == BLOCKED, DAY])

    def _decision_of(self, planned: Plan, day: str, champion: Champion | None) -> pd.DataFrame:
        this, lake = self.pipeline, Lake.of_project()
        comparison = exhibit(lake, this.table("comparison"), day, self._comparison_version)
        fair = exhibit(lake, this.table("fairness"), day, self._fairness_version)
        used = {FEATURE_DAY, SPLIT, this.labels.column, self.rules.gated_attribute}
        rows = planned.windows["dataset"].read(
            [DAY, *sorted(used | set(this.key) | set(this.segments))], [day]
        )
        trained = rows.loc[rows[SPLIT] == "train", FEATURE_DAY]
        test = rows[rows[SPLIT] == "test"]
        question = self._question(test, trained, planned.windows["model"].hashes[day], champion)
        gates = judge(question, comparison, fair, self.rules)
        decided, reason = verdict(gates)
        return pd.DataFrame(
            [
                {
                    DAY: day,
                    "verdict": decided,
                    "reason": reason,
                    "findings": findings(gates),
                    "evidence": self._evidence(day, question, comparison, fair),
                    "challenger": question.challenger,
                    "champion": question.champion,
                    "champion_as_of": champion.as_of if champion else "",
                    "metric": question.metrics[0],
                    **main_figures(comparison, question.metrics[0]),
                    "test_rows": len(test),
                    "test_first": question.tested_first,
                    "test_last": test[FEATURE_DAY].max() if len(test) else "",
                    "training_rows": len(trained),
                    "training_days": trained.nunique(),
                    "training_last": question.fitted_last[0],
                    **{gate.name: gate.passed for gate in gates},
                }
            ]
        )

    def _question(
        self, test: pd.DataFrame, trained: pd.Series, challenger: str, champion: Champion | None
    ) -> Question:
        this = self.pipeline
        counts = {
            (segment.column, segment.value): int(segment.chosen.sum())
            for segment in segments_of(test, [*this.segments, self.rules.gated_attribute])
            if segment.column != OVERALL
        }
        gated = self.rules.gated_attribute
        return Question(
            task=this.specification.task,
            metrics=this.evaluation.of_task(this.specification.task),
            challenger=challenger,
            champion=champion.fingerprint if champion else "",
            rows=row_set(test, this.key, this.labels.column) if len(test) else "",
            count=len(test),
            segments={name: count for name, count in counts.items() if name[0] in this.segments},
            groups={value: count for (column, value), count in counts.items() if column == gated},
            fitted_last=[
                trained.max() if len(trained) else "",
                *([champion.training_last] if champion else []),
            ],
            tested_first=test[FEATURE_DAY].min() if len(test) else "",
        )

    def _evidence(self, day: str, question: Question, *exhibits: Exhibit) -> str:
        """Hash of everything that was judged and by which rules: what an approval is of."""
        return digest(
            day,
            repr(question),
            repr(self.rules),
            repr(self.pipeline.evaluation),
            *(f"{item.name} {item.content_hash} {item.problem}" for item in exhibits),
        )


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


def _shown(decision: pd.DataFrame) -> Further:
    row = decision.iloc[0]
    gates = pd.DataFrame(
        [
            {"gate": name, "": "passed" if row[name] else "NOT PASSED", "found": finding}
            for name, finding in findings_of(row["findings"]).items()
        ]
    )
    values = {
        f"{row['metric']} of challenger": row["challenger_value"],
        f"{row['metric']} of champion": row["champion_value"],
        "lower bound of the gain": row["improvement_low"],
        "upper bound of the gain": row["improvement_high"],
    }
    return {
        "verdict": row["verdict"],
        "reason": row["reason"],
        "evidence": row["evidence"],
        "gates": markdown_table(gates),
        **{name: float(value) for name, value in values.items() if np.isfinite(value)},
    }


def _gate_check(name: str, promise: str) -> TableCheck:
    def judge_days(stored: StoredDays) -> dict[str, Verdict]:
        return {
            row[DAY]: Verdict(
                bool(row[name]), findings_of(row["findings"]).get(name, row["reason"])
            )
            for row in stored.rows.to_dict("records")
        }

    return TableCheck(name, promise, judge_days, fails_run=False)
