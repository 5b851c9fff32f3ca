"""Whether a release continues and its model becomes champion, decided on plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from ml_assets.cadence import DAYS
from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch, MLAssetsError, TrainingError
from ml_assets.ledger.entries import Entry, Status
from ml_assets.registry.integration import IntegrationTest
from ml_assets.release.approvals.approvals import Action, Record
from ml_assets.release.champion import BY_GATES, Champion
from ml_assets.release.promotion import release_command, training_command
from ml_assets.release.releasing import (
    NotPromoted,
    Release,
    approval_to_use,
    champion_row,
    current_release,
)
from ml_assets.release.state import ReleaseState
from ml_assets_tests.releases import EVIDENCE, PIPELINE

BEFORE, AS_OF, LATER = "2013-07-09", "2013-08-01", "2013-09-01"
NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
MODEL, SIGNATURE = f"model of {AS_OF}", "Ann (approval 1)"
ALTERED = LakeMismatch("somebody altered it")

OLD = Champion(BEFORE, f"model of {BEFORE}", 0.66, 28, "2013-06-30", "auc", BEFORE)
NEWER = replace(OLD, as_of="2013-07-20", fingerprint="model of 2013-07-20")

DECISION = {
    DAY: AS_OF,
    "verdict": "passed",
    "evidence": EVIDENCE,
    "challenger": MODEL,
    "champion": OLD.fingerprint,
    "champion_as_of": BEFORE,
    "metric": "auc",
    "challenger_value": 0.67,
    "training_days": 28,
    "training_last": "2013-07-25",
}
AWAITING = {**DECISION, "verdict": "awaiting_approval"}
BLOCKED = {**DECISION, "verdict": "blocked"}
CHAMPION = {
    DAY: AS_OF,
    "fingerprint": MODEL,
    "version": 7,
    "serves_from": "2013-08-05",
    "released_by": SIGNATURE,
    "evidence": EVIDENCE,
    "metric": "auc",
    "value": 0.67,
    "training_days": 28,
    "training_last": "2013-07-25",
    "replaces": BEFORE,
}

REGISTERED = pd.DataFrame({DAY: [AS_OF], "fingerprint": [MODEL], "version": [7]})
TESTS = pd.DataFrame(
    {
        DAY: AS_OF,
        "fingerprint": MODEL,
        "test": IntegrationTest.names(),
        "outcome": "passed",
        "passed": True,
        "finding": "fine",
    }
)


def failed(outcome: str) -> pd.DataFrame:
    """Integration tests, where the first has another outcome."""
    first = TESTS["test"] == IntegrationTest.names()[0]
    return TESTS.assign(
        outcome=TESTS["outcome"].mask(first, outcome),
        passed=~first,
        finding=TESTS["finding"].mask(first, "too slow"),
    )


def record(number: int, action: Action, minutes: float, **changes: Any) -> Record:
    """A record by Ann, minutes from now."""
    moment = NOW + timedelta(minutes=minutes)
    values = {"evidence": EVIDENCE, "serves_from": "", **changes}
    return Record(
        PIPELINE, AS_OF, action, "Ann", "fine", at=moment, number=number, **values
    )  # fmt: skip


APPROVED = record(1, Action.APPROVE, -60)
USED = record(2, Action.APPLY, -30, serves_from="2013-08-03")
EXPIRED = replace(APPROVED, expires_at=NOW - timedelta(minutes=5))
REJECTED = record(3, Action.REJECT, -20)


def entry(day: str, status: Status, rows: int = 0) -> Entry:
    """An entry of the table of champions."""
    return Entry(f"{PIPELINE}/champion", day, status, rows=rows)


BEGUN = entry(AS_OF, Status.WRITING)
FIRST = entry(BEFORE, Status.STORED, rows=1)
THIS = entry(AS_OF, Status.STORED, rows=1)


def state(*records: Record, **changes: Any) -> ReleaseState:
    """A release whose model passed its gates and its tests, with changes."""
    values: dict[str, Any] = {
        "pipeline": PIPELINE,
        "as_of": AS_OF,
        "now": NOW,
        "decision": DECISION,
        "history": [FIRST, BEGUN],
        "release": None,
        "champion_before": OLD,
        "records": records,
        "approvals": list(records),
        "first_not_scored": AS_OF,
        "as_of_calendar": DAYS,
        "registered": REGISTERED,
        "tests": TESTS,
    }
    return ReleaseState(**{**values, **changes})


def refusal(decided: Any, of: ReleaseState, error: type[MLAssetsError]) -> str:
    """Message of a refused release."""
    with pytest.raises(error) as message:
        decided(of)
    return str(message.value)


# Whether it goes on


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        pytest.param(state(), Release(BY_GATES, AS_OF), id="passed"),
        pytest.param(state(first_not_scored=LATER), Release(BY_GATES, AS_OF), id="and scored"),
        pytest.param(state(decision=BLOCKED), None, id="blocked"),
        pytest.param(state(APPROVED, USED, decision=BLOCKED), None, id="blocked, though approved"),
        pytest.param(state(decision=AWAITING), None, id="waits"),
        pytest.param(state(APPROVED, decision=AWAITING), None, id="approved, not used yet"),
        pytest.param(
            state(APPROVED, USED, decision=AWAITING),
            Release(SIGNATURE, "2013-08-03"),
            id="on an approval that was used",
        ),
        pytest.param(
            state(APPROVED, USED, decision=AWAITING, first_not_scored="2013-08-06"),
            Release(SIGNATURE, "2013-08-06"),
            id="later, when further days were scored",
        ),
        pytest.param(
            state(
                APPROVED,
                USED,
                decision=AWAITING,
                first_not_scored="2013-08-06",
                history=[FIRST, THIS],
            ),
            Release(SIGNATURE, "2013-08-03"),
            id="scored by its own model",
        ),
        pytest.param(state(EXPIRED, USED, decision=AWAITING), None, id="expired"),
        pytest.param(state(APPROVED, USED, REJECTED, decision=AWAITING), None, id="rejected"),
        pytest.param(
            state(
                replace(APPROVED, evidence="other"),
                replace(USED, evidence="other"),
                decision=AWAITING,
            ),
            None,
            id="approved on other evidence",
        ),
        pytest.param(
            state(
                decision=AWAITING,
                release=CHAMPION,
                outdated=frozenset({"release_decision"}),
                champion_before=NEWER,
                approvals=ALTERED,
            ),
            Release(SIGNATURE, "2013-08-05"),
            id="is champion, whatever holds now",
        ),
    ],
)
def test_a_release_continues_by_its_gates_or_by_a_valid_used_approval(
    of: ReleaseState, expected: Release | None
) -> None:
    assert current_release(of) == expected


def test_what_a_release_does_not_depend_on_may_be_altered() -> None:
    assert current_release(state(approvals=ALTERED)) == Release(BY_GATES, AS_OF)
    assert (
        current_release(state(decision=BLOCKED, champion_before=ALTERED, approvals=ALTERED)) is None
    )


@pytest.mark.parametrize(
    ("of", "error", "words"),
    [
        pytest.param(state(release=ALTERED), LakeMismatch, str(ALTERED), id="champion altered"),
        pytest.param(
            state(champion_before=ALTERED), LakeMismatch, str(ALTERED), id="earlier release lost"
        ),
        pytest.param(
            state(APPROVED, USED, decision=AWAITING, approvals=ALTERED),
            LakeMismatch,
            str(ALTERED),
            id="approvals altered",
        ),
        pytest.param(
            state(outdated=frozenset({"release_decision"})),
            LakeMismatch,
            f"{PIPELINE}/release_decision {AS_OF} was computed with other code or rules than the "
            f"current ones. To compute it again, run: {release_command(PIPELINE, AS_OF)}",
            id="decided by other code",
        ),
        pytest.param(
            state(APPROVED, USED, decision=AWAITING, approvals=[APPROVED]),
            TrainingError,
            f"{PIPELINE}/approvals {AS_OF} lacks the latest records. To read them and continue the "
            f"release, run: {release_command(PIPELINE, AS_OF)}",
            id="approvals behind the log",
        ),
        pytest.param(
            state(champion_before=NEWER),
            TrainingError,
            f"the model of {AS_OF} was compared with champion {BEFORE}, and the current champion is 2013-07-20"
            f". Judge it again: {release_command(PIPELINE, AS_OF)}",
            id="another champion",
        ),
        pytest.param(
            state(champion_before=None),
            TrainingError,
            f"the model of {AS_OF} was compared with champion {BEFORE}, and the current champion is none. "
            f"Judge it again: {release_command(PIPELINE, AS_OF)}",
            id="no champion any more",
        ),
        pytest.param(
            state(decision={**DECISION, "champion": "", "champion_as_of": ""}),
            TrainingError,
            f"the model of {AS_OF} was compared with champion none, and the current champion is {BEFORE}"
            f". Judge it again: {release_command(PIPELINE, AS_OF)}",
            id="a first champion since",
        ),
    ],
)
def test_a_release_does_not_go_on_over_what_is_altered_outdated_or_another(
    of: ReleaseState, error: type[MLAssetsError], words: str
) -> None:
    assert refusal(current_release, of, error) == words
    assert refusal(champion_row, of, error) == words


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        pytest.param(state(APPROVED, decision=AWAITING), APPROVED, id="approved"),
        pytest.param(state(APPROVED, USED, decision=AWAITING), None, id="used already"),
        pytest.param(state(EXPIRED, decision=AWAITING), None, id="expired"),
        pytest.param(state(APPROVED, REJECTED, decision=AWAITING), None, id="rejected"),
        pytest.param(state(decision=AWAITING), None, id="nothing said"),
        pytest.param(state(APPROVED), None, id="passed, needs none"),
        pytest.param(state(APPROVED, decision=BLOCKED), None, id="blocked, helped by none"),
        pytest.param(state(APPROVED, decision=AWAITING, release=CHAMPION), None, id="champion"),
    ],
)
def test_an_approval_is_used_while_its_release_waits(
    of: ReleaseState, expected: Record | None
) -> None:
    assert approval_to_use(of) == expected


# Whether its model becomes champion


def test_a_released_and_tested_model_becomes_champion() -> None:
    by_gates = {**CHAMPION, "released_by": BY_GATES, "serves_from": AS_OF}

    assert champion_row(state()) == by_gates
    assert champion_row(state(registered=None, tests=None)) == {**by_gates, "version": 0}
    assert champion_row(state(APPROVED, USED, decision=AWAITING)) == {
        **CHAMPION,
        "serves_from": "2013-08-03",
    }


def test_a_champion_stays_what_it_is() -> None:
    later = entry(LATER, Status.STORED, rows=1)
    of = state(decision=AWAITING, release=CHAMPION, history=[FIRST, THIS, later])

    assert champion_row(of) == CHAMPION
    assert champion_row(replace(of, champion_before=NEWER)) == CHAMPION
    assert refusal(champion_row, replace(of, champion_before=ALTERED), LakeMismatch) == str(ALTERED)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(state(decision=BLOCKED), id="blocked"),
        pytest.param(state(decision=AWAITING), id="waits"),
        pytest.param(state(EXPIRED, decision=AWAITING), id="expired before its use"),
        pytest.param(state(APPROVED, USED, REJECTED, decision=AWAITING), id="rejected"),
        pytest.param(state(EXPIRED, USED, decision=BLOCKED), id="blocked since"),
    ],
)
def test_a_model_that_is_not_released_makes_no_champion(of: ReleaseState) -> None:
    assert champion_row(of) is None


NOT_CHAMPION = f"the model of {AS_OF} was released by {{}} and did not become champion: "
AGAIN = f"run the release again: {release_command(PIPELINE, AS_OF)}"
FIRST_TEST = f"integration test {IntegrationTest.names()[0]}"


@pytest.mark.parametrize(
    ("of", "by", "words"),
    [
        pytest.param(
            state(registered=REGISTERED.iloc[:0]),
            BY_GATES,
            f"it is not registered. Fix the cause, and {AGAIN}",
            id="not registered",
        ),
        pytest.param(
            state(tests=failed("failed")),
            BY_GATES,
            f"{FIRST_TEST} failed: too slow. Fix the cause, and {AGAIN}",
            id="a test failed",
        ),
        pytest.param(
            state(APPROVED, USED, decision=AWAITING, tests=failed("not_measured")),
            SIGNATURE,
            f"{FIRST_TEST} could not be measured: too slow. Wait for the machine to be less "
            f"busy, and {AGAIN}",
            id="a test could not be measured",
        ),
        pytest.param(
            state(tests=TESTS.iloc[1:]),
            BY_GATES,
            f"{FIRST_TEST} has no result. Fix the cause, and {AGAIN}",
            id="a test is missing",
        ),
        pytest.param(
            state(history=[FIRST, entry(LATER, Status.STORED, rows=1), BEGUN]),
            BY_GATES,
            f"the newer model of {LATER} was released since, so this one would never "
            "serve. Train and judge a model as of a later day: "
            f"{training_command(PIPELINE, '2013-09-02')}",
            id="a newer model was released",
        ),
        pytest.param(
            state(EXPIRED, USED, decision=AWAITING),
            SIGNATURE,
            "approval 1 by Ann expired on 2026-08-01 11:55 UTC, before the release finished. "
            f"Approve it again: ml-assets approve {PIPELINE} {AS_OF} --by NAME --reason TEXT; "
            f"then: {release_command(PIPELINE, AS_OF)}",
            id="its approval expired after its use",
        ),
    ],
)
def test_a_released_model_that_does_not_become_champion_has_a_reason_and_a_remedy(
    of: ReleaseState, by: str, words: str
) -> None:
    assert refusal(champion_row, of, NotPromoted) == NOT_CHAMPION.format(by) + words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"registered": ALTERED}, str(ALTERED), id="registration altered"),
        pytest.param({"tests": ALTERED}, str(ALTERED), id="tests altered"),
        pytest.param(
            {"outdated": frozenset({"integration_tests"})},
            f"{PIPELINE}/integration_tests {AS_OF} was computed with other code or rules",
            id="tested by other code",
        ),
        pytest.param(
            {"registered": REGISTERED.assign(fingerprint="other")},
            f"The model that was registered or tested as of {AS_OF} is not the judged one, "
            f"{MODEL}: {AGAIN}",
            id="another model registered",
        ),
        pytest.param(
            {"tests": TESTS.assign(fingerprint="other")},
            f"The model that was registered or tested as of {AS_OF} is not the judged one, "
            f"{MODEL}: {AGAIN}",
            id="another model tested",
        ),
    ],
)
def test_a_model_is_promoted_only_as_it_was_registered_and_tested(
    changes: dict[str, Any], words: str
) -> None:
    of = state(**changes)

    assert refusal(champion_row, of, LakeMismatch).startswith(words)
    assert current_release(of) == Release(BY_GATES, AS_OF)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"decision": BLOCKED}, id="blocked now"),
        pytest.param({"decision": AWAITING}, id="waits now"),
        pytest.param({"tests": failed("failed")}, id="fails its tests now"),
    ],
)
def test_a_release_that_happened_is_not_taken_back(changes: dict[str, Any]) -> None:
    message = refusal(champion_row, state(history=[FIRST, THIS], **changes), TrainingError)

    assert message.startswith(
        f"the model of {AS_OF} was released before, and would not be released"
    )


@pytest.mark.parametrize("day", ["2013-07-20", LATER], ids=["older", "newer"])
def test_of_two_releases_at_once_the_later_waits_for_the_earlier(day: str) -> None:
    other = entry(day, Status.WRITING)

    message = refusal(champion_row, state(history=[FIRST, other, BEGUN]), TrainingError)

    assert message == (
        f"{PIPELINE}/champion {day} is unfinished: its release is running or was interrupted. Release it first: "
        f"{release_command(PIPELINE, day)}; then this one: {release_command(PIPELINE, AS_OF)}"
    )
    assert champion_row(state(history=[FIRST, BEGUN, other])) is not None
    assert (
        champion_row(state(history=[FIRST, other, entry(day, Status.SKIPPED), BEGUN])) is not None
    )
