"""Stage: profiles of the features, drift against the champion's reference, the retraining decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from ml_assets.cadence import shifted
from ml_assets.components.monitoring.trainable import days_with_rows, trainable_days
from ml_assets.components.pipeline.output import output
from ml_assets.components.pipeline.pipeline import Pipeline
from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.validation import no_rows, validate
from ml_assets.errors import TrainingError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Read, usable_hashes
from ml_assets.monitoring.contracts.drift import DriftReport
from ml_assets.monitoring.contracts.profiles import FeatureProfile
from ml_assets.monitoring.contracts.retraining import RETRAIN, RetrainingDecision
from ml_assets.monitoring.drift import drift_report, summary
from ml_assets.monitoring.policy import Policy
from ml_assets.monitoring.profile import daily_profiles, reference_from_rows, to_rows
from ml_assets.monitoring.retraining import Evidence, decide
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.plan import Input, Plan, each_day, merge, plan
from ml_assets.provenance.code import code_version
from ml_assets.release.champion import Champion
from ml_assets.workspace import Workspace

STAGE = "monitoring"


@dataclass(frozen=True)
class MonitoringStage:
    """The monitoring stage of a pipeline.

    Attributes:
        pipeline: what the stages share.
        policy: when to retrain.
        window_days: days that a drift report spans.
        groups: feature → structural or environment.
        min_rows: rows that a drift report needs before a feature counts as drifted.
        label_contract: contract of the arrived labels.
    """

    pipeline: Pipeline
    policy: Policy
    window_days: int
    groups: Mapping[str, str]
    min_rows: int
    label_contract: type

    def definitions(self) -> dg.Definitions:
        """The three assets and their checks."""
        this = self.pipeline
        return dg.Definitions.merge(
            this.define(
                "feature_profile",
                stage=STAGE,
                description="How each feature was distributed on the day, in the bins of the champion's reference.",
                version=self._profile_version,
                inputs=[
                    Input(this.features),
                    this.champion_lineage("champion"),
                    this.champion_lineage("feature_reference"),
                ],
                compute=self._profile,
                contract=FeatureProfile,
                names={
                    "counted": this.names["feature_table"],
                    "dataset": [],
                    "reference": ["feature_reference"],
                    "champion": ["champion"],
                },
            ),
            this.define(
                "drift_report",
                stage=STAGE,
                description="How far the last days are from the champion's training window, against what is usual for it.",
                version=self._drift_version,
                inputs=[self._profiles, this.champion_lineage("feature_reference")],
                compute=self._report,
                contract=DriftReport,
                undrawn=["champion"],
            ),
            this.define(
                "retraining_decision",
                stage=STAGE,
                description="Whether a new model is asked for, by which evidence, and why or why not.",
                version=self._decision_version,
                inputs=[
                    self._labels,
                    self._drift,
                    this.champion_lineage("champion"),
                ],
                compute=self._decide,
                contract=RetrainingDecision,
                is_fact=True,
                undrawn=["retraining_decision"],
            ),
        )

    @property
    def _profile_version(self) -> str:
        return code_version(daily_profiles, self.pipeline.specification.features)

    @property
    def _drift_version(self) -> str:
        return code_version(
            drift_report, sorted(self.groups.items()), self.window_days, self.min_rows
        )

    @property
    def _decision_version(self) -> str:
        this = self.pipeline
        return code_version(decide, self.policy, this.windows)

    @property
    def _profiles(self) -> Input:
        table = self.pipeline.table("feature_profile")
        return Input(table, 1 - self.window_days, 0, is_optional=True)

    @property
    def _labels(self) -> Input:
        table = self.pipeline.table("labels")
        return Input(table, 1 - self.policy.label_days, 0, is_optional=True)

    @property
    def _drift(self) -> Input:
        table = self.pipeline.table("drift_report")
        return Input(table, 1 - self.policy.label_days, 0, is_optional=True)

    def _profile(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        champions = this.champions(lake, days)
        inputs = {
            "features": Input(this.features),
            "reference": this.champion_input(champions, "feature_reference"),
        }
        planned = plan(lake, this.table("feature_profile"), days, inputs, self._profile_version)
        planned, frames = each_day(planned, self._profile_of(planned, champions))
        return output(planned, frames, FeatureProfile, self._profile_version)

    def _profile_of(
        self, planned: Plan, champions: Mapping[str, Champion]
    ) -> Callable[[str], pd.DataFrame]:
        used = [DAY, *self.pipeline.specification.features]
        references = planned.windows["reference"]
        features = (
            planned.windows["features"].read(used, planned.compute) if planned.compute else None
        )

        def of_day(day: str) -> pd.DataFrame:
            if day not in champions or features is None:
                raise TrainingError(
                    f"there is no champion on {day} whose reference it could be compared with"
                )
            as_of = champions[day].as_of
            bins = [whole.bins for whole in reference_from_rows(references.read(days=[as_of]))]
            return to_rows(*daily_profiles(features[features[DAY] == day], bins), as_of)

        return of_day

    def _report(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        lake, this = workspace.lake, self.pipeline
        champions = this.champions(lake, days)
        inputs = {
            "profiles": self._profiles,
            "reference": this.champion_input(champions, "feature_reference"),
        }
        planned = plan(lake, this.table("drift_report"), days, inputs, self._drift_version)
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
        window = planned.windows["profiles"]
        profiles = window.read() if window.hashes else no_rows(FeatureProfile)

        def of_day(day: str) -> pd.DataFrame:
            if day not in champions:
                raise TrainingError(f"there is no champion on {day} to report drift for")
            as_of = champions[day].as_of
            of_window = profiles[
                profiles[DAY].isin(self._profiles.days_of(day)) & (profiles["reference"] == as_of)
            ]
            if of_window.empty:
                raise TrainingError(
                    f"no profile of the {self.window_days} days up to {day} is stored"
                )
            reference = planned.windows["reference"].read(days=[as_of])
            return drift_report(
                reference,
                of_window,
                self.groups,
                day=day,
                reference=as_of,
                min_rows=self.min_rows,
            )

        return of_day

    def _decide(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        """Decide day by day, as each decision looks back on those before it."""
        lake, this = workspace.lake, self.pipeline
        table = this.table("retraining_decision")
        champions = this.champions(lake, days)
        stored = self._asked_for(lake, max(days))
        asked_for = {day: found for day, found in stored.items() if day not in days}
        inputs = {
            "labels": self._labels,
            "drift": self._drift,
        }
        plans: list[Plan] = []
        frames: dict[str, pd.DataFrame] = {}
        with_rows = days_with_rows(lake.ledger, [this.features, this.labels.asset])
        for day in sorted(days):
            first = shifted(day, -self.policy.budget_days)
            before = {asked: found for asked, found in asked_for.items() if first < asked < day}
            reads = [
                *(
                    Read(table, asked, found, None, is_pinned=True)
                    for asked, found in before.items()
                ),
                *this.model_reads(champions).get(day, []),
            ]
            planned = plan(
                lake,
                table,
                [day],
                inputs,
                self._decision_version,
                further_reads={day: reads},
                keeps_stored=True,
            )
            if planned.compute:
                champion = champions.get(day)
                frames[day] = self._decision_of(planned, day, champion, list(before), with_rows)
                asked_for |= _asked_in(day, frames[day])
            elif day in stored:
                asked_for[day] = stored[day]
            plans.append(planned)
        return output(
            merge(plans),
            frames,
            RetrainingDecision,
            self._decision_version,
            day_metadata={day: _shown(frame) for day, frame in frames.items()},
            is_final=True,
        )

    def _decision_of(
        self,
        planned: Plan,
        day: str,
        champion: Champion | None,
        asked_for: Sequence[str],
        with_rows: Sequence[str],
    ) -> pd.DataFrame:
        labels, drift = planned.windows["labels"], planned.windows["drift"]
        known = labels.read() if labels.hashes else no_rows(self.label_contract)
        windows = self.pipeline.windows
        evidence = Evidence(
            day=day,
            champion=champion,
            labels=known[~known["is_late"].astype(bool)],
            drift=drift.read() if drift.hashes else no_rows(DriftReport),
            asked_for=asked_for,
            trainable_days=trainable_days(with_rows, shifted(day, 1), windows),
            champion_days=trainable_days(with_rows, champion.as_of, windows) if champion else 0,
        )
        return decide(evidence, self.policy)

    def _asked_for(self, lake: Lake, last: str) -> dict[str, str]:
        """Days up to ``last`` on which a retraining was asked for → content hash of the decision."""
        table = self.pipeline.table("retraining_decision")
        stored = usable_hashes(lake.ledger.latest(table))
        days = sorted(day for day in stored if day <= last)
        if not days:
            return {}
        rows = lake.read(table, days, columns=[DAY, "verdict"])
        return {day: stored[day] for day in sorted(rows.loc[rows["verdict"] == RETRAIN, DAY])}


def _asked_in(day: str, decision: pd.DataFrame) -> dict[str, str]:
    """The day and the hash its decision will have, when a retraining was asked for."""
    if decision["verdict"].iloc[0] != RETRAIN:
        return {}
    return day_hashes(validate(decision, RetrainingDecision, [day]).rows, [day])


def _shown(decision: pd.DataFrame) -> dict[str, float | int | str]:
    row = decision.iloc[0]
    shown = {"verdict": row["verdict"], "reason": row["reason"], "rule": row["rule"]}
    numbers = ["metric_now", "mean_prediction", "mean_label", "drifted_features", "data_growth"]
    return {**shown, **{name: float(row[name]) for name in numbers if pd.notna(row[name])}}
