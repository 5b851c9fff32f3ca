"""Stage: an ensemble beside its members: which of them predicts the test rows better alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import numpy as np
import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.output import markdown_table, output, plan_same_day
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import TrainingError
from ml_assets.lake.integrity import verified_rows
from ml_assets.learning.dataset import test_rows
from ml_assets.learning.ensembles.members import member_columns
from ml_assets.learning.scorer.ensembles import EnsembleScorer
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck
from ml_assets.planning.plan import each_day
from ml_assets.provenance.code import code_version
from ml_assets.release.evidence.members import MemberComparison, compare_members
from ml_assets.workspace import Workspace

READS = (nouns.TRAINING_DATASET, nouns.MODEL)


@dataclass(frozen=True)
class MemberStage:
    """The comparison of an ensemble with its members.

    Attributes:
        pipeline: context shared by all stages.
        members: member → its pipeline.
    """

    pipeline: PipelineContext
    members: Mapping[str, PipelineContext]

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        return self.pipeline.define(
            nouns.MEMBER_COMPARISON,
            stage="training",
            description="The ensemble and each member alone on the same test rows, with paired intervals.",
            version=self._version,
            inputs=[self.pipeline.input(noun) for noun in READS],
            compute=self._compare,
            contract=MemberComparison,
            is_as_of=True,
            checks=[
                TableCheck(
                    "no_member_is_better_alone",
                    "No member alone has a better main metric than the ensemble, by more than chance.",
                    self._better_alone,
                    severity=dg.AssetCheckSeverity.WARN,
                    fails_run=False,
                )
            ],
        )

    @property
    def _version(self) -> str:
        this = self.pipeline
        return code_version(compare_members, this.specification, this.evaluation)

    def _compare(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        this, version = self.pipeline, self._version
        planned = plan_same_day(
            this, workspace.lake, nouns.MEMBER_COMPARISON, days, version, reads=READS
        )

        def of_day(day: str) -> pd.DataFrame:
            rows = test_rows(verified_rows(planned.windows[nouns.TRAINING_DATASET], day))
            fingerprint = planned.windows[nouns.MODEL].hashes[day]
            model = workspace.models.load(this.table(nouns.MODEL), fingerprint, this.specification)
            scorer = model.scorer
            if not isinstance(scorer, EnsembleScorer):
                raise TrainingError("the model of the day is no ensemble: compose it again")
            found = compare_members(
                this.specification,
                rows,
                scorer.of_frame(rows),
                self._alone(scorer, rows),
                key=this.join_keys,
                rules=this.evaluation,
            )
            return found if len(found) else no_rows(MemberComparison)

        planned, frames = each_day(planned, of_day)
        metadata: dict[str, ExtraMetadata] = {
            day: {"the ensemble and each member alone": markdown_table(frame.drop(columns=DAY))}
            for day, frame in frames.items()
        }
        return output(planned, frames, MemberComparison, version, day_metadata=metadata)

    def _better_alone(self, stored: StoredDays) -> dict[str, DayVerdict]:
        """Day → the members whose main metric is better than the ensemble's, by an interval below zero."""
        [metric, *_] = self.pipeline.evaluation.of_task(self.pipeline.specification.task)
        found: dict[str, DayVerdict] = {}
        for day in stored.stored:
            rows = stored.rows[(stored.rows[DAY] == day) & (stored.rows["metric"] == metric)]
            undefined = rows.loc[rows["improvement"].isna(), "member"]
            better = rows[(rows["improvement"] < 0) & ~(rows["high"] >= 0)]
            reasons = [f"{metric} of {name} is undefined" for name in undefined]
            reasons += [
                f"{row.member} alone has {metric} {row.alone:.4f}, the ensemble {row.ensemble:.4f} (gain "
                f"{row.improvement:+.4f}, {row.low:.4f} to {row.high:.4f})"
                for row in better.sort_values("improvement").itertuples()
            ]
            found[day] = DayVerdict(not reasons, "; ".join(reasons))
        return found

    def _alone(self, scorer: EnsembleScorer, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        """Member → its predictions, of the members that predict the same label."""
        chain, labels = scorer.rules.combine.chain, self.pipeline.labels
        own = {
            name: one
            for name, one in scorer.members.items()
            if self.members[name].labels.asset == labels.asset
            and self.members[name].labels.column == labels.column
        }
        columns = rows
        for link in chain.links if chain else ():
            columns = columns.assign(**{link.gives: _predicted(scorer, link.member, columns)})
        return {name: _predicted(scorer, name, columns) for name in own}


def _predicted(scorer: EnsembleScorer, name: str, rows: pd.DataFrame) -> np.ndarray:
    member = scorer.members[name]
    inputs = member_columns(scorer.rules.members[name], member.specification.features, rows)
    return member.compute(inputs, len(rows))
