"""The history of releases: who or what promoted which model, when, on which evidence."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from ml_assets.lake.content import DAY
from ml_assets.lake.ledger import Ledger
from ml_assets.lake.store import Lake
from ml_assets.registry.approval_log import ApprovalLog
from ml_assets.registry.approvals import Action, Record, application
from ml_assets.registry.audit import CHAMPION_COLUMNS, DECISION_COLUMNS, Event, audit, history
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide, release, store

START = datetime(2026, 8, 1, 12, tzinfo=UTC)
FIRST, SECOND = "2013-07-09", "2013-08-01"


def at(minutes: int) -> datetime:
    """A moment."""
    return START + timedelta(minutes=minutes)


def said(number: int, action: Action, minutes: int, evidence: str = EVIDENCE) -> Record:
    """Something Ann said to the second release."""
    return Record(
        PIPELINE, SECOND, action, "Ann", "fine", evidence, "2013-08-03", at(minutes),
        at(600), number,
    )  # fmt: skip


def test_history_tells_each_day_in_the_order_of_time() -> None:
    decisions = pd.DataFrame(
        [
            [SECOND, "awaiting_approval", "auc fell", "model b", EVIDENCE],
            [FIRST, "passed", "auc rose", "model a", "e1"],
        ],
        columns=DECISION_COLUMNS,
    )
    champions = pd.DataFrame(
        [
            [FIRST, "model a", 1, "gates", "e1", FIRST],
            [SECOND, "model b", 2, "Ann (approval 2)", EVIDENCE, "2013-08-03"],
        ],
        columns=CHAMPION_COLUMNS,
    )
    approved = said(2, Action.APPROVE, 20)
    records = [said(1, Action.APPROVE, 5, "of old"), approved, application(approved, at(30))]

    events = history(
        decisions,
        {FIRST: at(0), SECOND: at(10)},
        records,
        champions,
        {FIRST: at(1), SECOND: at(31)},
    )

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
        (at(30), SECOND, "released on approval"),
        (at(31), SECOND, "champion: version 2 by Ann (approval 2)"),
    ]
    assert events[2].reason == (
        "fine; does nothing now: approval 1 by Ann is of other evidence (of old)"
    )
    assert events[5].reason == "approval 2 by Ann"
    assert {event.evidence for event in events[3:]} == {EVIDENCE}


def test_a_champion_without_a_registry_is_told_by_its_fingerprint() -> None:
    champions = pd.DataFrame(
        [[FIRST, "abcdef0123456789", 0, "gates", "e1", FIRST]], columns=CHAMPION_COLUMNS
    )

    (event,) = history(pd.DataFrame(columns=DECISION_COLUMNS), {}, [], champions, {FIRST: at(0)})

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
    log.append(said(1, Action.REJECT, 0))

    events = audit(lake, log, PIPELINE)

    assert [event.what for event in before] == ["decided: passed"]
    assert [event.what for event in events] == [
        "decided: passed",
        "champion: version 1 by gates",
        "rejected by Ann (rejection 1)",
    ]
    assert events[0].at <= events[1].at <= datetime.now(UTC)
    assert datetime.now(UTC) - events[0].at < timedelta(minutes=10)


def test_decisions_from_before_there_was_an_evidence_hash_are_told(tmp_path: Path) -> None:
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
