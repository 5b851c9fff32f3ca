"""Approving and rejecting a release: only with an effect, until its model is champion."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets.cadence import DAYS
from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.release.approvals.actions import describe, first_not_scored, record
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Action, Record, approval_use
from ml_assets.release.gates import GateOutcome
from ml_assets_tests.release.approvals.conftest import AS_OF, NOW, approval
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide, release, score


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with a release that waits for approval."""
    lake = Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    decide(lake, AS_OF)
    return lake


def approve(
    lake: Lake, log: ApprovalLog, action: Action = Action.APPROVE, **changes: Any
) -> Record:
    """Approve or reject the release."""
    values: dict[str, Any] = {
        "pipeline": PIPELINE,
        "as_of": AS_OF,
        "action": action,
        "by": "Ann",
        "reason": "seen and fine",
        "now": NOW,
    }
    return record(lake, log, **values | changes)


@pytest.mark.parametrize(
    ("scored", "serves_from"),
    [
        pytest.param([], AS_OF, id="nothing is scored"),
        pytest.param(["2013-07-01", "2013-07-07"], AS_OF, id="scored before"),
        pytest.param(["2013-07-08"], AS_OF, id="scored until the day before"),
        pytest.param(["2013-07-09"], "2013-07-10", id="the as-of day is scored"),
        pytest.param(["2013-07-09", "2013-07-31"], "2013-08-01", id="scored long after"),
    ],
)
def test_an_approved_model_serves_from_the_first_day_that_is_not_scored(
    lake: Lake, scored: list[str], serves_from: str
) -> None:
    if scored:
        score(lake, *scored)

    assert first_not_scored(lake, PIPELINE, AS_OF, DAYS) == serves_from


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        pytest.param("", None, id="never"),
        pytest.param("7d", NOW + timedelta(days=7), id="days"),
        pytest.param("12h", NOW + timedelta(hours=12), id="hours"),
    ],
)
def test_an_approval_is_recorded_with_its_evidence(
    lake: Lake, log: ApprovalLog, expires: str, expected: datetime | None
) -> None:
    added = approve(
        lake, log, by="  Ann ", reason="seen\n and  fine", expires=expires, as_of="20130709"
    )

    assert log.records(PIPELINE) == [added]
    assert added == approval(reason="seen and fine", serves_from="", expires_at=expected, number=1)
    assert EVIDENCE in describe(added)
    assert f"{PIPELINE}__release" in describe(added)
    assert f"--partition {AS_OF}" in describe(added)


