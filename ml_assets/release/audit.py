"""History of a pipeline's releases: who or what released which model, when, and on which evidence.

It is computed from the stored release decisions, approvals and rejections, and champions. Rows that
were replaced since are read at the table version that the ledger recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml_assets import nouns
from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch, sentence
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import (
    Action,
    Record,
    format_time,
    other_evidence_remark,
    short_hash,
)
from ml_assets.release.champion import BY_GATES
from ml_assets.release.decision import AWAITING, PASSED
from ml_assets.release.promotion import last_used_approval, release_command

TABLES = (nouns.RELEASE_DECISION, nouns.APPROVALS, nouns.CHAMPION)
"""Nouns (``<pipeline>/<noun>``) of the tables whose replaced rows are part of the history."""

STAGES = (nouns.REGISTERED_MODEL, nouns.STAGING_MODEL, nouns.INTEGRATION_TESTS, nouns.CHAMPION)
"""Nouns of the tables that are computed for a released model, in order."""

FAILED = {Status.SKIPPED, Status.QUARANTINED}
UNFINISHED = "the release is not finished: its run failed, was interrupted or is still running"

DECIDED = "decided:"
"""What the description of a decision begins with."""

DECISION_COLUMNS = [DAY, "verdict", "reason", "challenger", "evidence"]
CHAMPION_COLUMNS = [DAY, "fingerprint", "version", "released_by", "evidence", "serves_from"]


@dataclass(frozen=True)
class Event:
    """One event of the release of an as-of day.

    Attributes:
        at: time of the event, UTC.
        as_of: the as-of day.
        what: short description of the event.
        who: a person, or 'gates'.
        model: fingerprint of the model; empty if only the evidence is known.
        version: the model's version in the registry; None without one.
        serves_from: first day that the model serves; empty if it does not serve.
        evidence: hash of the evidence.
        reason: reason of the event.
        changes: of a decision, what the model is made with otherwise than that of the decision before
            of the same as-of day.
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
    changes: Sequence[str] = ()


@dataclass(frozen=True)
class StoredVersion:
    """The row of an as-of day as a table stored it at some time.

    Attributes:
        at: when it was written, UTC.
        as_of: the as-of day.
        row: the row; None if the day had none.
        is_kept: whether the row can still be read.
    """

    at: datetime
    as_of: str
    row: Mapping[Any, Any] | None
    is_kept: bool = True


def audit(lake: Lake, log: ApprovalLog, pipeline: str) -> list[Event]:
    """The history of a pipeline's releases, from all stored versions of their tables."""
    decisions = stored_versions(lake, f"{pipeline}/{nouns.RELEASE_DECISION}", DECISION_COLUMNS)
    records = log.records(pipeline)
    return history(
        decisions,
        records,
        stored_versions(lake, f"{pipeline}/{nouns.CHAMPION}", CHAMPION_COLUMNS),
        _failed_promotions(lake, pipeline, records, decisions),
    )


def history(
    decisions: Sequence[StoredVersion],
    records: Sequence[Record],
    champions: Sequence[StoredVersion],
    failures: Sequence[Event] = (),
) -> list[Event]:
    """Events of all as-of days, by as-of day and time.

    Args:
        decisions: release decisions including replaced ones, the oldest first.
        records: approvals and rejections, by number.
        champions: champions including replaced ones, the oldest first.
        failures: released models that did not become champion.
    """
    evidence = {
        version.as_of: version.row["evidence"] for version in decisions if version.row is not None
    }
    events = [
        *map(_decision_event, decisions),
        *(_approval_event(record, evidence.get(record.as_of, "")) for record in records),
        *_champion_events(champions),
        *failures,
    ]
    return sorted(events, key=lambda event: (event.as_of, event.at))


def _decision_event(version: StoredVersion) -> Event:
    row = version.row
    if row is None:
        return _deleted_rows_event(version, "decided")
    return Event(
        at=version.at,
        as_of=version.as_of,
        what=f"{DECIDED} {row['verdict'].replace('_', ' ')}",
        who=BY_GATES,
        evidence=row["evidence"],
        reason=row["reason"],
        model=row["challenger"],
    )


def _approval_event(record: Record, evidence: str) -> Event:
    if record.action is Action.REJECT:
        what = f"rejected by {record.signature}"
    elif record.action is Action.APPLY:
        what = "approval used"
    else:
        until = f" until {format_time(record.expires_at)}" if record.expires_at else ""
        what = f"approved by {record.signature}{until}"
    remark = other_evidence_remark(record, evidence)
    return Event(
        at=record.at,
        as_of=record.as_of,
        what=what,
        who=record.by,
        evidence=record.evidence,
        reason=f"{record.reason}; has no effect: {remark}" if remark else record.reason,
        serves_from=record.serves_from,
    )


