"""What persons say to a release that waits for approval, and what follows from it.

An approval is of evidence, not of a day: when the release is decided on other evidence, it does
nothing. Where the records are kept is in ``approval_log``, the whole history in ``audit``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, made
from ml_assets.contracts.validation import no_rows

SHOWN_HASH = 8


class Action(StrEnum):
    """What a record says; ``APPLY`` is appended by the release that used an approval."""

    APPROVE = "approve"
    REJECT = "reject"
    APPLY = "apply"


class ApprovalState(StrEnum):
    """What became of a release that waits for approval."""

    WAITING = "waiting"
    APPROVED = "approved"
    USED = "used"
    REJECTED = "rejected"


NOUNS = {Action.APPROVE: "approval", Action.REJECT: "rejection", Action.APPLY: "use"}


@dataclass(frozen=True)
class Record:
    """What somebody said to a release; never changed.

    Attributes:
        pipeline: whose release.
        as_of: its as-of day.
        action: what is said.
        by: who says it.
        reason: why.
        evidence: hash of the evidence it was said to.
        serves_from: day from which on the approved model serves; known when an approval is used.
        at: when, UTC.
        expires_at: an approval is valid before this moment, UTC; None for always.
        number: given when it is appended; later records have larger ones.
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
        """What it is called in sentences."""
        return f"{NOUNS[self.action]} {self.number} by {self.by}"

    @property
    def signature(self) -> str:
        """Who said it, in tables: by whom a model was released."""
        return f"{self.by} ({NOUNS[self.action]} {self.number})"

    def is_valid(self, moment: datetime) -> bool:
        """Whether it has not expired yet."""
        return self.expires_at is None or moment < self.expires_at


class Approvals(Contract):
    """What was said to the release of this as-of day, one row per record; none is ever changed."""

    number: int = made("Number of the record; later ones have larger ones.", [], ge=1)
    action: str = made(
        "approve, reject, or apply when a release used an approval.", [], isin=[*Action]
    )
    by: str = made("Who said it.", [])
    reason: str = made("Why, in words.", [])
    evidence: str = made("Hash of the evidence it was said to.", [])
    serves_from: str = made(
        "Day from which on the approved model serves, told when an approval is used.", []
    )
    at: str = made("When it was said, UTC.", [])
    expires_at: str = made("Moment at which it expires, UTC; empty for never.", [])
    remark: str = made(
        "Why it does nothing to the present evidence; or empty.", ["release_decision.evidence"]
    )

    class Config:
        """Most releases need no approval."""

        unique: ClassVar = ["number"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


@dataclass(frozen=True)
class Standing:
    """What follows from the records of a release.

    Attributes:
        state: what became of it.
        record: the approval that it goes on by, or the rejection; None while it waits.
        serves_from: day from which on the model serves, when the approval was used.
        remarks: a sentence for each record that does nothing, with the reason.
    """

    state: ApprovalState
    record: Record | None = None
    serves_from: str = ""
    remarks: list[str] = field(default_factory=list)


def standing(records: Sequence[Record], evidence: str, now: datetime) -> Standing:
    """What becomes of a release that is not champion yet, from what was said to its evidence.

    The first rejection is final. An approval counts as long as it is valid, used or not: a release
    that was held up after its use does not go on when it has expired.

    Args:
        records: records of one as-of day, in the order of their numbers.
        evidence: hash of the evidence it is decided on now.
        now: an approval counts before it expires.
    """
    remarks: dict[int, str] = {}
    approvals: list[Record] = []
    uses: dict[int, Record] = {}
    rejection: Record | None = None
    for record in records:
        if remark := other_evidence(record, evidence):
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
        approval.number: f"{approval.name} expired on {shown_time(approval.expires_at)}"
        for approval in approvals
        if approval.expires_at and not approval.is_valid(moment)
    }
    sentences = [remarks[number] for number in sorted(remarks)]
    if rejection:
        return Standing(ApprovalState.REJECTED, rejection, remarks=sentences)
    used = _newest_valid([one for one in approvals if one.number in uses], now)
    if used:
        return Standing(ApprovalState.USED, used, uses[used.number].serves_from, sentences)
    approval = _newest_valid(approvals, now)
    return Standing(
        ApprovalState.APPROVED if approval else ApprovalState.WAITING, approval, remarks=sentences
    )


def _newest_valid(approvals: Sequence[Record], moment: datetime) -> Record | None:
    return next((one for one in reversed(approvals) if one.is_valid(moment)), None)


def other_evidence(record: Record, evidence: str) -> str:
    """Why a record does nothing to a release that is decided on this evidence; empty if it does."""
    if record.evidence == evidence:
        return ""
    return f"{record.name} is of other evidence ({shown_hash(record.evidence)})"


def application(approval: Record, now: datetime, serves_from: str) -> Record:
    """The record that a release appends before it uses an approval.

    Args:
        approval: the approval.
        now: the moment, UTC.
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
        records: what was said.
        evidence: as-of day → hash of the evidence that its release is decided on now.
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
                "remark": other_evidence(record, evidence.get(record.as_of, "")),
            }
            for record in records
        ]
    )


def records_of(pipeline: str, rows: pd.DataFrame) -> list[Record]:
    """The records that rows of the ``Approvals`` contract are of, in the order of their numbers.

    Args:
        pipeline: whose rows these are.
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


def shown_hash(evidence: str) -> str:
    """The beginning of a hash, enough to tell it from others."""
    return f"{evidence[:SHOWN_HASH]}…" if len(evidence) > SHOWN_HASH else evidence


def shown_time(moment: datetime) -> str:
    """A moment in UTC, for a person."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
