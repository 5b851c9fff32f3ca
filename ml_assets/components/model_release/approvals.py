"""Stage: approvals and rejections of a release as an asset, and the job to record them in the UI."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
import pandas as pd
from pydantic import Field

from ml_assets import nouns
from ml_assets.components.pipeline.output import output, plan_same_day
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.content import DAY
from ml_assets.errors import sentence
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck
from ml_assets.orchestration.runs.retries import attempt
from ml_assets.orchestration.workspace_key import WORKSPACE
from ml_assets.planning.plan import Plan, each_day, with_recomputed
from ml_assets.provenance.code import code_version
from ml_assets.release.approvals.actions import describe, record
from ml_assets.release.approvals.approvals import (
    Action,
    Approvals,
    ApprovalState,
    approval_rows,
    approval_use,
    records_from_rows,
    resolve_approvals,
)
from ml_assets.release.decision import AWAITING
from ml_assets.release.history import release_of
from ml_assets.release.releasing import approval_to_use
from ml_assets.release.state import load
from ml_assets.workspace import Workspace

STAGE = "release"


@dataclass(frozen=True)
class ApprovalStage:
    """The approvals of a pipeline's releases.

    Attributes:
        pipeline: context shared by all stages.
    """

    pipeline: PipelineContext

    def definitions(self) -> dg.Definitions:
        """The asset, its check, and the job."""
        return dg.Definitions.merge(
            self._approvals(), dg.Definitions(jobs=[approval_job(self.pipeline)])
        )

    def _approvals(self) -> dg.Definitions:
        return self.pipeline.define(
            nouns.APPROVALS,
            stage=STAGE,
            description="Approvals and rejections of a release that needs approval; records are never changed.",
            version=self._version,
            inputs=[self.pipeline.input(nouns.RELEASE_DECISION)],
            compute=self._collect_approvals,
            contract=Approvals,
            is_as_of=True,
            checks=[
                TableCheck(
                    "is_decided",
                    "The release does not wait for approval: it passed, is blocked or was rejected, or its approval was used.",
                    self._check_decided,
                    dg.AssetCheckSeverity.WARN,
                    fails_run=False,
                )
            ],
        )

    @property
    def _version(self) -> str:
        return code_version(approval_rows, resolve_approvals)

    def _collect_approvals(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        this, version, lake = self.pipeline, self._version, workspace.lake
        planned = plan_same_day(
            this, lake, nouns.APPROVALS, days, version, reads=[nouns.RELEASE_DECISION]
        )
        planned = with_recomputed(planned, list(planned.unchanged))
        planned, frames = each_day(planned, lambda day: self._approvals_of(workspace, planned, day))
        return output(planned, frames, Approvals, version)

    def _approvals_of(self, workspace: Workspace, planned: Plan, day: str) -> pd.DataFrame:
        """Approval records of a day; applies a valid approval once, until its model is champion."""
        log, name = workspace.approvals, self.pipeline.name
        calendars = self.pipeline.calendar, self.pipeline.as_of_calendar
        state = load(workspace.lake, log, planned.windows, name, day, {}, *calendars)
        if approval := approval_to_use(state):
            log.append(approval_use(approval, state.now, state.first_not_scored))
        return approval_rows(log.records(name, day), {day: state.decision["evidence"]})

    def _check_decided(self, stored: StoredDays) -> dict[str, DayVerdict]:
        lake = stored.lake
        decisions = lake.read(self.pipeline.table(nouns.RELEASE_DECISION), stored.stored)
        history = lake.ledger.history(self.pipeline.table(nouns.CHAMPION))
        found: dict[str, DayVerdict] = {}
        for decision in decisions.to_dict("records"):
            day = decision[DAY]
            records = records_from_rows(self.pipeline.name, stored.rows[stored.rows[DAY] == day])
            state = resolve_approvals(records, decision["evidence"], datetime.now(UTC)).state
            waits = (
                decision["verdict"] == AWAITING
                and state in (ApprovalState.WAITING, ApprovalState.APPROVED)
                and not release_of(lake, history, day, decision["evidence"])
            )
            found[day] = DayVerdict(
                not waits,
                f"awaiting_approval: {sentence(decision['reason'])} Decide with 'ml-assets approve "
                f"{self.pipeline.name} {day} --by NAME --reason TEXT', or 'reject'."
                if waits
                else "",
            )
        return found


class Approval(dg.Config):
    """Configuration of the job."""

    as_of: str = Field(description="As-of day of the release, 2024-07-09.")
    action: Literal["approve", "reject"] = Field(description="A rejection is final.")
    by: str = Field(description="Name of the person who decides.")
    reason: str = Field(description="Reason of the decision.")
    expires: str = Field(
        "", description="How long an approval is valid, 7d or 12h; without limit when empty."
    )


def approval_job(pipeline: PipelineContext) -> dg.JobDefinition:
    """The job that records an approval or rejection of a release."""

    @dg.op(name=f"{pipeline.name}__record", required_resource_keys={WORKSPACE})
    def record_op(context: dg.OpExecutionContext, config: Approval) -> None:
        workspace: Workspace = context.resources.workspace
        with attempt(workspace, context.retry_number):
            added = record(
                workspace.lake,
                workspace.approvals,
                pipeline=pipeline.name,
                as_of=config.as_of,
                action=Action(config.action),
                by=config.by,
                reason=config.reason,
                expires=config.expires,
                now=datetime.now(UTC),
            )
            context.log.info(describe(added))

    @dg.job(
        name=f"{pipeline.name}__approval",
        description=(
            f"Approves or rejects a release of {pipeline.name} that needs approval. Open the "
            "launchpad, enter as-of day, action, name and reason, and launch. Equivalent to the "
            "commands 'ml-assets approve' and 'ml-assets reject'."
        ),
    )
    def approval() -> None:
        record_op()

    return approval
