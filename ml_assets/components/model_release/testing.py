"""Stage: tests the staged model in a clean process."""

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
from ml_assets.registry.serving import ServingRecords
from ml_assets.registry.store import STAGING
from ml_assets.release.by_hand import written_by_hand
from ml_assets.workspace import Workspace

STAGE = "release"

REQUESTS = 25
"""Test rows for which the staged model has to predict the same as the trained one."""


@dataclass(frozen=True)
class Testing:
    """Integration tests of a pipeline's staged models.

    Attributes:
        pipeline: context shared by all stages.
        rules: budgets of the tests.
    """

    pipeline: PipelineContext
    rules: StagingRules

    def definitions(self) -> dg.Definitions:
        """The asset and its check."""
        return self.pipeline.define(
            nouns.INTEGRATION_TESTS,
            stage=STAGE,
            description="Integration tests of the staged model in a clean process: loading, predictions, budgets.",
            version=self.version,
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
    def version(self) -> str:
        """Version of the tests and of their budgets."""
        return code_version(integration_tests, self.rules, self.pipeline.specification)

    def _test(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        version = self.version
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
            [version] = staged.to_dict("records")
            rows, figures[day] = self._tests_of(workspace, planned, day, version["fingerprint"])
            records = ServingRecords(workspace.registry, self.pipeline.name)
            records.add_latency(version["version"], figures[day].get("latency_p50_ms"))
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
        requests = held_out(planned, day, model).head(REQUESTS)
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


def held_out(planned: Plan, day: str, model: StoredModel) -> pd.DataFrame:
    """Input columns of the test rows of an as-of day."""
    rows = verified_rows(planned.windows[nouns.TRAINING_DATASET], day)
    return rows.loc[rows[SPLIT] == "test", model.specification.features]


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
