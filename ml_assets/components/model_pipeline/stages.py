"""Stage: what becomes of a decision: approval, registration, staging, integration tests, champion.

Each step stores what it did, so a release that is cut short goes on where it was, and one that is
judged again takes back what followed from it. A model that was not released has no row anywhere.
A canary, which watches a share of real traffic, belongs between the tests and the champion: an
asset of its own that reads ``integration_tests`` and that ``champion`` reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pa

from ml_assets.components.model_pipeline.shared import Pipeline, markdown_table, output
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import CommitConflict
from ml_assets.lake.content import DAY
from ml_assets.lake.planning import Input, Plan, computing_too, each_day, plan
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.training import predict
from ml_assets.orchestration.checks import StoredDays, TableCheck, Verdict
from ml_assets.orchestration.day_metadata import Further
from ml_assets.orchestration.model_io import project_models, project_registry
from ml_assets.orchestration.table_io import TableOutput
from ml_assets.orchestration.tables import code_version
from ml_assets.registry.approval_log import ApprovalLog
from ml_assets.registry.approvals import (
    Approvals,
    State,
    application,
    approval_rows,
    records_of,
    standing,
)
from ml_assets.registry.champion import BY_GATES, ChampionModel, champions_of
from ml_assets.registry.integration import IntegrationTest, StagingRules, integration_tests
from ml_assets.registry.release import AWAITING, PASSED
from ml_assets.registry.store import CHAMPION, STAGING

STAGE = "release"

REQUESTS = 50
"""Test rows that the staged model has to answer as the trained one did."""


class RegisteredModel(Contract):
    """The version of the registry that a released model is; no row when it was not released."""

    fingerprint: str = pa.Field(description="What identifies the model.")
    version: int = pa.Field(ge=1, description="Its version in the registry.")

    class Config:
        """A model that was not released is not registered."""

        unique = ["fingerprint"]
        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}


class StagingModel(RegisteredModel):
    """The version that was staged for this as-of day; no row when there was none."""


@dataclass(frozen=True)
class Released:
    """A release that may go on, and by whom."""

    by: str
    serves_from: str


@dataclass(frozen=True)
class Stages:
    """Everything between a decision and the champion.

    Attributes:
        pipeline: what the stages share.
        rules: budgets of the integration tests.
    """

    pipeline: Pipeline
    rules: StagingRules

    def definitions(self) -> dg.Definitions:
        """The assets and their checks; a backtest has no registry, so no model is staged there."""
        if not self.pipeline.has_registry:
            return dg.Definitions.merge(self._approvals(), self._champion())
        return dg.Definitions.merge(
            self._approvals(),
            self._registered_model(),
            self._staging_model(),
            self._integration_tests(),
            self._champion(),
        )

    def _approvals(self) -> dg.Definitions:
        return self.pipeline.define(
            "approvals",
            stage=STAGE,
            description="What persons said to a release that waits for approval; nothing of it is ever changed.",
            version=self._approvals_version,
            inputs=[self._input("release_decision")],
            compute=self._collect_approvals,
            contract=Approvals,
            is_as_of=True,
            checks=[
                TableCheck(
                    "is_decided",
                    "The release waits for nobody: it passed its gates, or a person has decided.",
                    self._waiting,
                    dg.AssetCheckSeverity.WARN,
                    fails_run=False,
                )
            ],
        )

    def _registered_model(self) -> dg.Definitions:
        return self.pipeline.define(
            "registered_model",
            stage=STAGE,
            description="The released model in the registry.",
            version=code_version(RegisteredModel, self.pipeline.specification.canonical()),
            inputs=[self._input(noun) for noun in (*self._decided, "model", "training_dataset")],
            compute=self._register,
            contract=RegisteredModel,
            is_as_of=True,
            kinds=frozenset({"mlflow"}),
        )

    def _staging_model(self) -> dg.Definitions:
        return self.pipeline.define(
            "staging_model",
            stage=STAGE,
            description="The released model under the registry's alias 'staging', where it is tested.",
            version=code_version(StagingModel),
            inputs=[self._input("registered_model")],
            compute=self._stage,
            contract=StagingModel,
            is_as_of=True,
            kinds=frozenset({"mlflow"}),
        )

    def _integration_tests(self) -> dg.Definitions:
        return self.pipeline.define(
            "integration_tests",
            stage=STAGE,
            description="Whether the staged model works in a clean process: loads, answers, keeps its budgets.",
            version=self._tests_version,
            inputs=[self._input(noun) for noun in ("staging_model", "model", "training_dataset")],
            compute=self._test,
            contract=IntegrationTest,
            is_as_of=True,
            kinds=frozenset({"mlflow"}),
            checks=[
                TableCheck(
                    "staged_model_works",
                    "Every integration test of the staged model passed.",
                    _tests_passed,
                    fails_run=False,
                )
            ],
        )

    def _champion(self) -> dg.Definitions:
        return self.pipeline.define(
            "champion",
            stage=STAGE,
            description="The model that serves from this as-of day on; the registry's alias 'champion' follows it.",
            version=code_version(ChampionModel),
            inputs=[self._input(noun) for noun in self._released_through],
            compute=self._promote,
            contract=ChampionModel,
            is_as_of=True,
        )

    @property
    def _approvals_version(self) -> str:
        return code_version(approval_rows, standing)

    @property
    def _tests_version(self) -> str:
        return code_version(integration_tests, self.rules, self.pipeline.specification.canonical())

    @property
    def _decided(self) -> tuple[str, str]:
        return "release_decision", "approvals"

    @property
    def _released_through(self) -> list[str]:
        """What a model has to have gone through to become champion."""
        stages = ["registered_model", "integration_tests"] if self.pipeline.has_registry else []
        return [*self._decided, *stages]

    def _input(self, noun: str) -> Input:
        return Input(self.pipeline.table(noun))

    def _planned(self, noun: str, days: Sequence[str], version: str, *nouns: str) -> Plan:
        inputs = {name: self._input(name) for name in nouns}
        return plan(Lake.of_project(), self.pipeline.table(noun), days, inputs, version)

    def _collect_approvals(self, days: Sequence[str]) -> TableOutput:
        version = self._approvals_version
        planned = self._planned("approvals", days, version, "release_decision")
        planned = computing_too(planned, list(planned.unchanged))
        planned, frames = each_day(planned, lambda day: self._approvals_of(planned, day))
        return output(planned, frames, Approvals, version)

    def _approvals_of(self, planned: Plan, day: str) -> pd.DataFrame:
        """What was said; an approval that is in force is applied once, and then for ever."""
        decision = _row(planned, "release_decision", day)
        log, name, now = ApprovalLog.of_project(), self.pipeline.name, datetime.now(UTC)
        if decision["verdict"] == AWAITING:
            found = standing(log.records(name, day), decision["evidence"], now)
            if found.state is State.APPROVED and found.record is not None:
                log.append(application(found.record, now))
        return approval_rows(log.records(name, day), {day: decision["evidence"]})

    def _waiting(self, stored: StoredDays) -> dict[str, Verdict]:
        lake = Lake.of_project()
        decisions = lake.read(self.pipeline.table("release_decision"), stored.stored)
        found: dict[str, Verdict] = {}
        for decision in decisions.to_dict("records"):
            day = decision[DAY]
            said = records_of(self.pipeline.name, stored.rows[stored.rows[DAY] == day])
            state = standing(said, decision["evidence"], datetime.now(UTC)).state
            waits = decision["verdict"] == AWAITING and state in (State.WAITING, State.APPROVED)
            found[day] = Verdict(
                not waits,
                f"awaiting_approval: {decision['reason']}. Decide with 'ml-assets approve "
                f"{self.pipeline.name} {day} --by NAME --reason TEXT', or 'reject'."
                if waits
                else "",
            )
        return found

    def _released(self, planned: Plan, day: str) -> Released | None:
        """Whether the release may go on: it passed, or its approval was applied."""
        decision = _row(planned, "release_decision", day)
        if decision["verdict"] == PASSED:
            return Released(BY_GATES, day)
        if decision["verdict"] != AWAITING:
            return None
        said = records_of(self.pipeline.name, planned.windows["approvals"].read(days=[day]))
        found = standing(said, decision["evidence"], datetime.now(UTC))
        if found.state is not State.RELEASED or found.record is None:
            return None
        return Released(found.record.signature, found.record.serves_from)

    def _register(self, days: Sequence[str]) -> TableOutput:
        version = code_version(RegisteredModel, self.pipeline.specification.canonical())
        planned = self._planned(
            "registered_model", days, version, *self._decided, "model", "training_dataset"
        )
        planned = computing_too(planned, self._lost_registrations(planned))
        planned, frames = each_day(planned, lambda day: self._registration_of(planned, day))
        return output(planned, frames, RegisteredModel, version)

    def _registration_of(self, planned: Plan, day: str) -> pd.DataFrame:
        if self._released(planned, day) is None:
            return no_rows(RegisteredModel)
        this, fingerprint = self.pipeline, planned.windows["model"].hashes[day]
        model = project_models().load(this.table("model"), fingerprint, this.specification)
        example = self._requests(planned, day)
        number = project_registry().register(
            this.name,
            model,
            fingerprint=fingerprint,
            as_of=day,
            example=example,
            predictions=predict(this.specification, model, example),
        )
        return pd.DataFrame({DAY: [day], "fingerprint": [fingerprint], "version": [number]})

    def _requests(self, planned: Plan, day: str) -> pd.DataFrame:
        """Input columns of some test rows."""
        features = self.pipeline.specification.features
        rows = planned.windows["training_dataset"].read([*features, SPLIT], [day])
        return rows.loc[rows[SPLIT] == "test", features].head(REQUESTS)

    def _lost_registrations(self, planned: Plan) -> list[str]:
        """Days whose version is no longer in the registry."""
        stored = [day for day, entry in planned.unchanged.items() if entry.rows]
        if not stored:
            return []
        rows = Lake.of_project().read(self.pipeline.table("registered_model"), stored)
        known = {version.fingerprint for version in project_registry().versions(self.pipeline.name)}
        return sorted(rows.loc[~rows["fingerprint"].isin(known), DAY])

    def _stage(self, days: Sequence[str]) -> TableOutput:
        version = code_version(StagingModel)
        planned = self._planned("staging_model", days, version, "registered_model")

        def of_day(day: str) -> pd.DataFrame:
            registered = planned.windows["registered_model"].read(days=[day])
            for fingerprint in registered["fingerprint"]:
                project_registry().set_alias(self.pipeline.name, STAGING, fingerprint)
            return registered

        planned, frames = each_day(planned, of_day)
        return output(planned, frames, StagingModel, version)

    def _test(self, days: Sequence[str]) -> TableOutput:
        version = self._tests_version
        planned = self._planned(
            "integration_tests", days, version, "staging_model", "model", "training_dataset"
        )
        planned = computing_too(planned, self._failed_tests(planned))
        figures: dict[str, dict[str, float]] = {}

        def of_day(day: str) -> pd.DataFrame:
            staged = planned.windows["staging_model"].read(days=[day])
            if staged.empty:
                return no_rows(IntegrationTest)
            rows, figures[day] = self._tests_of(planned, day, staged["fingerprint"].iloc[0])
            return rows.assign(**{DAY: day})

        planned, frames = each_day(planned, of_day)
        shown: dict[str, Further] = {
            day: {**figures.get(day, {}), "tests": markdown_table(frame.drop(columns=DAY))}
            for day, frame in frames.items()
            if len(frame)
        }
        return output(planned, frames, IntegrationTest, version, day_metadata=shown)

    def _failed_tests(self, planned: Plan) -> list[str]:
        """Days with a test that failed: what broke it (a budget, a lost file) may be repaired."""
        days = [day for day, entry in planned.unchanged.items() if entry.rows]
        if not days:
            return []
        rows = Lake.of_project().read(self.pipeline.table("integration_tests"), days)
        return sorted(set(rows.loc[~rows["passed"].astype(bool), DAY]))

    def _tests_of(
        self, planned: Plan, day: str, fingerprint: str
    ) -> tuple[pd.DataFrame, dict[str, float]]:
        """The integration tests of a version, which has the alias 'staging' while they run.

        Raises:
            CommitConflict: another release took the alias meanwhile, so they say nothing.
        """
        this, registry, models = self.pipeline, project_registry(), project_models()
        registry.set_alias(this.name, STAGING, fingerprint)
        model = models.load(this.table("model"), fingerprint, this.specification)
        requests = self._requests(planned, day)
        found = integration_tests(
            registry,
            this.name,
            this.specification,
            fingerprint,
            requests,
            predict(this.specification, model, requests),
            models.probe(this.table("model"), fingerprint),
            self.rules,
        )
        staged = registry.with_alias(this.name, STAGING)
        if staged is None or staged.fingerprint != fingerprint:
            raise CommitConflict(
                f"Another release of {this.name} took the alias 'staging' while the model of {day} "
                "was tested there. Its tests are run again."
            )
        return found

    def _promote(self, days: Sequence[str]) -> TableOutput:
        version = code_version(ChampionModel)
        planned = self._planned("champion", days, version, *self._released_through)
        planned, frames = each_day(planned, lambda day: self._champion_of(planned, day))
        return output(
            planned,
            frames,
            ChampionModel,
            version,
            day_metadata=_champions(frames),
            after_commit=self._point_alias if self.pipeline.has_registry else None,
        )

    def _champion_of(self, planned: Plan, day: str) -> pd.DataFrame:
        released = self._released(planned, day)
        number = self._tested_version(planned, day) if self.pipeline.has_registry else 0
        if released is None or number is None:
            return no_rows(ChampionModel)
        decision = _row(planned, "release_decision", day)
        return pd.DataFrame(
            [
                {
                    DAY: day,
                    "fingerprint": decision["challenger"],
                    "version": number,
                    "serves_from": released.serves_from,
                    "released_by": released.by,
                    "evidence": decision["evidence"],
                    "metric": decision["metric"],
                    "value": decision["challenger_value"],
                    "training_days": decision["training_days"],
                    "training_last": decision["training_last"],
                    "replaces": decision["champion_as_of"],
                }
            ]
        )

    def _tested_version(self, planned: Plan, day: str) -> int | None:
        """The registered version if every integration test of it is there and passed."""
        registered = planned.windows["registered_model"].read(days=[day])
        tests = planned.windows["integration_tests"].read(days=[day])
        if registered.empty or not _all_passed(tests):
            return None
        return int(registered["version"].iloc[0])

    def _point_alias(self) -> None:
        """Let the alias follow the champions, also when another run releases meanwhile."""
        registry, name = project_registry(), self.pipeline.name
        while (newest := self._newest()) is not None:
            registry.set_alias(name, CHAMPION, newest)
            if self._newest() == newest:
                return

    def _newest(self) -> str | None:
        last = self.pipeline.as_of_days.get_last_partition_key() or ""
        releases = self.pipeline.releases(Lake.of_project(), last)
        far = max([last, *releases["serves_from"]])
        champion = champions_of(releases, [far]).get(far)
        return champion.fingerprint if champion else None


def _row(planned: Plan, noun: str, day: str) -> dict[str, Any]:
    rows = planned.windows[noun].read(days=[day]).to_dict("records")
    return {str(name): value for name, value in rows[0].items()}


def _all_passed(tests: pd.DataFrame) -> bool:
    """Whether no test is missing and none failed."""
    return set(tests["test"]) == set(IntegrationTest.names()) and bool(tests["passed"].all())


def _tests_passed(stored: StoredDays) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for day in stored.stored:
        rows = stored.rows[stored.rows[DAY] == day]
        failed = rows[~rows["passed"].astype(bool)]
        reason = "; ".join(f"{row.test}: {row.finding}" for row in failed.itertuples())
        found[day] = Verdict(rows.empty or _all_passed(rows), reason)
    return found


def _champions(frames: dict[str, pd.DataFrame]) -> dict[str, Further]:
    columns = ["fingerprint", "version", "serves_from", "released_by", "evidence"]
    return {
        day: {column: str(frame[column].iloc[0]) for column in columns}
        for day, frame in frames.items()
        if len(frame)
    }
