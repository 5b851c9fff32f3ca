"""Stage: registers and stages a released model, and tests it in a clean process.

A canary, which observes a share of real traffic, can be added between the tests and the champion:
an asset that reads ``integration_tests`` and is read by ``champion``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.pipeline.output import markdown_table, output, plan_same_day
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.validation import no_rows
from ml_assets.errors import CommitConflict
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.store import Lake
from ml_assets.learning.artifacts import StoredModel
from ml_assets.learning.dataset import SPLIT
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck
from ml_assets.planning.plan import Plan, each_day, with_recomputed
from ml_assets.provenance.code import code_version
from ml_assets.registry.integration import IntegrationTest, StagingRules, integration_tests
from ml_assets.registry.store import STAGING
from ml_assets.release.by_hand import written_by_hand
from ml_assets.release.contracts import RegisteredModel, StagingModel
from ml_assets.release.releasing import current_release
from ml_assets.release.state import DECIDED, ReleaseState, load
from ml_assets.workspace import Workspace

STAGE = "release"

REQUESTS = 25
"""Test rows for which the staged model has to predict the same as the trained one."""


@dataclass(frozen=True)
class Staging:
    """Registration, staging and integration tests of a pipeline's released models.

    Attributes:
        pipeline: context shared by all stages.
        rules: budgets of the integration tests.
        decision_version: version of the code and rules that decide now.
    """

    pipeline: PipelineContext
    rules: StagingRules
    decision_version: str

    def definitions(self) -> dg.Definitions:
        """The three assets and their checks; none without a registry."""
        if not self.pipeline.has_registry:
            return dg.Definitions()
        return dg.Definitions.merge(
            self._registered_model(), self._staging_model(), self._integration_tests()
        )

    def _registered_model(self) -> dg.Definitions:
        return self.pipeline.define(
            nouns.REGISTERED_MODEL,
            stage=STAGE,
            description="The released model in the registry.",
            version=self._registration_version,
            inputs=[
                self.pipeline.input(noun)
                for noun in (*DECIDED, nouns.MODEL, nouns.TRAINING_DATASET)
            ],
            compute=self._register,
            contract=RegisteredModel,
            is_as_of=True,
            kinds=frozenset({"mlflow"}),
        )

    def _staging_model(self) -> dg.Definitions:
        return self.pipeline.define(
            nouns.STAGING_MODEL,
            stage=STAGE,
            description="The released model under the registry's alias 'staging', where it is tested.",
            version=code_version(StagingModel),
            inputs=[self.pipeline.input(nouns.REGISTERED_MODEL)],
            compute=self._stage,
            contract=StagingModel,
            is_as_of=True,
            inherits_from=self.pipeline.table(nouns.REGISTERED_MODEL),
            kinds=frozenset({"mlflow"}),
        )

    def _integration_tests(self) -> dg.Definitions:
        return self.pipeline.define(
            nouns.INTEGRATION_TESTS,
            stage=STAGE,
            description="Integration tests of the staged model in a clean process: loading, predictions, budgets.",
            version=self.tests_version,
            inputs=[
                self.pipeline.input(noun)
                for noun in (nouns.STAGING_MODEL, nouns.MODEL, nouns.TRAINING_DATASET)
            ],
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

    @property
    def _registration_version(self) -> str:
        return code_version(RegisteredModel, self.pipeline.specification)

    @property
    def tests_version(self) -> str:
        """Version of the integration tests and of their budgets."""
        return code_version(integration_tests, self.rules, self.pipeline.specification)

    def state_of(self, workspace: Workspace, planned: Plan, day: str) -> ReleaseState:
        """The stored records of a release, and whether they are of the current code and rules."""
        current = {
            "release_decision": self.decision_version,
            "integration_tests": self.tests_version,
        }
        lake, log, name = workspace.lake, workspace.approvals, self.pipeline.name
        calendars = self.pipeline.calendar, self.pipeline.as_of_calendar
        return load(lake, log, planned.windows, name, day, current, *calendars)

    def _register(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        reads, version = [*DECIDED, nouns.MODEL, nouns.TRAINING_DATASET], self._registration_version
        planned = plan_same_day(
            self.pipeline, workspace.lake, nouns.REGISTERED_MODEL, days, version, reads=reads
        )
        planned = with_recomputed(planned, self._days_to_register_again(workspace, planned))
        planned, frames = each_day(
            planned, lambda day: self._registration_of(workspace, planned, day)
        )
        return output(planned, frames, RegisteredModel, version)

    def _registration_of(self, workspace: Workspace, planned: Plan, day: str) -> pd.DataFrame:
        this, fingerprint = self.pipeline, planned.windows["model"].hashes[day]
        if current_release(self.state_of(workspace, planned, day)) is None:
            return no_rows(RegisteredModel)
        model = workspace.models.load(this.table(nouns.MODEL), fingerprint, this.specification)
        example, classes = self._requests(planned, day, model), model.specification.classes
        number = workspace.registry.register(
            this.name,
            model.pipeline,
            fingerprint=fingerprint,
            as_of=day,
            example=example,
            predictions=model.predict(example),
            tags={"classes": json.dumps(classes)} if classes else {},
        )
        return pd.DataFrame({DAY: [day], "fingerprint": [fingerprint], "version": [number]})

    def _requests(self, planned: Plan, day: str, model: StoredModel) -> pd.DataFrame:
        """Input columns of some test rows."""
        rows = verified_rows(planned.windows[nouns.TRAINING_DATASET], day)
        return rows.loc[rows[SPLIT] == "test", model.specification.features].head(REQUESTS)

    def _days_to_register_again(self, workspace: Workspace, planned: Plan) -> list[str]:
        """Days whose row does not match the registry, or was written outside a run."""
        if not planned.unchanged:
            return []
        stored = [day for day, entry in planned.unchanged.items() if entry.rows]
        lake, table = workspace.lake, self.pipeline.table(nouns.REGISTERED_MODEL)
        rows = lake.read(table, stored) if stored else no_rows(RegisteredModel)
        known = {
            (version.fingerprint, version.version)
            for version in workspace.registry.versions(self.pipeline.name)
        }
        wrong = {
            row[DAY]
            for row in rows.to_dict("records")
            if (row["fingerprint"], row["version"]) not in known
        }
        return sorted(wrong.union(written_by_hand(lake, table, list(planned.unchanged))))

    def _stage(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        this, version = self.pipeline, code_version(StagingModel)
        reads = [nouns.REGISTERED_MODEL]
        planned = plan_same_day(
            this, workspace.lake, nouns.STAGING_MODEL, days, version, reads=reads
        )
        planned = with_recomputed(planned, self._days_to_stage_again(workspace, planned))

        def of_day(day: str) -> pd.DataFrame:
            registered = verified_rows(planned.windows[nouns.REGISTERED_MODEL], day)
            for fingerprint in registered["fingerprint"]:
                workspace.registry.set_alias(this.name, STAGING, fingerprint)
            return registered

        planned, frames = each_day(planned, of_day)
        return output(planned, frames, StagingModel, version)

    def _days_to_stage_again(self, workspace: Workspace, planned: Plan) -> list[str]:
        """The newest unchanged day if the registry lost its alias, and days written outside a run."""
        stored = [day for day, entry in planned.unchanged.items() if entry.rows]
        table = self.pipeline.table(nouns.STAGING_MODEL)
        by_hand = written_by_hand(workspace.lake, table, list(planned.unchanged))
        if not stored or workspace.registry.with_alias(self.pipeline.name, STAGING):
            return by_hand
        return sorted({max(stored), *by_hand})

    def _test(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        version = self.tests_version
        reads = [nouns.STAGING_MODEL, nouns.MODEL, nouns.TRAINING_DATASET]
        planned = plan_same_day(
            self.pipeline, workspace.lake, nouns.INTEGRATION_TESTS, days, version, reads=reads
        )
        planned = with_recomputed(planned, self._days_to_test_again(workspace.lake, planned))
        figures: dict[str, dict[str, float]] = {}

        def of_day(day: str) -> pd.DataFrame:
            staged = verified_rows(planned.windows[nouns.STAGING_MODEL], day)
            if staged.empty:
                return no_rows(IntegrationTest)
            rows, figures[day] = self._tests_of(
                workspace, planned, day, staged["fingerprint"].iloc[0]
            )
            return rows.assign(**{DAY: day})

        planned, frames = each_day(planned, of_day)
        metadata: dict[str, ExtraMetadata] = {
            day: {**figures.get(day, {}), "tests": markdown_table(frame.drop(columns=DAY))}
            for day, frame in frames.items()
            if len(frame)
        }
        return output(planned, frames, IntegrationTest, version, day_metadata=metadata)

    def _days_to_test_again(self, lake: Lake, planned: Plan) -> list[str]:
        """Days with a failed test, which may pass now, and days written outside a run."""
        table = self.pipeline.table(nouns.INTEGRATION_TESTS)
        by_hand = written_by_hand(lake, table, list(planned.unchanged), is_repeatable=False)
        days = [day for day, entry in planned.unchanged.items() if entry.rows]
        if not days:
            return by_hand
        rows = lake.read(table, days)
        failed = {str(day) for day, tests in rows.groupby(DAY) if not all_passed(tests)}
        return sorted(failed.union(by_hand))

    def _tests_of(
        self, workspace: Workspace, planned: Plan, day: str, fingerprint: str
    ) -> tuple[pd.DataFrame, dict[str, float]]:
        """Results of the integration tests of a version under the alias 'staging'.

        Raises:
            CommitConflict: another release moved the alias meanwhile, so the results are invalid.
        """
        this, registry, models = self.pipeline, workspace.registry, workspace.models
        registry.set_alias(this.name, STAGING, fingerprint)
        model = models.load(this.table(nouns.MODEL), fingerprint, this.specification)
        requests = self._requests(planned, day, model)
        found = integration_tests(
            registry,
            this.name,
            model.specification,
            fingerprint,
            requests,
            model.predict(requests),
            models.probe(this.table(nouns.MODEL), fingerprint),
            self.rules,
        )
        staged = registry.with_alias(this.name, STAGING)
        is_ours = staged is not None and staged.fingerprint == fingerprint
        if not is_ours and not all_passed(found[0]):
            raise CommitConflict(
                f"Another release of {this.name} took the alias 'staging' while the model of {day} "
                "was tested. The tests are run again."
            )
        return found


def all_passed(tests: pd.DataFrame) -> bool:
    """Whether no test is missing and none failed."""
    return set(tests["test"]) == set(IntegrationTest.names()) and bool(tests["passed"].all())


def _tests_passed(stored: StoredDays) -> dict[str, DayVerdict]:
    found: dict[str, DayVerdict] = {}
    for day in stored.stored:
        rows = stored.rows[stored.rows[DAY] == day]
        failed = rows[~rows["passed"].astype(bool)]
        reason = "; ".join(f"{row.test}: {row.finding}" for row in failed.itertuples())
        found[day] = DayVerdict(rows.empty or all_passed(rows), reason)
    return found
