"""Stage: from a challenger to the champion: comparison, release decision, registration.

The decisions are the truth about who is champion; the registry's alias follows them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg
import numpy as np
import pandas as pd
import pandera.pandas as pa

from ml_assets.components.model_pipeline.shared import Pipeline, output
from ml_assets.components.model_pipeline.training import held_out_rows
from ml_assets.contracts.contract import Contract
from ml_assets.lake.content import DAY
from ml_assets.lake.planning import Input, Plan, computing_too, each_day, plan
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.training import predict
from ml_assets.orchestration.checks import StoredDays, TableCheck, Verdict
from ml_assets.orchestration.model_io import project_models, project_registry
from ml_assets.orchestration.table_io import TableOutput
from ml_assets.orchestration.tables import code_version
from ml_assets.registry.champion import Champion, champions_of
from ml_assets.registry.release import (
    PROMOTED,
    Comparison,
    ReleaseDecision,
    ReleaseRules,
    compare,
    judge,
    main_values,
    verdict,
)

STAGE = "release"

PROMISES = {
    "is_unseen": "Neither model was fitted on a row that both were judged on.",
    "beats_champion": "The main metric improved by what defs.yaml requires; a first model beats the base rate.",
    "no_segment_degraded": "No segment with enough rows lost more of the main metric than is tolerated.",
    "groups_are_close": "The groups of the gated attribute are flagged at similar rates.",
}
"""The gates of a release, as the checks of its decision."""


class RegisteredModel(Contract):
    """The version of the registry that a promoted model is; no row when it was not promoted."""

    fingerprint: str = pa.Field(description="What identifies the model.")
    version: int = pa.Field(ge=1, description="Its version in the registry.")

    class Config:
        """A blocked model is not registered."""

        unique = ["fingerprint"]
        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}


@dataclass(frozen=True)
class Release:
    """The release stage of a pipeline.

    Attributes:
        pipeline: what the stages share.
        rules: what a challenger has to show.
    """

    pipeline: Pipeline
    rules: ReleaseRules

    def definitions(self) -> dg.Definitions:
        """The three assets and their checks."""
        this = self.pipeline
        return dg.Definitions.merge(
            this.define(
                "comparison",
                stage=STAGE,
                description="Challenger and champion on the same test rows, overall and per segment.",
                version=self._comparison_version,
                inputs=[self._dataset, self._model],
                compute=self._compare,
                contract=Comparison,
                is_as_of=True,
            ),
            this.define(
                "release_decision",
                stage=STAGE,
                description="Whether the model becomes the champion, with the evidence for it.",
                version=self._decision_version,
                inputs=[self._dataset, self._model, Input(this.table("comparison"))],
                compute=self._decide,
                contract=ReleaseDecision,
                is_as_of=True,
                checks=[_gate_check(name, promise) for name, promise in PROMISES.items()],
            ),
            this.define(
                "registered_model",
                stage=STAGE,
                description="The promoted model in the registry; its alias 'champion' follows the decisions.",
                version=self._registration_version,
                inputs=[self._dataset, self._model, Input(this.table("release_decision"))],
                compute=self._register,
                contract=RegisteredModel,
                is_as_of=True,
                kinds=frozenset({"mlflow"}),
            ),
        )

    @property
    def _comparison_version(self) -> str:
        this = self.pipeline
        return code_version(
            compare, this.specification.canonical(), list(this.segments), self.rules
        )

    @property
    def _decision_version(self) -> str:
        return code_version(judge, self.rules)

    @property
    def _registration_version(self) -> str:
        return code_version(RegisteredModel)

    @property
    def _dataset(self) -> Input:
        return Input(self.pipeline.table("training_dataset"))

    @property
    def _model(self) -> Input:
        return Input(self.pipeline.table("model"))

    def _champions_before(self, lake: Lake, days: Sequence[str]) -> dict[str, Champion]:
        """as-of day → the champion that a model of that day has to beat."""
        decisions = self.pipeline.decisions(lake, max(days))
        found: dict[str, Champion] = {}
        for day in days:
            found |= champions_of(decisions[decisions[DAY] < day], [day])
        return found

    def _against_champion(self, champions: Mapping[str, Champion]) -> Input:
        """The decision that made the champion, where there is one."""
        return replace(
            self.pipeline.champion_input(champions, "release_decision"), is_optional=True
        )

    def _compare(self, days: Sequence[str]) -> TableOutput:
        lake = Lake.of_project()
        champions = self._champions_before(lake, days)
        inputs = {
            "dataset": self._dataset,
            "model": self._model,
            "champion": self._against_champion(champions),
        }
        planned = plan(
            lake, self.pipeline.table("comparison"), days, inputs, self._comparison_version
        )
        planned = _first_only(planned)
        planned, frames = each_day(planned, self._comparison_of(planned, champions))
        return output(planned, frames, Comparison, self._comparison_version)

    def _comparison_of(
        self, planned: Plan, champions: Mapping[str, Champion]
    ) -> Callable[[str], pd.DataFrame]:
        this = self.pipeline

        def predictions(fingerprint: str, rows: pd.DataFrame) -> np.ndarray:
            model = project_models().load(this.table("model"), fingerprint, this.specification)
            return predict(this.specification, model, rows)

        def of_day(day: str) -> pd.DataFrame:
            held_out = held_out_rows(planned, day)
            test = held_out[held_out[SPLIT] == "test"]
            challenger = predictions(planned.windows["model"].hashes[day], test)
            champion = (
                predictions(champions[day].fingerprint, test)
                if day in champions
                else np.full(len(test), self._base_rate(planned, day))
            )
            return compare(
                this.specification, test, challenger, champion, this.segments, rules=self.rules
            )

        return of_day

    def _base_rate(self, planned: Plan, day: str) -> float:
        """Mean label of the training rows: what a first model has to beat."""
        label = self.pipeline.labels.column
        rows = planned.windows["dataset"].read([label, SPLIT], [day])
        return float(rows.loc[rows[SPLIT] == "train", label].mean())

    def _decide(self, days: Sequence[str]) -> TableOutput:
        lake = Lake.of_project()
        champions = self._champions_before(lake, days)
        inputs = {
            "dataset": self._dataset,
            "model": self._model,
            "comparison": Input(self.pipeline.table("comparison")),
            "champion": self._against_champion(champions),
        }
        planned = plan(
            lake, self.pipeline.table("release_decision"), days, inputs, self._decision_version
        )
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

    def _decision_of(self, planned: Plan, day: str, champion: Champion | None) -> pd.DataFrame:
        comparison = planned.windows["comparison"].read(days=[day])
        days = planned.windows["dataset"].read([FEATURE_DAY, SPLIT], [day])
        trained = days.loc[days[SPLIT] == "train", FEATURE_DAY]
        tested = days.loc[days[SPLIT] == "test", FEATURE_DAY]
        fitted_last = max(trained.max(), champion.training_last if champion else "")
        gates = judge(
            comparison,
            self.rules,
            task=self.pipeline.specification.task,
            is_first=champion is None,
            is_unseen=bool(fitted_last < tested.min()),
        )
        decided, reason = verdict(gates)
        metric, challenger_value, champion_value = main_values(
            comparison, self.pipeline.specification.task
        )
        return pd.DataFrame(
            [
                {
                    DAY: day,
                    "verdict": decided,
                    "reason": reason,
                    "challenger": planned.windows["model"].hashes[day],
                    "champion": champion.fingerprint if champion else "",
                    "champion_as_of": champion.as_of if champion else "",
                    "metric": metric,
                    "challenger_value": challenger_value,
                    "champion_value": champion_value,
                    "test_rows": len(tested),
                    "test_first": tested.min(),
                    "test_last": tested.max(),
                    "training_rows": len(trained),
                    "training_days": trained.nunique(),
                    "training_last": trained.max(),
                    **{gate.name: gate.passed for gate in gates},
                }
            ]
        )

    def _register(self, days: Sequence[str]) -> TableOutput:
        lake, this = Lake.of_project(), self.pipeline
        table = this.table("registered_model")
        inputs = {
            "decision": Input(this.table("release_decision")),
            "model": self._model,
            "dataset": self._dataset,
        }
        planned = plan(lake, table, days, inputs, self._registration_version)
        planned = computing_too(planned, self._lost_registrations(lake, planned))
        planned, frames = each_day(planned, lambda day: self._registration_of(planned, day))
        if frames:
            self._point_alias(lake)
        return output(planned, frames, RegisteredModel, self._registration_version)

    def _registration_of(self, planned: Plan, day: str) -> pd.DataFrame:
        this, name = self.pipeline, self.pipeline.table("model")
        decision = planned.windows["decision"].read(days=[day]).iloc[0]
        if decision["verdict"] != PROMOTED:
            return pd.DataFrame({DAY: [], "fingerprint": [], "version": []})
        model = project_models().load(name, decision["challenger"], this.specification)
        rows = planned.windows["dataset"].read([*this.specification.features, SPLIT], [day])
        example = rows.loc[rows[SPLIT] == "test", this.specification.features].head(100)
        version = project_registry().register(
            this.name,
            model,
            fingerprint=decision["challenger"],
            as_of=day,
            example=example,
            predictions=predict(this.specification, model, example),
        )
        return pd.DataFrame(
            {DAY: [day], "fingerprint": [decision["challenger"]], "version": [version]}
        )

    def _lost_registrations(self, lake: Lake, planned: Plan) -> list[str]:
        """Days whose version is no longer in the registry."""
        stored = [day for day, entry in planned.unchanged.items() if entry.rows]
        if not stored:
            return []
        rows = lake.read(self.pipeline.table("registered_model"), stored)
        known = {version.fingerprint for version in project_registry().versions(self.pipeline.name)}
        return sorted(rows.loc[~rows["fingerprint"].isin(known), DAY])

    def _point_alias(self, lake: Lake) -> None:
        """Let the alias follow the decisions, also when another run decides meanwhile."""
        registry, name = project_registry(), self.pipeline.name
        known = {version.fingerprint for version in registry.versions(name)}
        while champion := self._newest_champion(lake, known):
            registry.set_champion(name, champion.fingerprint)
            if self._newest_champion(lake, known) == champion:
                return

    def _newest_champion(self, lake: Lake, registered: set[str]) -> Champion | None:
        last = self.pipeline.as_of_days.get_last_partition_key() or ""
        decisions = self.pipeline.decisions(lake, last)
        decided = decisions[decisions["challenger"].isin(registered)]
        return champions_of(decided, [last]).get(last)


def _first_only(planned: Plan) -> Plan:
    """A champion follows from the decisions before, so models are judged one after the other."""
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


def _shown(decision: pd.DataFrame) -> dict[str, float | int | str]:
    row = decision.iloc[0]
    values = {
        "challenger": float(row["challenger_value"]),
        "champion": float(row["champion_value"]),
    }
    return {
        "verdict": row["verdict"],
        "reason": row["reason"],
        **{
            f"{row['metric']} of {name}": value for name, value in values.items() if pd.notna(value)
        },
    }


def _gate_check(name: str, promise: str) -> TableCheck:
    def judge_days(stored: StoredDays) -> dict[str, Verdict]:
        return {
            row[DAY]: Verdict(bool(row[name]), _reason_of(name, row["reason"]))
            for row in stored.rows.to_dict("records")
        }

    return TableCheck(name, promise, judge_days, fails_run=False)


def _reason_of(gate: str, reason: str) -> str:
    """The part of a decision's reason that is about one gate."""
    parts = [part for part in reason.split("; ") if part.startswith(f"{gate}: ")]
    return parts[0].partition(": ")[2] if parts else reason
