"""Stage: the decision on a challenger, by applying the gates to the stored evidence.

``evidence`` measures the evidence; ``approvals``, ``staging`` and ``champion`` follow a decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ml_assets import nouns
from ml_assets.components.model_release.evidence import EvidenceStage, sensitive_columns
from ml_assets.components.model_release.stored_evidence import load_evidence
from ml_assets.components.pipeline.output import markdown_table, output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY, digest
from ml_assets.errors import sentence
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.ledger.entries import Entry
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck
from ml_assets.planning.plan import Plan, each_day, plan, with_recomputed
from ml_assets.provenance.code import code_version
from ml_assets.release.by_hand import written_by_hand
from ml_assets.release.champion import Champion
from ml_assets.release.decision import (
    BLOCKED,
    ReleaseDecision,
    findings,
    main_values,
    parse_findings,
    verdict,
)
from ml_assets.release.evidence.question import Question, build_question
from ml_assets.release.evidence.values import EvidenceTable
from ml_assets.release.gates import GateOutcome, judge
from ml_assets.release.history import release_of
from ml_assets.release.rules import ReleaseRules
from ml_assets.workspace import Workspace

STAGE = "release"

GATE_DESCRIPTIONS = {
    "is_unseen": "Both models were judged on the same rows, and neither was fitted on any of them.",
    "beats_champion": "The gain of the main metric satisfies the release rule: with 'non_inferior', the model may be worse by less than the margin. A first model is better than the base rate.",
    "no_segment_degraded": "No judged segment lost more of the main metric than segment_rule and segment_tolerance allow.",
    "groups_are_close": "No gap between groups of the sensitive feature is above the limit, or clearly above the champion's.",
}
"""Gate of a release → description of its check."""

OUTCOME_LABELS = {
    GateOutcome.PASSED: "passed",
    GateOutcome.APPROVABLE: "NOT PASSED, a person may approve",
    GateOutcome.FINAL: "NOT PASSED, no approval lifts it",
    GateOutcome.NO_EVIDENCE: "NO EVIDENCE",
}
"""Label of a gate's outcome in the UI."""


@dataclass(frozen=True)
class DecisionStage:
    """The release decisions of a pipeline.

    Attributes:
        evidence: the stage that measures the evidence.
    """

    evidence: EvidenceStage

    @property
    def pipeline(self) -> PipelineContext:
        """The context shared by all stages."""
        return self.evidence.pipeline

    @property
    def rules(self) -> ReleaseRules:
        """The release rules."""
        return self.evidence.rules

    def definitions(self) -> dg.Definitions:
        """The asset, and a check for each gate."""
        this = self.pipeline
        return this.define(
            nouns.RELEASE_DECISION,
            stage=STAGE,
            description="Whether the model may become the champion, with the evidence for and against it.",
            version=self.version,
            inputs=[
                this.input(noun)
                for noun in (nouns.TRAINING_DATASET, nouns.MODEL, nouns.COMPARISON, nouns.FAIRNESS)
            ],
            compute=self._decide,
            contract=ReleaseDecision,
            is_as_of=True,
            hidden_inputs=[nouns.CHAMPION],
            names=sensitive_columns(self.rules),
            checks=[
                TableCheck(name, description, partial(self._judge_gate, name), fails_run=False)
                for name, description in GATE_DESCRIPTIONS.items()
            ],
        )

    @property
    def version(self) -> str:
        """Version of the code and rules of the decision."""
        return code_version(judge, verdict, build_question, load_evidence, self.evidence.measuring)

    def _judge_gate(self, gate: str, stored: StoredDays) -> dict[str, DayVerdict]:
        """Day → whether its model passed a gate; a warning if a person approved it, and it was released."""
        rows = stored.rows.to_dict("records")
        history = stored.lake.ledger.history(self.pipeline.table(nouns.CHAMPION))
        return {row[DAY]: _gate_verdict(stored.lake, history, gate, row) for row in rows}

    def _decide(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake = workspace.lake
        evidence = {
            noun: replace(
                self.pipeline.input(noun), is_optional=True, is_pinned=True, is_evidence=True
            )
            for noun in (nouns.COMPARISON, nouns.FAIRNESS)
        }
        this = self.pipeline
        champions = this.champions_before(lake, days)
        inputs = this.evidence_inputs(champions) | evidence
        table = this.table(nouns.RELEASE_DECISION)
        planned = plan(lake, table, days, inputs, self.version)
        planned = with_recomputed(planned, self._days_to_decide_again(lake, planned))
        planned, frames = each_day(
            planned, lambda day: self._decision_of(lake, planned, day, champions.get(day))
        )
        return output(
            planned,
            frames,
            ReleaseDecision,
            self.version,
            day_metadata={day: _day_metadata(frame) for day, frame in frames.items()},
        )

    def _days_to_decide_again(self, lake: Lake, planned: Plan) -> list[str]:
        """Blocked days, whose evidence may be complete now, and days written outside a run."""
        days = list(planned.unchanged)
        if not days:
            return []
        table = self.pipeline.table(nouns.RELEASE_DECISION)
        rows = lake.read(table, days)
        blocked = rows.loc[rows["verdict"] == BLOCKED, DAY]
        return sorted({*blocked, *written_by_hand(lake, table, days)})

    def _decision_of(
        self, lake: Lake, planned: Plan, day: str, champion: Champion | None
    ) -> pd.DataFrame:
        this = self.pipeline
        comparison, fair = (
            load_evidence(lake, this.table(noun), day, self.evidence.version)
            for noun in (nouns.COMPARISON, nouns.FAIRNESS)
        )
        rows = verified_rows(planned.windows["dataset"], day)
        trained = rows.loc[rows[SPLIT] == "train", FEATURE_DAY]
        test = rows[rows[SPLIT] == "test"]
        challenger = planned.windows["model"].hashes[day]
        question = build_question(self.evidence.measuring, rows, challenger, champion)
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
                    **main_values(comparison, question.metrics[0]),
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

    def _evidence(self, day: str, question: Question, *tables: EvidenceTable) -> str:
        """Hash of the evidence and the rules it was judged by, to which an approval refers."""
        return digest(
            day,
            repr(question),
            repr(self.rules),
            repr(self.pipeline.evaluation),
            *(f"{item.name} {item.content_hash} {item.problem}" for item in tables),
        )


def _day_metadata(decision: pd.DataFrame) -> ExtraMetadata:
    row = decision.iloc[0]
    gates = pd.DataFrame(
        [
            {"gate": gate.name, "": OUTCOME_LABELS[gate.outcome], "found": gate.reason}
            for gate in parse_findings(row["findings"]).values()
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


def _gate_verdict(
    lake: Lake, history: Sequence[Entry], gate: str, decision: Mapping[Any, Any]
) -> DayVerdict:
    reason = parse_findings(decision["findings"])[gate].reason
    if decision[gate]:
        return DayVerdict(True, reason)
    if release := release_of(lake, history, decision[DAY], decision["evidence"]):
        text = f"{sentence(reason)} Released by {release['released_by']}."
        return DayVerdict(False, text, is_warning=True)
    return DayVerdict(False, reason)
