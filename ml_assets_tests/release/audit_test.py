"""The history of releases: who or what released which model, when, on which evidence."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from ml_assets.content import DAY, day_hashes
from ml_assets.lake.maintenance import maintain
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Action, Record, approval_use
from ml_assets.release.audit import (
    CHAMPION_COLUMNS,
    DECISION_COLUMNS,
    TABLES,
    Event,
    StoredVersion,
    audit,
    history,
)
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide, release, store

START = datetime(2026, 8, 1, 12, tzinfo=UTC)
FIRST, SECOND = "2013-07-09", "2013-08-01"


def at(minutes: int) -> datetime:
    """A time."""
    return START + timedelta(minutes=minutes)


def record(number: int, action: Action, minutes: int, evidence: str = EVIDENCE) -> Record:
    """A record by Ann on the second release."""
    return Record(
        PIPELINE, SECOND, action, "Ann", "fine", evidence, "2013-08-03", at(minutes),
        at(600), number,
    )  # fmt: skip


def decided(moment: datetime, *values: Any) -> StoredVersion:
    """A decision as it was stored."""
    row = dict(zip(DECISION_COLUMNS, values, strict=True))
    return StoredVersion(moment, row[DAY], row)


def promoted(moment: datetime, *values: Any) -> StoredVersion:
    """A champion as it was stored."""
    row = dict(zip(CHAMPION_COLUMNS, values, strict=True))
    return StoredVersion(moment, row[DAY], row)


def test_events_are_sorted_by_day_and_time() -> None:
    decisions = [
        decided(at(10), SECOND, "awaiting_approval", "auc fell", "model b", EVIDENCE),
        decided(at(0), FIRST, "passed", "auc rose", "model a", "e1"),
    ]
    champions = [
        promoted(at(1), FIRST, "model a", 1, "gates", "e1", FIRST),
        promoted(at(31), SECOND, "model b", 2, "Ann (approval 2)", EVIDENCE, "2013-08-03"),
    ]
    approved = record(2, Action.APPROVE, 20)
    records = [
        record(1, Action.APPROVE, 5, "of old"),
        approved,
        approval_use(approved, at(30), "2013-08-03"),
    ]

    events = history(decisions, records, champions)

    assert events[0] == Event(
        at(0), FIRST, "decided: passed", "gates", "e1", "auc rose", model="model a"
    )
    assert events[1] == Event(
        at(1), FIRST, "champion: version 1 by gates", "gates", "e1", "",
        model="model a", version=1, serves_from=FIRST,
    )  # fmt: skip
    assert [(event.at, event.as_of, event.what) for event in events[2:]] == [
        (at(5), SECOND, "approved by Ann (approval 1) until 2026-08-01 22:00 UTC"),
        (at(10), SECOND, "decided: awaiting approval"),
        (at(20), SECOND, "approved by Ann (approval 2) until 2026-08-01 22:00 UTC"),
        (at(30), SECOND, "approval used"),
        (at(31), SECOND, "champion: version 2 by Ann (approval 2)"),
    ]
    assert events[2].reason == (
        "fine; has no effect: approval 1 by Ann is of other evidence (of old)"
    )
    assert events[5].reason == "approval 2 by Ann"
    assert {event.evidence for event in events[3:]} == {EVIDENCE}


def test_a_champion_without_a_registry_is_shown_by_its_fingerprint() -> None:
    champion = promoted(at(0), FIRST, "abcdef0123456789", 0, "gates", "e1", FIRST)

    (event,) = history([], [], [champion])

    assert event.what == "champion: model abcdef01… by gates"
    assert event.version is None


def project(folder: Path) -> tuple[Lake, ApprovalLog]:
    """An empty lake and log."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    return Lake(str(folder / "lake"), Ledger(url)), ApprovalLog(url)


def test_nothing_was_decided_in_an_empty_lake(tmp_path: Path) -> None:
    assert audit(*project(tmp_path), PIPELINE) == []