def _champion_events(champions: Sequence[StoredVersion]) -> Iterator[Event]:
    """Events of champions; a version without a row is one only after a version with a row."""
    was_champion: set[str] = set()
    for version in champions:
        if version.row is not None:
            was_champion.add(version.as_of)
            yield _promotion_event(version, version.row)
        elif not version.is_kept:
            was_champion.add(version.as_of)
            yield _deleted_rows_event(version, "champion")
        elif version.as_of in was_champion:
            was_champion.remove(version.as_of)
            yield Event(version.at, version.as_of, "no longer champion", BY_GATES, "", "")


def _promotion_event(version: StoredVersion, row: Mapping[Any, Any]) -> Event:
    number = int(row["version"]) or None
    name = f"version {number}" if number else f"model {short_hash(row['fingerprint'])}"
    return Event(
        at=version.at,
        as_of=version.as_of,
        what=f"champion: {name} by {row['released_by']}",
        who=row["released_by"],
        evidence=row["evidence"],
        reason="",
        model=row["fingerprint"],
        version=number,
        serves_from=row["serves_from"],
    )


def _deleted_rows_event(version: StoredVersion, what: str) -> Event:
    reason = "the rows were deleted from the lake; only the time of writing is known"
    return Event(version.at, version.as_of, f"{what}: unknown", "", "", reason)


def _failed_promotions(
    lake: Lake, pipeline: str, records: Sequence[Record], decisions: Sequence[StoredVersion]
) -> list[Event]:
    """Every failed or interrupted attempt to promote a released model."""
    entries = [
        (noun, entry)
        for noun in STAGES
        for entry in lake.ledger.history(f"{pipeline}/{noun}")
        if entry.status in FAILED or (noun == nouns.CHAMPION and entry.status is Status.STORED)
    ]
    ended = {entry.day for _, entry in entries}
    past_approvals = lake.ledger.latest(f"{pipeline}/{nouns.APPROVALS}")
    failed = [
        *((entry, f"{noun}: {entry.reason}") for noun, entry in entries if entry.status in FAILED),
        *((entry, UNFINISHED) for day, entry in past_approvals.items() if day not in ended),
    ]
    found: dict[tuple[str, str], Event] = {}
    for entry, problem in failed:
        assert entry.written_at is not None
        day, at = entry.day, entry.written_at.replace(tzinfo=UTC)
        rows = [one.row for one in decisions if one.as_of == day and one.at <= at and one.row]
        earlier = [one for one in records if one.as_of == day and one.at <= at]
        by = _released_by(rows[-1], earlier) if rows else ""
        if by:
            then = f"{sentence(problem)} Then: {release_command(pipeline, day)}"
            reason = problem if "--partition" in problem else then
            what = f"released by {by}, did not become champion"
            attempt = Event(at, day, what, by, rows[-1]["evidence"], reason)
            found.setdefault((day, reason), attempt)
    return list(found.values())


def _released_by(decision: Mapping[Any, Any], records: Sequence[Record]) -> str:
    """Who released a model; empty if it is not released."""
    if decision["verdict"] == PASSED:
        return BY_GATES
    is_awaiting = decision["verdict"] == AWAITING
    approval = last_used_approval(records, decision["evidence"]) if is_awaiting else None
    return approval.signature if approval else ""


def stored_versions(lake: Lake, table: str, columns: list[str]) -> list[StoredVersion]:
    """Versions of a table's rows in the order of writing; repeated equal rows of a day count once.

    Args:
        lake: the lake with the table.
        table: name of a table with at most one row per day.
        columns: columns to read; missing ones are filled with ''.
    """
    found: list[StoredVersion] = []
    held: dict[str, str] = {}
    present = {day: entry for day, entry in lake.ledger.latest(table).items() if _is_stored(entry)}
    rows = _by_day(lake.read(table, sorted(present)), columns) if present else {}
    for entry in filter(_is_stored, lake.ledger.history(table)):
        if held.get(entry.day) == entry.content_hash:
            continue
        held[entry.day] = entry.content_hash
        assert entry.written_at is not None
        at = entry.written_at.replace(tzinfo=UTC)
        is_present = present.get(entry.day, entry).content_hash == entry.content_hash
        try:
            of_day = rows if entry.day in present and is_present else _rows_at(lake, entry, columns)
        except LakeMismatch:
            found.append(StoredVersion(at, entry.day, None, is_kept=False))
        else:
            found.append(StoredVersion(at, entry.day, of_day.get(entry.day)))
    return found


def _rows_at(lake: Lake, entry: Entry, columns: list[str]) -> dict[str, Mapping[Any, Any]]:
    """The rows of a ledger entry, read at its table version."""
    hashes = {entry.day: entry.content_hash}
    rows = lake.read(entry.table, [entry.day], version=entry.version, hashes=hashes)
    return _by_day(rows, columns)


def _by_day(rows: pd.DataFrame, columns: list[str]) -> dict[str, Mapping[Any, Any]]:
    known = rows.reindex(columns=columns, fill_value="").fillna({"evidence": ""})
    return {row[DAY]: row for row in known.to_dict("records")}


def _is_stored(entry: Entry) -> bool:
    return entry.status is Status.STORED
