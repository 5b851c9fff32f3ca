"""Releases that wait: for a person, or approved and not continued yet."""

from collections.abc import Sequence
from datetime import datetime

from ml_assets.release.approvals.approvals import ApprovalState, Record, resolve_approvals
from ml_assets.release.decision import AWAITING


def waiting_state(
    verdict: str,
    as_of: str,
    evidence: str,
    *,
    newest: str,
    records: Sequence[Record],
    now: datetime,
) -> ApprovalState | None:
    """The state of a release that a person can still approve, or that was approved and is no champion yet.

    Args:
        verdict: verdict of its decision.
        as_of: its as-of day.
        evidence: hash of the evidence of its decision.
        newest: as-of day of the newest champion, which no older one can replace; empty for none.
        records: approvals and rejections of the pipeline, by number.
        now: current time, UTC.

    Returns:
        None if it does not wait: it passed or is blocked, rejected or older than the champion.
    """
    if verdict != AWAITING or as_of <= newest:
        return None
    state = approval_state(as_of, evidence, records, now)
    return None if state is ApprovalState.REJECTED else state


def approval_state(
    as_of: str, evidence: str, records: Sequence[Record], now: datetime
) -> ApprovalState:
    """Decisions of persons about a release.

    Args:
        as_of: its as-of day.
        evidence: hash of the evidence of its decision.
        records: approvals and rejections of the pipeline, by number.
        now: current time, UTC.
    """
    of_release = [record for record in records if record.as_of == as_of]
    return resolve_approvals(of_release, evidence, now).state


def approve_command(pipeline: str, as_of: str) -> str:
    """The command that approves a release."""
    return f"ml-assets approve {pipeline} {as_of} --by NAME --reason TEXT"
