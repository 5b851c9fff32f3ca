"""Released models that did not become champion: releaser, reason and remedy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Action, Record, approval_use
from ml_assets.release.audit import audit
from ml_assets.release.promotion import (
    days_with_unmeasured_tests,
    is_not_measured,
    lost_approval,
    problem_of_tests,
    release_command,
)
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide, release, store

AS_OF = "2013-07-09"
NAMES = ["loads", "fast"]
NOW = datetime.now(UTC)
SAYS_FAST = f"champion: fast failed. Run it again: {release_command(PIPELINE, AS_OF)}"


def results(*outcomes: str) -> pd.DataFrame:
    """Integration tests with these outcomes."""
    return pd.DataFrame(
        {
            DAY: AS_OF,
            "fingerprint": f"model of {AS_OF}",
            "test": NAMES[: len(outcomes)],
            "outcome": outcomes,
            "passed": [outcome == "passed" for outcome in outcomes],
            "finding": [f"found {outcome}" for outcome in outcomes],
        }
    )


@pytest.mark.parametrize(
    ("outcomes", "problem"),
    [
        pytest.param(["passed", "passed"], "", id="all passed"),
        pytest.param(
            ["passed", "failed"], "integration test fast failed: found failed", id="one failed"
        ),
        pytest.param(
            ["passed", "not_measured"],
            "integration test fast could not be measured: found not_measured",
            id="one not measured",
        ),
        pytest.param(["passed"], "integration test fast has no result", id="one missing"),
    ],
)
def test_g4_a_test_that_could_not_be_measured_is_distinguished(
    outcomes: list[str], problem: str
) -> None:
    assert problem_of_tests(results(*outcomes), NAMES) == problem


@pytest.mark.parametrize(
    ("outcomes", "waits"),
    [
        pytest.param(["passed", "not_measured"], True, id="not measured"),
        pytest.param(["failed", "not_measured"], False, id="failed as well"),
        pytest.param(["failed", "passed"], False, id="failed"),
        pytest.param(["passed", "passed"], False, id="passed"),
    ],
)
def test_g4_only_what_could_not_be_measured_is_worth_another_attempt(
    lake: Lake, outcomes: list[str], waits: bool
) -> None:
    store(lake, "integration_tests", results(*outcomes))

    assert is_not_measured(results(*outcomes)) is waits
    assert days_with_unmeasured_tests(lake, PIPELINE, [AS_OF]) == ([AS_OF] if waits else [])
    assert days_with_unmeasured_tests(lake, PIPELINE, []) == []


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))


@pytest.fixture
def log(lake: Lake) -> ApprovalLog:
    """The approval log beside it."""
    return ApprovalLog(lake.ledger.url.render_as_string(hide_password=False))


def skip(lake: Lake, noun: str, reason: str) -> None:
    """Skip a day, as a failed run does."""
    table = f"{PIPELINE}/{noun}"
    lake.ledger.append([Entry(table, AS_OF, Status.SKIPPED, reason=reason, run_id="run")])


def events_of(lake: Lake, log: ApprovalLog) -> list[tuple[str, str, str]]:
    """Events of the day in the audit: what, by whom, and why."""
    return [(event.what, event.who, event.reason) for event in audit(lake, log, PIPELINE)]


NOT_CHAMPION = "released by gates, did not become champion"


def test_audit_has_the_releaser_the_failed_test_and_the_remedy(
    lake: Lake, log: ApprovalLog
) -> None:
    decide(lake, AS_OF, "passed", reason="auc rose")
    skip(lake, "champion", SAYS_FAST.partition(": ")[2])
    skip(lake, "champion", SAYS_FAST.partition(": ")[2])

    assert events_of(lake, log) == [
        ("decided: passed", "gates", "auc rose"),
        (NOT_CHAMPION, "gates", SAYS_FAST),
    ]
    release(lake, AS_OF, 1, "gates")
    assert events_of(lake, log)[-1][0] == "champion: version 1 by gates"


@pytest.mark.parametrize("noun", ["registered_model", "staging_model", "integration_tests"])
def test_audit_has_the_stage_at_which_a_release_ended(
    lake: Lake, log: ApprovalLog, noun: str
) -> None:
    decide(lake, AS_OF, "passed")
    skip(lake, noun, "its file is gone.")

    command = release_command(PIPELINE, AS_OF)
    assert events_of(lake, log)[-1] == (
        NOT_CHAMPION, "gates", f"{noun}: its file is gone. Then: {command}",
    )  # fmt: skip


def test_audit_has_an_unfinished_release(lake: Lake, log: ApprovalLog) -> None:
    decide(lake, AS_OF, "passed")
    store(lake, "approvals", pd.DataFrame({DAY: [AS_OF], "number": [0]}))

    [_, (what, who, reason)] = events_of(lake, log)

    assert (what, who) == (NOT_CHAMPION, "gates")
    assert reason.startswith("the release is not finished")
    assert reason.endswith(release_command(PIPELINE, AS_OF))


@pytest.mark.parametrize("verdict", ["blocked", "awaiting_approval"])
def test_a_model_that_is_not_released_is_no_failure(
    lake: Lake, log: ApprovalLog, verdict: str
) -> None:
    decide(lake, AS_OF, verdict)
    skip(lake, "champion", "nothing to do")
    store(lake, "approvals", pd.DataFrame({DAY: [AS_OF], "number": [0]}))

    assert [what for what, _, _ in events_of(lake, log)] == [
        f"decided: {verdict.replace('_', ' ')}"
    ]


def record(number: int, action: Action, minutes: float, **changes: datetime) -> Record:
    """A record by Ann, minutes from now."""
    return Record(
        PIPELINE, AS_OF, action, "Ann", "fine", EVIDENCE, "", NOW + timedelta(minutes=minutes),
        number=number, **changes,
    )  # fmt: skip


APPROVED = record(1, Action.APPROVE, -60, expires_at=NOW - timedelta(minutes=5))
USED = approval_use(APPROVED, NOW - timedelta(minutes=30), AS_OF)


def test_audit_names_the_person_who_released_it(lake: Lake, log: ApprovalLog) -> None:
    log.append(APPROVED)
    log.append(USED)
    decide(lake, AS_OF)
    skip(lake, "champion", "its approval expired")

    assert "released by Ann (approval 1), did not become champion" in [
        what for what, _, _ in events_of(lake, log)
    ]


USE = record(2, Action.APPLY, -30)


@pytest.mark.parametrize(
    ("records", "is_lost"),
    [
        pytest.param([APPROVED, USE], True, id="expired after its use"),
        pytest.param([APPROVED], False, id="expired unused"),
        pytest.param([APPROVED, USE, record(3, Action.REJECT, -20)], False, id="rejected after"),
        pytest.param([record(1, Action.APPROVE, -60), USE], False, id="still valid"),
        pytest.param(
            [APPROVED, USE, record(3, Action.APPROVE, -1)], True, id="approved again, not used yet"
        ),
        pytest.param([], False, id="nothing said"),
    ],
)
def test_an_approval_is_lost_when_it_expires_between_its_use_and_the_champion(
    records: list[Record], is_lost: bool
) -> None:
    assert (lost_approval(records, EVIDENCE, NOW) is not None) is is_lost
