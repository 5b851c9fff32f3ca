"""Who or what put which model in production, when, and on which evidence: one history.

It is put together from what is stored anyway: release decisions, what persons said to them, and
the champions that followed. Rows that were replaced are read at the version that the ledger noted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import (
    Action,
    Record,
    other_evidence,
    shown_hash,
    shown_time,
)
from ml_assets.release.champion import BY_GATES
from ml_assets.release.decision import AWAITING, PASSED
from ml_assets.release.promotion import last_used, release_command

TABLES = ("release_decision", "approvals", "champion")
"""Second parts of the names of the tables whose old rows are part of the history."""

STAGES = ("registered_model", "staging_model", "integration_tests", "champion")
"""Second parts of the names of the tables that a released model goes through, in order."""

FAILED = {Status.SKIPPED, Status.QUARANTINED}
UNFINISHED = "the release was not finished: its run failed, was cut short or is going on"

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


@dataclass(frozen=True)
class Version:
    """What a table once held of an as-of day.

    Attributes:
        at: when it was written, UTC.
        as_of: the as-of day.
        row: the row; None where the day had none.
        is_kept: whether its rows can still be read; otherwise it is only known that there were some.
    """

    at: datetime
    as_of: str
    row: Mapping[Any, Any] | None
    is_kept: bool = True


def audit(lake: Lake, log: ApprovalLog, pipeline: str) -> list[Event]:
    """The history of a pipeline's releases, from everything that was stored of them."""
    decisions = versions(lake, f"{pipeline}/release_decision", DECISION_COLUMNS)
    records = log.records(pipeline)
    return history(
        decisions,
        records,
        versions(lake, f"{pipeline}/champion", CHAMPION_COLUMNS),
        _unpromoted(lake, pipeline, records, decisions),
    )


def history(
    decisions: Sequence[Version],
    records: Sequence[Record],
    champions: Sequence[Version],
    failures: Sequence[Event] = (),
) -> list[Event]:
    """What happened to each as-of day, the oldest day first and each day in the order of time.

    Args:
        decisions: release decisions, also those that were made again, the oldest first.
        records: what persons said, in the order of their numbers.
        champions: champions, also those of earlier decisions, the oldest first.
        failures: released models that did not become champion.
    """
    evidence = {
        version.as_of: version.row["evidence"] for version in decisions if version.row is not None
    }
    events = [
        *map(_decided, decisions),
        *(_said(record, evidence.get(record.as_of, "")) for record in records),
        *_released(champions),
        *failures,
    ]
    return sorted(events, key=lambda event: (event.as_of, event.at))


def _decided(version: Version) -> Event:
    row = version.row
    if row is None:
        return _gone(version, "decided")
    return Event(
        at=version.at,
        as_of=version.as_of,
        what=f"decided: {row['verdict'].replace('_', ' ')}",
        who=BY_GATES,
        evidence=row["evidence"],
        reason=row["reason"],
        model=row["challenger"],
    )


def _said(record: Record, evidence: str) -> Event:
    if record.action is Action.REJECT:
        what = f"rejected by {record.signature}"
    elif record.action is Action.APPLY:
        what = "approval used"
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


def _released(champions: Sequence[Version]) -> Iterator[Event]:
    """A day without a row has an event only when it had a champion before."""
    was_champion: set[str] = set()
    for version in champions:
        if version.row is not None:
            was_champion.add(version.as_of)
            yield _promoted(version, version.row)
        elif not version.is_kept:
            was_champion.add(version.as_of)
            yield _gone(version, "champion")
        elif version.as_of in was_champion:
            was_champion.remove(version.as_of)
            yield Event(version.at, version.as_of, "champion no more", BY_GATES, "", "")


def _promoted(version: Version, row: Mapping[Any, Any]) -> Event:
    number = int(row["version"]) or None
    name = f"version {number}" if number else f"model {shown_hash(row['fingerprint'])}"
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


def _gone(version: Version, what: str) -> Event:
    reason = "the rows were deleted from the lake; that they were written is all that is known"
    return Event(version.at, version.as_of, f"{what}: not known any more", "", "", reason)


def _unpromoted(
    lake: Lake, pipeline: str, records: Sequence[Record], decisions: Sequence[Version]
) -> list[Event]:
    """Every attempt to promote a released model that failed, also one that was cut short."""
    entries = [
        (noun, entry)
        for noun in STAGES
        for entry in lake.ledger.history(f"{pipeline}/{noun}")
        if entry.status in FAILED or (noun == "champion" and entry.status is Status.STORED)
    ]
    ended = {entry.day for _, entry in entries}
    past_approvals = lake.ledger.latest(f"{pipeline}/approvals")
    failed = [
        *((entry, f"{noun}: {entry.reason}") for noun, entry in entries if entry.status in FAILED),
        *((entry, UNFINISHED) for day, entry in past_approvals.items() if day not in ended),
    ]
    found: dict[tuple[str, str], Event] = {}
    for entry, problem in failed:
        assert entry.written_at is not None
        day, at = entry.day, entry.written_at.replace(tzinfo=UTC)
        rows = [one.row for one in decisions if one.as_of == day and one.at <= at and one.row]
        said = [one for one in records if one.as_of == day and one.at <= at]
        by = _released_by(rows[-1], said) if rows else ""
        if by:
            then = f"{problem.rstrip('.')}. Then: {release_command(pipeline, day)}"
            reason = problem if "--partition" in problem else then
            what = f"released by {by}, did not become champion"
            attempt = Event(at, day, what, by, rows[-1]["evidence"], reason)
            found.setdefault((day, reason), attempt)
    return list(found.values())


def _released_by(decision: Mapping[Any, Any], records: Sequence[Record]) -> str:
    """Who released a model; empty when nobody did."""
    if decision["verdict"] == PASSED:
        return BY_GATES
    is_asked = decision["verdict"] == AWAITING
    approval = last_used(records, decision["evidence"]) if is_asked else None
    return approval.signature if approval else ""


def versions(lake: Lake, table: str, columns: list[str]) -> list[Version]:
    """Everything that a table ever held, by day and moment; a day that was written alike counts once.

    Args:
        lake: where it is.
        table: its name; a day of it has one row at most.
        columns: columns wanted; decisions from before there were approvals have no evidence hash.
    """
    found: list[Version] = []
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
            of_day = rows if entry.day in present and is_present else _once(lake, entry, columns)
        except LakeMismatch:
            found.append(Version(at, entry.day, None, is_kept=False))
        else:
            found.append(Version(at, entry.day, of_day.get(entry.day)))
    return found


def _once(lake: Lake, entry: Entry, columns: list[str]) -> dict[str, Mapping[Any, Any]]:
    """The rows of an entry as they were then."""
    hashes = {entry.day: entry.content_hash}
    rows = lake.read(entry.table, [entry.day], version=entry.version, hashes=hashes)
    return _by_day(rows, columns)


def _by_day(rows: pd.DataFrame, columns: list[str]) -> dict[str, Mapping[Any, Any]]:
    known = rows.reindex(columns=columns, fill_value="").fillna({"evidence": ""})
    return {row[DAY]: row for row in known.to_dict("records")}


def _is_stored(entry: Entry) -> bool:
    return entry.status is Status.STORED
