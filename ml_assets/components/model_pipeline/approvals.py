"""Approving and rejecting releases from the Dagster UI; the same as the commands do."""

from datetime import UTC, datetime
from typing import Literal

import dagster as dg
from pydantic import Field

from ml_assets.components.model_pipeline.shared import Pipeline
from ml_assets.lake.store import Lake
from ml_assets.orchestration.retries import retried
from ml_assets.registry.approval_log import ApprovalLog, describe, record
from ml_assets.registry.approvals import Action


class Approval(dg.Config):
    """What the launchpad asks for."""

    as_of: str = Field(description="As-of day of the release, 2013-07-09.")
    action: Literal["approve", "reject"] = Field(description="A rejection is final.")
    by: str = Field(description="Who says so.")
    reason: str = Field(description="Why.")
    expires: str = Field(
        "", description="How long an approval is valid, 7d or 12h; for always when empty."
    )


def approval_job(pipeline: Pipeline) -> dg.JobDefinition:
    """Records what a person says to a release that waits for approval."""

    @dg.op(name=f"{pipeline.name}__record")
    def record_op(context: dg.OpExecutionContext, config: Approval) -> None:
        with retried(context.retry_number):
            added = record(
                Lake.of_project(),
                ApprovalLog.of_project(),
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
            f"Approves or rejects a release of {pipeline.name} that waits for approval. Open the "
            "launchpad, say which as-of day, who and why, and launch; the same as the commands "
            "'ml-assets approve' and 'ml-assets reject'."
        ),
    )
    def approval() -> None:
        record_op()

    return approval
