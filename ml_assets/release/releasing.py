"""Whether a release goes on, and whether its model becomes champion: decided by a ``ReleaseState``."""

from dataclasses import dataclass
from typing import Any

from ml_assets.cadence import shifted
from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch, TrainingError
from ml_assets.registry.integration import IntegrationTest
from ml_assets.release.approvals.approvals import ApprovalState, Record, shown_time, standing
from ml_assets.release.champion import BY_GATES
from ml_assets.release.confirm import SAME
from ml_assets.release.decision import AWAITING, PASSED
from ml_assets.release.history import begun_before
from ml_assets.release.promotion import (
    is_not_measured,
    lost_approval,
    problem_of_tests,
    release_command,
    training_command,
)
from ml_assets.release.state import ReleaseState, intact


class NotPromoted(TrainingError):
    """A released model did not become champion."""

    def __init__(self, as_of: str, by: str, problem: str, remedy: str) -> None:
        super().__init__(
            f"the model of {as_of} was released by {by} and did not become champion: {problem}. "
            f"{remedy}"
        )


@dataclass(frozen=True)
class Released:
    """A release that may go on, and by whom."""

    by: str
    serves_from: str


def approval_to_use(state: ReleaseState) -> Record | None:
    """The valid approval that the release goes on by, if it waits for one and has used none yet.

    Raises:
        LakeMismatch: the champion of the day was altered.
    """
    if state.decision["verdict"] != AWAITING or intact(state.release):
        return None
    found = standing(state.records, state.decision["evidence"], state.now)
    return found.record if found.state is ApprovalState.APPROVED else None


def released(state: ReleaseState) -> Released | None:
    """Whether the release may go on: it passed, or an approval of it was used.

    What is champion was released; of anything else it is asked what holds now.

    Raises:
        LakeMismatch: other code or rules made the decision, or what it depends on was altered.
        TrainingError: it was judged against another champion than there is, or ``approvals``
            does not hold what persons said last.
    """
    if champion := intact(state.release):
        return Released(champion["released_by"], champion["serves_from"])
    verdict = state.decision["verdict"]
    if verdict not in {PASSED, AWAITING}:
        return None
    _refuse_outdated(state, "release_decision")
    found = Released(BY_GATES, state.as_of) if verdict == PASSED else _approved(state)
    if found:
        _refuse_other_champion(state)
    return found


def promoted(state: ReleaseState) -> dict[str, Any] | None:
    """The row of ``champion`` that the release makes; None when the model is not released.

    Raises:
        NotPromoted: it was released, and something keeps it from becoming champion.
        LakeMismatch: see ``released``, or what was registered or tested is not what was judged.
        TrainingError: see ``released``, another release began before this one, or the model was
            released before and would not be now.
    """
    decision, release = state.decision, released(state)
    if release is None:
        _refuse_if_released(state)
        _tell_lost_approval(state)
        return None
    version = _tested_version(state, release)
    if state.as_of not in state.released_days:
        _refuse_out_of_turn(state, release)
    intact(
        state.champion_before
    )  # also a champion is not written again while an earlier one is lost
    return {
        DAY: state.as_of,
        "fingerprint": decision["challenger"],
        "version": version,
        "serves_from": release.serves_from,
        "released_by": release.by,
        "evidence": decision["evidence"],
        **{column: decision[decided] for column, decided in SAME.items()},
    }


def _approved(state: ReleaseState) -> Released | None:
    """The release on an approval that was used and is still valid.

    The model serves from the day that was told then, or later when further days were scored
    before it became champion.
    """
    if list(intact(state.approvals)) != list(state.records):
        raise TrainingError(
            f"{state.pipeline}/approvals {state.as_of} does not hold what was said last: "
            "materialize it first"
        )
    found = standing(state.records, state.decision["evidence"], state.now)
    if found.state is not ApprovalState.USED or found.record is None:
        return None
    serves_from = found.serves_from
    if state.as_of not in state.released_days:
        serves_from = max(serves_from, state.first_not_scored)
    return Released(found.record.signature, serves_from)


