"""Stage: the decision whether to retrain, by labels, drift and growth of the training data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.monitoring.trainable import days_with_rows, trainable_days
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import no_rows, validate
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Read, usable_hashes
from ml_assets.monitoring.contracts.drift import DriftReport
from ml_assets.monitoring.contracts.retraining import RETRAIN, RetrainingDecision
from ml_assets.monitoring.evidence import RetrainingEvidence
from ml_assets.monitoring.policy import Policy
from ml_assets.monitoring.retraining import decide
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import plan
from ml_assets.provenance.code import code_version
from ml_assets.release.champion import Champion, newest
from ml_assets.release.history import releases
from ml_assets.workspace import Workspace


@dataclass(frozen=True)
class RetrainingStage:
    """The retraining decisions of a pipeline.

    Attributes:
        pipeline: context shared by all stages.
        policy: when to retrain.
        label_contract: contract of the arrived labels.
        members: member of an ensemble → its pipeline; empty for any other model.
    """

    pipeline: PipelineContext
    policy: Policy
    label_contract: type[Contract]
    members: Mapping[str, PipelineContext]

    def definitions(self) -> dg.Definitions:
        """The asset and its checks."""
        this = self.pipeline
        return this.define(
            nouns.RETRAINING_DECISION,
            stage="monitoring",
            description="Whether a new model is requested, with the evidence and the reason.",
            version=self._decision_version,
            inputs=[
                self._labels,
                self._drift,
                this.champion_lineage(nouns.CHAMPION),
            ],
            compute=self._decide,
            contract=RetrainingDecision,
            is_fact=True,
            hidden_inputs=[nouns.RETRAINING_DECISION],
        )

    @property
    def _decision_version(self) -> str:
        this = self.pipeline
        return code_version(decide, self.policy, this.windows)

    @property
    def _labels(self) -> Input:
        table = self.pipeline.table(nouns.LABELS)
        return self._window(table)

    @property
    def _drift(self) -> Input:
        return self._window(self.pipeline.table(nouns.DRIFT_REPORT))

    def _window(self, table: str) -> Input:
        length = self.policy.label_window(self.pipeline.calendar)
        return self.pipeline.daily_input(table, 1 - length, is_optional=True)

    def _decide(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        """Decide day by day, because each decision depends on earlier ones."""
        lake, this = workspace.lake, self.pipeline
        table = this.table(nouns.RETRAINING_DECISION)
        champions = this.champions(lake, days)
        stored = self._requested_days(lake, max(days))
        requested = {day: found for day, found in stored.items() if day not in days}
        inputs = {"labels": self._labels, "drift": self._drift}
        planned = plan(lake, table, sorted(days), inputs, self._decision_version, keeps_stored=True)
        rows = {name: planned.rows(name, item) for name, item in inputs.items()}
        computed = {*planned.compute}
        labels = no_rows(self.label_contract) if rows["labels"] is None else rows["labels"]
        drift = no_rows(DriftReport) if rows["drift"] is None else rows["drift"]
        model_reads = this.model_reads(champions)
        with_rows = days_with_rows(lake.ledger, [this.features, this.labels.asset])
        frames: dict[str, pd.DataFrame] = {}
        reads = dict(planned.reads)
        for day in sorted(days):
            if day in computed:
                first = self.policy.budget_start(day, this.calendar)
                before = {then: found for then, found in requested.items() if first < then < day}
                reads[day] = [
                    *reads[day],
                    *(
                        Read(table, then, found, None, is_pinned=True)
                        for then, found in before.items()
                    ),
                    *model_reads.get(day, []),
                ]
                evidence = self._evidence(
                    day,
                    labels,
                    drift,
                    champion=champions.get(day),
                    requested=list(before),
                    with_rows=with_rows,
                    new_members=self._new_members(lake, day, champions.get(day)),
                )
                frames[day] = decide(evidence, self.policy)
                requested |= _requested_in(day, frames[day])
            elif day in stored:
                requested[day] = stored[day]
        return output(
            replace(planned, reads=reads),
            frames,
            RetrainingDecision,
            self._decision_version,
            day_metadata={day: _day_metadata(frame) for day, frame in frames.items()},
            is_final=True,
        )

    def _evidence(
        self,
        day: str,
        labels: pd.DataFrame,
        drift: pd.DataFrame,
        *,
        champion: Champion | None,
        requested: Sequence[str],
        with_rows: Sequence[str],
        new_members: Mapping[str, str],
    ) -> RetrainingEvidence:
        this = self.pipeline
        calendar, windows = this.as_of_calendar, this.windows
        next_as_of = calendar.next_from(this.calendar.bounds(day)[1])
        known = _within(labels, self._labels.days_of(day))
        return RetrainingEvidence(
            day=day,
            calendar=this.calendar,
            next_as_of=next_as_of,
            champion=champion,
            labels=known[~known["is_late"].astype(bool)],
            drift=_within(drift, self._drift.days_of(day)),
            requested_days=requested,
            trainable_days=trainable_days(with_rows, next_as_of, windows, calendar),
            champion_days=trainable_days(with_rows, champion.as_of, windows, calendar)
            if champion
            else 0,
            classes=this.specification.classes,
            new_members=new_members,
        )

    def _new_members(self, lake: Lake, day: str, champion: Champion | None) -> dict[str, str]:
        """Member → as-of day of its champion at the end of a day, if no ensemble was made of it yet.

        An ensemble that the gates rejected is not requested again.

        Args:
            lake: the lake.
            day: the day.
            champion: the ensemble's champion of the day; without one, no member is new.
        """
        if champion is None or not self.members:
            return {}
        this = self.pipeline
        until = this.as_of_calendar.next_from(this.calendar.bounds(day)[1])
        composed = [as_of for as_of in lake.days_stored(this.table(nouns.MODEL)) if as_of <= until]
        reads = lake.ledger.reads(this.table(nouns.MODEL), [max(composed, default=champion.as_of)])
        inside = {(read.table, read.content_hash) for found in reads.values() for read in found}
        new = {}
        for name, member in self.members.items():
            table = member.table(nouns.CHAMPION)
            last = newest(releases(lake, table, until, includes_last=False))
            if last and (member.table(nouns.MODEL), last.fingerprint) not in inside:
                new[name] = last.as_of
        return new

    def _requested_days(self, lake: Lake, last: str) -> dict[str, str]:
        """Days up to ``last`` on which a retraining was requested → content hash of the decision."""
        table = self.pipeline.table(nouns.RETRAINING_DECISION)
        stored = usable_hashes(lake.ledger.latest(table))
        days = sorted(day for day in stored if day <= last)
        if not days:
            return {}
        rows = lake.read(table, days, columns=[DAY, "verdict"])
        return {day: stored[day] for day in sorted(rows.loc[rows["verdict"] == RETRAIN, DAY])}


def _within(rows: pd.DataFrame, days: Sequence[str]) -> pd.DataFrame:
    """Rows of successive days."""
    return rows[rows[DAY].between(days[0], days[-1])].reset_index(drop=True)


def _requested_in(day: str, decision: pd.DataFrame) -> dict[str, str]:
    """The day → content hash of its decision, if it requests a retraining; otherwise empty."""
    if decision["verdict"].iloc[0] != RETRAIN:
        return {}
    return day_hashes(validate(decision, RetrainingDecision, [day]).rows, [day])


def _day_metadata(decision: pd.DataFrame) -> dict[str, float | int | str]:
    row = decision.iloc[0]
    metadata = {"verdict": row["verdict"], "reason": row["reason"], "rule": row["rule"]}
    numbers = ["metric_now", "mean_prediction", "mean_label", "drifted_features", "data_growth"]
    return {**metadata, **{name: float(row[name]) for name in numbers if pd.notna(row[name])}}
