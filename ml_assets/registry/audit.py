"""Who or what put which model in production, when, and on which evidence: one history.

It is put together from what is stored anyway: release decisions, what persons said to them, and
the champions that followed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml_assets.lake.content import DAY
from ml_assets.lake.ledger import Status
from ml_assets.lake.store import Lake
from ml_assets.registry.approval_log import ApprovalLog
from ml_assets.registry.approvals import Action, Record, other_evidence, shown_hash, shown_time

GATES = "gates"
"""Who decides, and releases what passed."""

DECISION_COLUMNS = [DAY, "verdict", "reason", "challenger", "evidence"]
CHAMPION_COLUMNS = [DAY, "fingerprint", "version", "released_by", "evidence", "serves_from"]


@dataclass(frozen=True)
class Event:
    """Something that happened to the release of an as-of day.

    Attributes:
        at: when, UTC.
        as_of: the as-of day.
        what: what happened, in words.
        who: a person, or the gates.
        model: fingerprint of the model; empty where only the evidence is known.
        version: its version in the registry; None where there is none.
        serves_from: day from which on it serves; empty when it does not.
        evidence: hash of the evidence.
        reason: why.
    """

    at: datetime
    as_of: str
    what: str
    who: str
    evidence: str
    reason: str
    model: str = ""
    version: int | None = None
    serves_from: str = ""


def audit(lake: Lake, log: ApprovalLog, pipeline: str) -> list[Event]:
    """The history of a pipeline's releases, from everything that is stored of them."""
    decisions, decided_at = _stored(lake, f"{pipeline}/release_decision", DECISION_COLUMNS)
    champions, released_at = _stored(lake, f"{pipeline}/champion", CHAMPION_COLUMNS)
    return history(decisions, decided_at, log.records(pipeline), champions, released_at)


def history(
    decisions: pd.DataFrame,
    decided_at: Mapping[str, datetime],
    records: Sequence[Record],
    champions: pd.DataFrame,
    released_at: Mapping[str, datetime],
) -> list[Event]:
    """What happened to each as-of day, the oldest day first and each day in the order of time.

    Args:
        decisions: release decisions, ``ds`` is the as-of day.
        decided_at: as-of day → when its decision was written, UTC.
        records: what persons said, in the order of their numbers.
        champions: champions, ``ds`` is the as-of day.
        released_at: as-of day → when its champion was written, UTC.
    """
    evidence = dict(zip(decisions[DAY], decisions["evidence"], strict=True))
    events = [
        *(_decided(row, decided_at[row[DAY]]) for row in decisions.to_dict("records")),
        *(_said(record, evidence.get(record.as_of, "")) for record in records),
        *(_released(row, released_at[row[DAY]]) for row in champions.to_dict("records")),
    ]
    return sorted(events, key=lambda event: (event.as_of, event.at))


def _decided(row: Mapping[Any, Any], at: datetime) -> Event:
    return Event(
        at=at,
        as_of=row[DAY],
        what=f"decided: {row['verdict'].replace('_', ' ')}",
        who=GATES,
        evidence=row["evidence"],
        reason=row["reason"],
        model=row["challenger"],
    )


def _said(record: Record, evidence: str) -> Event:
    if record.action is Action.REJECT:
        what = f"rejected by {record.signature}"
    elif record.action is Action.APPLY:
        what = "released on approval"
    else:
        until = f" until {shown_time(record.expires_at)}" if record.expires_at else ""
        what = f"approved by {record.signature}{until}"
    remark = other_evidence(record, evidence)
    return Event(
        at=record.at,
        as_of=record.as_of,
        what=what,
        who=record.by,
        evidence=record.evidence,
        reason=f"{record.reason}; does nothing now: {remark}" if remark else record.reason,
        serves_from=record.serves_from,
    )


def _released(row: Mapping[Any, Any], at: datetime) -> Event:
    version = int(row["version"]) or None
    name = f"version {version}" if version else f"model {shown_hash(row['fingerprint'])}"
    return Event(
        at=at,
        as_of=row[DAY],
        what=f"champion: {name} by {row['released_by']}",
        who=row["released_by"],
        evidence=row["evidence"],
        reason="",
        model=row["fingerprint"],
        version=version,
        serves_from=row["serves_from"],
    )


def _stored(lake: Lake, table: str, columns: list[str]) -> tuple[pd.DataFrame, dict[str, datetime]]:
    """Rows of a table as far as it is there, and when each day was written.

    Decisions that were made before there were approvals have no evidence hash.
    """
    written = {
        day: entry.written_at.replace(tzinfo=UTC)
        for day, entry in lake.ledger.latest(table).items()
        if entry.status is Status.STORED and entry.written_at
    }
    rows = lake.read(table, sorted(written)) if written else pd.DataFrame()
    return rows.reindex(columns=columns, fill_value="").fillna({"evidence": ""}), written
