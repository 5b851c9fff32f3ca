"""Approvals and rejections of a release, and the state that results from them.

An approval applies to evidence, not to a day: if the release is decided on other evidence later,
the approval has no effect. ``approval_log`` stores the records; ``audit`` lists the whole history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, computed
from ml_assets.contracts.validation import no_rows

HASH_LENGTH = 8


class Action(StrEnum):
    """Action of a record; the release appends ``APPLY`` when it uses an approval."""

    APPROVE = "approve"
    REJECT = "reject"
    APPLY = "apply"


class ApprovalState(StrEnum):
    """State of a release that needs approval."""

    WAITING = "waiting"
    APPROVED = "approved"
    USED = "used"
    REJECTED = "rejected"


NOUNS = {Action.APPROVE: "approval", Action.REJECT: "rejection", Action.APPLY: "use"}


@dataclass(frozen=True)
class Record:
    """An approval, a rejection, or the use of an approval; never changed.

    Attributes:
        pipeline: name of the pipeline.
        as_of: as-of day of the release.
        action: approve, reject or apply.
        by: the person.
        reason: the person's reason.
        evidence: hash of the evidence that the action applies to.
        serves_from: first day that the approved model serves; set when an approval is used.
        at: time of the record, UTC.
        expires_at: end of an approval's validity, UTC; None for unlimited.
        number: assigned when the record is appended; increases.
    """

    pipeline: str
    as_of: str
    action: Action
    by: str
    reason: str
    evidence: str
    serves_from: str
    at: datetime
    expires_at: datetime | None = None
    number: int = 0

    @property
    def name(self) -> str:
        """Name of the record in messages."""
        return f"{NOUNS[self.action]} {self.number} by {self.by}"

    @property
    def signature(self) -> str:
        """Value of ``released_by`` for a model that this record releases."""
        return f"{self.by} ({NOUNS[self.action]} {self.number})"

    def is_valid(self, moment: datetime) -> bool:
        """Whether the record has not expired yet."""
        return self.expires_at is None or moment < self.expires_at


class Approvals(Contract):
    """Approvals and rejections of the release of this as-of day; rows are only added."""

    number: int = computed("Number of the record; increases.", [], ge=1)
    action: str = computed(
        "approve, reject, or apply when a release used an approval.",
        [],
        isin=[action.value for action in Action],
    )
    by: str = computed("The person.", [])
    reason: str = computed("The person's reason.", [])
    evidence: str = computed("Hash of the evidence that the action applies to.", [])
    serves_from: str = computed(
        "First day that the approved model serves; set when an approval is used.", []
    )
    at: str = computed("Time of the record, UTC.", [])
    expires_at: str = computed("Time at which the approval expires, UTC; empty for never.", [])
    remark: str = computed(
        "Why it has no effect on the current evidence; or empty.", ["release_decision.evidence"]
    )

    class Config:
        """Empty if the release needs no approval."""

        unique: ClassVar = ["number"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


@dataclass(frozen=True)
class ApprovalResult:
    """The result of all records of a release.

    Attributes:
        state: state of the release.
        record: the approval or rejection that decides; None while the release waits.
        serves_from: first day that the model serves, if the approval was used.
        remarks: a sentence for each record without effect, with the reason.
    """

    state: ApprovalState
    record: Record | None = None
    serves_from: str = ""
    remarks: list[str] = field(default_factory=list)


def resolve_approvals(records: Sequence[Record], evidence: str, now: datetime) -> ApprovalResult:
    """Evaluate the records of a release that is not champion yet.

    The first rejection is final. An approval, used or not, counts until it expires: a release that
    was delayed after the use of an approval does not continue after its expiry.

    Args:
        records: records of one as-of day, by number.
        evidence: hash of the evidence of the current decision.
        now: current time, UTC.
    """
    remarks: dict[int, str] = {}
    approvals: list[Record] = []
    uses: dict[int, Record] = {}
    rejection: Record | None = None
    for record in records:
        if remark := other_evidence_remark(record, evidence):
            remarks[record.number] = remark
        elif rejection:
            remarks[record.number] = f"{record.name} came after the rejection {rejection.number}"
        elif record.action is Action.APPROVE:
            approvals.append(record)
        elif record.action is Action.REJECT:
            rejection = record
        elif approval := _newest_valid(approvals, record.at):
            uses[approval.number] = record
        else:
            remarks[record.number] = f"{record.name} found no valid approval"
    moment = rejection.at if rejection else now
    remarks |= {
        approval.number: f"{approval.name} expired on {format_time(approval.expires_at)}"
        for approval in approvals
        if approval.expires_at and not approval.is_valid(moment)
    }
    sentences = [remarks[number] for number in sorted(remarks)]
    if rejection:
        return ApprovalResult(ApprovalState.REJECTED, rejection, remarks=sentences)
    used = _newest_valid([one for one in approvals if one.number in uses], now)
    if used:
        return ApprovalResult(ApprovalState.USED, used, uses[used.number].serves_from, sentences)
    approval = _newest_valid(approvals, now)
    return ApprovalResult(
        ApprovalState.APPROVED if approval else ApprovalState.WAITING, approval, remarks=sentences
    )


def _newest_valid(approvals: Sequence[Record], moment: datetime) -> Record | None:
    return next((one for one in reversed(approvals) if one.is_valid(moment)), None)


def other_evidence_remark(record: Record, evidence: str) -> str:
    """Why a record has no effect on a release with this evidence; empty if it has one."""
    if record.evidence == evidence:
        return ""
    return f"{record.name} is of other evidence ({short_hash(record.evidence)})"


def approval_use(approval: Record, now: datetime, serves_from: str) -> Record:
    """The record that a release appends before it uses an approval.

    Args:
        approval: the approval.
        now: current time, UTC.
        serves_from: first day that the model will serve.
    """
    return Record(
        pipeline=approval.pipeline,
        as_of=approval.as_of,
        action=Action.APPLY,
        by=approval.by,
        reason=approval.name,
        evidence=approval.evidence,
        serves_from=serves_from,
        at=now,
    )


def approval_rows(records: Sequence[Record], evidence: Mapping[str, str]) -> pd.DataFrame:
    """Records as rows of the ``Approvals`` contract.

    Args:
        records: approvals, rejections and uses.
        evidence: as-of day → hash of the evidence of the current decision.
    """
    if not records:
        return no_rows(Approvals)
    return pd.DataFrame(
        [
            {
                DAY: record.as_of,
                "number": record.number,
                "action": record.action.value,
                "by": record.by,
                "reason": record.reason,
                "evidence": record.evidence,
                "serves_from": record.serves_from,
                "at": record.at.isoformat(),
                "expires_at": record.expires_at.isoformat() if record.expires_at else "",
                "remark": other_evidence_remark(record, evidence.get(record.as_of, "")),
            }
            for record in records
        ]
    )


def records_from_rows(pipeline: str, rows: pd.DataFrame) -> list[Record]:
    """Records from rows of the ``Approvals`` contract, by number.

    Args:
        pipeline: name of the pipeline.
        rows: (n, …) rows, in any order.
    """
    return [
        Record(
            pipeline=pipeline,
            as_of=row[DAY],
            action=Action(row["action"]),
            by=row["by"],
            reason=row["reason"],
            evidence=row["evidence"],
            serves_from=row["serves_from"],
            at=datetime.fromisoformat(row["at"]),
            expires_at=datetime.fromisoformat(row["expires_at"]) if row["expires_at"] else None,
            number=int(row["number"]),
        )
        for row in rows.sort_values("number").to_dict("records")
    ]


def short_hash(evidence: str) -> str:
    """The first characters of a hash."""
    return f"{evidence[:HASH_LENGTH]}…" if len(evidence) > HASH_LENGTH else evidence


def format_time(moment: datetime) -> str:
    """A time in UTC, for display."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
