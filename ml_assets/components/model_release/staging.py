"""Stage: registers and stages a released model.

A canary, which observes a share of real traffic, can be added between the tests and the champion:
an asset that reads ``integration_tests`` and is read by ``champion``.
"""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from ml_assets import nouns
from ml_assets.components.model_release.testing import REQUESTS, Testing, held_out
from ml_assets.components.pipeline.output import output, plan_same_day
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.contracts.validation import no_rows
from ml_assets.lake.integrity import verified_rows
from ml_assets.orchestration.assets.day_metadata import ExtraMetadata
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.planning.plan import Plan, each_day, with_recomputed
from ml_assets.provenance.code import code_version
from ml_assets.registry.integration import StagingRules
from ml_assets.registry.serving import ServingRecord, ServingRecords, compared
from ml_assets.registry.store import STAGING
from ml_assets.release.by_hand import written_by_hand
from ml_assets.release.contracts import RegisteredModel, StagingModel
from ml_assets.release.releasing import current_release
from ml_assets.release.state import DECIDED, ReleaseState, load
from ml_assets.workspace import Workspace

STAGE = "release"

STAGED_FROM = (nouns.REGISTERED_MODEL, nouns.MODEL, nouns.TRAINING_DATASET)
"""Assets that the staged model is read and compared from."""


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
            self._registered_model(), self._staging_model(), self.testing.definitions()
        )

    @property
    def testing(self) -> Testing:
        """The integration tests."""
        return Testing(self.pipeline, self.rules)

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
            description="The released model under the registry's alias 'staging', for its integration tests, if its scorer predicts the same as scikit-learn.",
            version=self._staging_version,
            inputs=[self.pipeline.input(noun) for noun in STAGED_FROM],
            compute=self._stage,
            contract=StagingModel,
            is_as_of=True,
            kinds=frozenset({"mlflow"}),
        )

    @property
    def _registration_version(self) -> str:
        return code_version(RegisteredModel, self.pipeline.specification)

    @property
    def _staging_version(self) -> str:
        return code_version(StagingModel, compared, self.pipeline.specification)

    def state_of(self, workspace: Workspace, planned: Plan, day: str) -> ReleaseState:
        """The stored records of a release, and whether they are of the current code and rules."""
        current = {
            "release_decision": self.decision_version,
            "integration_tests": self.testing.version,
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
        example, classes = held_out(planned, day, model).head(REQUESTS), model.specification.classes
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
        version = self._staging_version
        planned = plan_same_day(
            self.pipeline, workspace.lake, nouns.STAGING_MODEL, days, version, reads=STAGED_FROM
        )
        planned = with_recomputed(planned, self._days_to_stage_again(workspace, planned))
        metadata: dict[str, ExtraMetadata] = {}

        def of_day(day: str) -> pd.DataFrame:
            registered = verified_rows(planned.windows[nouns.REGISTERED_MODEL], day)
            for row in registered.to_dict("records"):
                served = self._stage_version(workspace, planned, day, row)
                metadata[day] = dict(served.shown)
            return registered

        planned, frames = each_day(planned, of_day)
        return output(planned, frames, StagingModel, version, day_metadata=metadata)

    def _stage_version(
        self, workspace: Workspace, planned: Plan, day: str, row: Mapping[Hashable, Any]
    ) -> ServingRecord:
        """Stage a registered version.

        Raises:
            ScorerMismatch: its scorer predicts other numbers than scikit-learn.
        """
        this, fingerprint = self.pipeline, row["fingerprint"]
        model = workspace.models.load(this.table(nouns.MODEL), fingerprint, this.specification)
        found = compared(this.name, day, model, held_out(planned, day, model))
        ServingRecords(workspace.registry, this.name).write(row["version"], found)
        workspace.registry.set_alias(this.name, STAGING, fingerprint)
        return found

    def _days_to_stage_again(self, workspace: Workspace, planned: Plan) -> list[str]:
        """The newest unchanged day if the registry lost its alias, and days written outside a run."""
        stored = [day for day, entry in planned.unchanged.items() if entry.rows]
        table = self.pipeline.table(nouns.STAGING_MODEL)
        by_hand = written_by_hand(workspace.lake, table, list(planned.unchanged))
        if not stored or workspace.registry.with_alias(self.pipeline.name, STAGING):
            return by_hand
        return sorted({max(stored), *by_hand})
