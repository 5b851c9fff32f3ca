"""The state of the releases of a pipeline, and which of them wait."""

from dataclasses import replace
from datetime import datetime

from ml_assets.lineage.status.state import PipelineState, StoredDecision
from ml_assets.lineage.status.values import WaitingRelease
from ml_assets.release.approvals.approvals import ApprovalState
from ml_assets.release.decision import AWAITING
from ml_assets.release.promotion import release_command
from ml_assets.release.waiting import approval_state, approve_command, waiting_state

APPROVED = "approved"
DECIDED = {
    ApprovalState.APPROVED: APPROVED,
    ApprovalState.USED: APPROVED,
    ApprovalState.REJECTED: "rejected",
}
"""State of a release that needed approval → its verdict in the report."""


def last_release(pipeline: PipelineState, now: datetime) -> StoredDecision | None:
    """The newest decision on a release; one that a person decided has that as its verdict.

    Args:
        pipeline: the pipeline.
        now: current time.
    """
    last = max(pipeline.releases, key=lambda release: release.day, default=None)
    if last is None or last.verdict != AWAITING:
        return last
    if pipeline.champion and pipeline.champion.as_of == last.day:
        return replace(last, verdict=APPROVED)
    state = approval_state(last.day, last.evidence, pipeline.records, now)
    return last if state is ApprovalState.WAITING else replace(last, verdict=DECIDED[state])


def waiting_releases(pipeline: PipelineState, now: datetime) -> list[WaitingRelease]:
    """Releases that a person can still approve, and approved ones that are no champion yet.

    A release that is older than the champion can no longer be approved.

    Args:
        pipeline: the pipeline.
        now: current time.
    """
    newest = pipeline.champion.as_of if pipeline.champion else ""
    found = []
    for release in sorted(pipeline.releases, key=lambda release: release.day):
        state = waiting_state(
            release.verdict,
            release.day,
            release.evidence,
            newest=newest,
            records=pipeline.records,
            now=now,
        )
        if state is None:
            continue
        command = (
            approve_command(pipeline.name, release.day)
            if state is ApprovalState.WAITING
            else release_command(pipeline.name, release.day)
        )
        found.append(WaitingRelease(release.day, state.value, release.reason, command))
    return found