def _tested_version(state: ReleaseState, release: Released) -> int:
    """The registered version, of which every integration test passed; 0 without a registry."""
    if state.registered is None or state.tests is None:
        return 0
    registered, tests = intact(state.registered), intact(state.tests)
    problem = problem_of_tests(tests, IntegrationTest.names())
    command = release_command(state.pipeline, state.as_of)
    if registered.empty or problem:
        _refuse_if_released(state)
        advice = (
            "Wait for the machine to be less busy"
            if is_not_measured(tests)
            else "Repair what they name"
        )
        raise NotPromoted(
            state.as_of,
            release.by,
            "it is not registered" if registered.empty else problem,
            f"{advice}, and run the release again: {command}",
        )
    _refuse_outdated(state, "integration_tests")
    challenger = state.decision["challenger"]
    if {*registered["fingerprint"], *tests["fingerprint"]} != {challenger}:
        raise LakeMismatch(
            f"What was registered or tested as of {state.as_of} is not the model that was judged, "
            f"{challenger}: run the release again: {command}"
        )
    return int(registered["version"].iloc[0])


def _refuse_outdated(state: ReleaseState, noun: str) -> None:
    """What other code or rules made than are in force is no evidence."""
    if noun in state.outdated:
        raise LakeMismatch(
            f"{state.pipeline}/{noun} {state.as_of} was made by other code or rules than are in "
            "force: materialize it again."
        )


def _refuse_other_champion(state: ReleaseState) -> None:
    """A model is promoted only over the champion that it was compared with."""
    champion, decision = intact(state.champion_before), state.decision
    if decision["champion"] != (champion.fingerprint if champion else ""):
        raise TrainingError(
            f"the model of {state.as_of} was judged against "
            f"{decision['champion_as_of'] or 'no champion'}, and the champion is "
            f"{champion.as_of if champion else 'none'} now. Judge it again: "
            f"{release_command(state.pipeline, state.as_of)}"
        )


def _refuse_if_released(state: ReleaseState) -> None:
    """A model that has been champion was released on its evidence; that is not taken back."""
    if state.as_of in state.released_days:
        raise TrainingError(
            f"the model of {state.as_of} was released before, and would not be released now: see "
            "release_decision, approvals and integration_tests of the day. What is stored of "
            "it stays"
        )


def _refuse_out_of_turn(state: ReleaseState, release: Released) -> None:
    """One release is promoted after the other, and none replaces the model of a newer day.

    The latter is tried when an old day is judged again, because its data was corrected, and passes.
    """
    name, day = state.pipeline, state.as_of
    if others := begun_before(state.history, day):
        raise TrainingError(
            f"{name}/champion {others[0]} is being released, or was cut short. Release it first: "
            f"{release_command(name, others[0])}; and then this one: {release_command(name, day)}"
        )
    if (newest := max(state.released_days, default="")) > day:
        raise NotPromoted(
            day,
            release.by,
            f"the model of {newest} was released since and is newer, so this one would never serve",
            "Train and judge a model as of a later day: "
            f"{training_command(name, shifted(newest, 1))}",
        )


def _tell_lost_approval(state: ReleaseState) -> None:
    """An approval that was used, and expired before its model was champion, is told."""
    if state.decision["verdict"] != AWAITING:
        return
    lost = lost_approval(state.records, state.decision["evidence"], state.now)
    if lost and lost.expires_at:
        name, day = state.pipeline, state.as_of
        raise NotPromoted(
            state.as_of,
            lost.signature,
            f"{lost.name} expired on {shown_time(lost.expires_at)}, before the release was finished",
            f"Approve it again: ml-assets approve {name} {day} --by NAME --reason TEXT; then: "
            f"{release_command(name, day)}",
        )