def test_audit_reads_what_is_stored(tmp_path: Path) -> None:
    lake, log = project(tmp_path)
    decide(lake, FIRST, "passed")
    before = audit(lake, log, PIPELINE)
    release(lake, FIRST, 1, "gates")
    log.append(record(1, Action.REJECT, 0))

    events = audit(lake, log, PIPELINE)

    assert [event.what for event in before] == ["decided: passed"]
    assert [event.what for event in events] == [
        "decided: passed",
        "champion: version 1 by gates",
        "rejected by Ann (rejection 1)",
    ]
    assert events[0].at <= events[1].at <= datetime.now(UTC)
    assert datetime.now(UTC) - events[0].at < timedelta(minutes=10)


def test_decisions_without_an_evidence_hash_are_listed(tmp_path: Path) -> None:
    lake, log = project(tmp_path)
    old = {DAY: [FIRST], "verdict": ["promoted"], "reason": ["auc rose"], "challenger": ["m"]}
    store(lake, "release_decision", pd.DataFrame(old))
    alone = audit(lake, log, PIPELINE)
    decide(lake, SECOND)

    events = audit(lake, log, PIPELINE)

    assert [(event.what, event.evidence) for event in alone] == [("decided: promoted", "")]
    assert [(event.what, event.evidence) for event in events] == [
        ("decided: promoted", ""),
        ("decided: awaiting approval", EVIDENCE),
    ]


def decided_twice(lake: Lake) -> None:
    """A release that passed, whose day is decided again on other evidence, and rejected."""
    decide(lake, FIRST, "passed", evidence="first")
    release(lake, FIRST, 1, "gates")
    decide(lake, FIRST, "awaiting_approval", evidence="second")
    decide(lake, FIRST, "awaiting_approval", evidence="second")
    release(lake, FIRST, 2, "Ann (approval 1)")


TWICE = [
    ("decided: passed", "first"),
    ("champion: version 1 by gates", EVIDENCE),
    ("decided: awaiting approval", "second"),
    ("champion: version 2 by Ann (approval 1)", EVIDENCE),
]


def events_of(lake: Lake, log: ApprovalLog) -> list[tuple[str, str]]:
    """Events of the history: what happened, and the evidence."""
    return [(event.what, event.evidence) for event in audit(lake, log, PIPELINE)]


def test_a_day_that_was_decided_again_keeps_its_history(tmp_path: Path) -> None:
    lake, log = project(tmp_path)
    decided_twice(lake)

    assert events_of(lake, log) == TWICE
    lake.ledger.append([Entry(f"{PIPELINE}/champion", FIRST, Status.WRITING)])
    assert events_of(lake, log) == TWICE


def test_maintenance_of_the_lake_leaves_the_history(tmp_path: Path) -> None:
    lake, log = project(tmp_path)
    decided_twice(lake)

    for noun in TABLES:
        maintain(lake, f"{PIPELINE}/{noun}", [], keeps_history=True)

    assert events_of(lake, log) == TWICE


def test_deleted_rows_are_listed_as_unknown(tmp_path: Path) -> None:
    lake, log = project(tmp_path)
    decided_twice(lake)

    maintain(lake, f"{PIPELINE}/release_decision", [])

    assert events_of(lake, log) == [("decided: unknown", ""), *TWICE[1:]]


def test_a_former_champion_is_listed(tmp_path: Path) -> None:
    lake, log = project(tmp_path)
    release(lake, FIRST, 1, "gates")
    table = f"{PIPELINE}/champion"
    version = lake.write(table, lake.read(table).iloc[:0], [FIRST]).version
    nothing = day_hashes(lake.scan(table), [FIRST])[FIRST]
    lake.ledger.append([Entry(table, FIRST, Status.STORED, content_hash=nothing, version=version)])

    assert [what for what, _ in events_of(lake, log)] == [
        "champion: version 1 by gates",
        "no longer champion",
    ]