def test_a_rejection_is_recorded_as_final(lake: Lake, log: ApprovalLog) -> None:
    added = approve(lake, log, Action.REJECT)

    assert (added.action, added.serves_from, added.expires_at) == (Action.REJECT, "", None)
    assert "final" in describe(added)
    assert "dg launch" not in describe(added)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"as_of": "July"}, "'July' is not a day", id="no day"),
        pytest.param({"as_of": "2013-02-30"}, "is not a day", id="no such day"),
        pytest.param(
            {"as_of": "2013-07-10"},
            "has no release decision as of 2013-07-10. Expected one of 2013-07-09.",
            id="not decided",
        ),
        pytest.param({"by": " "}, "'by' is empty", id="no name"),
        pytest.param({"reason": "\n"}, "'reason' is empty", id="no reason"),
        pytest.param({"reason": "a\x00b"}, "not readable", id="unreadable reason"),
        pytest.param({"expires": "7"}, "'7' is not a duration", id="no unit"),
        pytest.param({"expires": "0d"}, "0d is no time", id="at once"),
        pytest.param({"expires": "-1d"}, "'-1d' is not a duration", id="in the past"),
        pytest.param({"expires": "1y"}, "'7d' or '36h'", id="unknown unit"),
        pytest.param({"expires": "99999d"}, "at most ten years", id="beyond the calendar"),
        pytest.param(
            {"expires": "7d", "action": Action.REJECT}, "does not expire", id="rejection for a time"
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    lake: Lake, log: ApprovalLog, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        approve(lake, log, **changes)

    assert log.records(PIPELINE) == []


@pytest.mark.parametrize("action", [Action.APPROVE, Action.REJECT])
@pytest.mark.parametrize(
    ("verdict", "outcome", "message"),
    [
        pytest.param(
            "passed",
            GateOutcome.PASSED,
            "passed its gates, so there is nothing to approve",
            id="passed",
        ),
        pytest.param(
            "blocked",
            GateOutcome.NO_EVIDENCE,
            "because evidence is missing, which cannot be approved: no test rows. Repair that, then "
            "run: dg launch",
            id="without evidence",
        ),
        pytest.param(
            "blocked",
            GateOutcome.FINAL,
            "by a limit that cannot be approved: no test rows. Train a model as of a later day",
            id="by a limit that cannot be approved",
        ),
    ],
)
def test_only_a_release_that_waits_can_be_approved(
    lake: Lake, log: ApprovalLog, verdict: str, outcome: GateOutcome, message: str, action: Action
) -> None:
    decide(lake, AS_OF, verdict, reason="no test rows", outcome=outcome)

    with pytest.raises(ConfigurationError, match=message):
        approve(lake, log, action)

    assert log.records(PIPELINE) == []


def test_decided_days_are_listed(lake: Lake, log: ApprovalLog) -> None:
    for day in range(10, 20):
        decide(lake, f"2013-07-{day}")

    with pytest.raises(ConfigurationError, match=r"2013-07-12, .*2013-07-19, and 3 earlier ones"):
        approve(lake, log, as_of="2013-08-01")


def test_a_pipeline_without_decisions_has_nothing_to_approve(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"

    with pytest.raises(ConfigurationError, match="flight_delays has no release decision yet"):
        approve(Lake(str(tmp_path), Ledger(url)), ApprovalLog(url))


def test_a_decision_that_is_being_made_again_cannot_be_approved(
    lake: Lake, log: ApprovalLog
) -> None:
    lake.ledger.append([Entry(f"{PIPELINE}/release_decision", AS_OF, Status.WRITING)])

    with pytest.raises(ConfigurationError, match="no release decision"):
        approve(lake, log)


def test_a_rejection_is_final_until_the_evidence_is_another(lake: Lake, log: ApprovalLog) -> None:
    approve(lake, log, Action.REJECT, reason="too few rows")

    for action in (Action.APPROVE, Action.REJECT):
        with pytest.raises(ConfigurationError, match="rejection 1 by Ann: too few rows"):
            approve(lake, log, action)
    decide(lake, AS_OF, evidence="other")

    assert approve(lake, log).evidence == "other"


def test_a_release_cannot_be_undone(lake: Lake, log: ApprovalLog) -> None:
    log.append(approval_use(approve(lake, log, expires="1h"), NOW, AS_OF))
    release(lake, AS_OF, 1, "Ann (approval 1)")

    for action in (Action.APPROVE, Action.REJECT):
        with pytest.raises(ConfigurationError, match=r"released already, by Ann \(approval 1\)"):
            approve(lake, log, action, now=NOW + timedelta(days=30))


def test_what_was_approved_and_used_can_be_rejected_until_its_model_is_champion(
    lake: Lake, log: ApprovalLog
) -> None:
    log.append(approval_use(approve(lake, log), NOW, AS_OF))

    assert approve(lake, log, Action.REJECT).number == 3


def test_a_decision_that_was_altered_cannot_be_approved(lake: Lake, log: ApprovalLog) -> None:
    table = f"{PIPELINE}/release_decision"
    lake.write(table, lake.read(table).assign(evidence="other"), [AS_OF])

    with pytest.raises(LakeMismatch, match="was altered"):
        approve(lake, log)


def test_an_expired_approval_can_be_given_again(lake: Lake, log: ApprovalLog) -> None:
    approve(lake, log, expires="1h")

    assert approve(lake, log, by="Bob", now=NOW + timedelta(hours=2)).number == 2


def test_an_approval_can_be_withdrawn_before_it_is_used(lake: Lake, log: ApprovalLog) -> None:
    approve(lake, log)

    assert approve(lake, log, Action.REJECT).number == 2


def test_a_model_that_a_newer_one_has_replaced_can_be_rejected_but_not_approved(
    lake: Lake, log: ApprovalLog
) -> None:
    release(lake, "2013-08-01", 2, "gates")

    with pytest.raises(ConfigurationError, match="as of 2013-08-01 was released since"):
        approve(lake, log)

    assert approve(lake, log, Action.REJECT).number == 1


def test_an_older_champion_does_not_block_an_approval(lake: Lake, log: ApprovalLog) -> None:
    release(lake, "2013-06-01", 1, "gates")

    assert approve(lake, log).number == 1
