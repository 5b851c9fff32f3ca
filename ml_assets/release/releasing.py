"""Decides from a ``ReleaseState`` whether a release continues and its model becomes champion."""

from dataclasses import dataclass
from typing import Any

from ml_assets import nouns
from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch, TrainingError, sentence
from ml_assets.registry.integration import IntegrationTest
from ml_assets.release.approvals.approvals import (
    ApprovalState,
    Record,
    format_time,
    resolve_approvals,
)
from ml_assets.release.champion import BY_GATES
from ml_assets.release.confirm import COPIED_COLUMNS
from ml_assets.release.decision import AWAITING, PASSED
from ml_assets.release.history import unfinished_before
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
            f"the model of {as_of} was released by {by} and did not become champion: {sentence(problem)} "
            f"{remedy}"
        )


@dataclass(frozen=True)
class Release:
    """A release that may continue: who released it, and the first day that the model serves."""

    by: str
    serves_from: str


def approval_to_use(state: ReleaseState) -> Record | None:
    """The valid approval that the release can use, if it awaits one and has used none yet.

    Raises:
        LakeMismatch: the champion of the day was altered.
    """
    if state.decision["verdict"] != AWAITING or intact(state.release):
        return None
    found = resolve_approvals(state.records, state.decision["evidence"], state.now)
    return found.record if found.state is ApprovalState.APPROVED else None


def current_release(state: ReleaseState) -> Release | None:
    """The release if it may continue: it passed, or an approval of it was used; None otherwise.

    A champion stays released. For other models, the current decision and approvals decide.

    Raises:
        LakeMismatch: the decision is from other code or rules, or its inputs were altered.
        TrainingError: the decision is against another champion than the current one, or
            ``approvals`` lacks the latest records.
    """
    if champion := intact(state.release):
        return Release(champion["released_by"], champion["serves_from"])
    verdict = state.decision["verdict"]
    if verdict not in {PASSED, AWAITING}:
        return None
    _refuse_outdated(state, nouns.RELEASE_DECISION)
    found = Release(BY_GATES, state.as_of) if verdict == PASSED else _approved(state)
    if found:
        _refuse_other_champion(state)
    return found


def champion_row(state: ReleaseState) -> dict[str, Any] | None:
    """The row of ``champion`` for the release; None if the model is not released.

    Raises:
        NotPromoted: the model is released and cannot become champion.
        LakeMismatch: see ``current_release``, or the registered, tested and judged models differ.
        TrainingError: see ``current_release``, an earlier release is unfinished, or the model was
            released before and would not be released now.
    """
    decision, release = state.decision, current_release(state)
    if release is None:
        _refuse_if_released(state)
        _refuse_lost_approval(state)
        return None
    version = _tested_version(state, release)
    if state.as_of not in state.released_days:
        _refuse_out_of_turn(state, release)
    intact(state.champion_before)  # fail while an earlier champion is lost
    return {
        DAY: state.as_of,
        "fingerprint": decision["challenger"],
        "version": version,
        "serves_from": release.serves_from,
        "released_by": release.by,
        "evidence": decision["evidence"],
        **{column: decision[decided] for column, decided in COPIED_COLUMNS.items()},
    }


def _approved(state: ReleaseState) -> Release | None:
    """The release by an approval that was used and is still valid.

    The model serves from the day in the record of use, or from a later one if further days were
    scored before it became champion.
    """
    if list(intact(state.approvals)) != list(state.records):
        raise TrainingError(
            f"{state.pipeline}/approvals {state.as_of} lacks the latest records. To read them and "
            f"continue the release, run: {release_command(state.pipeline, state.as_of)}"
        )
    found = resolve_approvals(state.records, state.decision["evidence"], state.now)
    if found.state is not ApprovalState.USED or found.record is None:
        return None
    serves_from = found.serves_from
    if state.as_of not in state.released_days:
        serves_from = max(serves_from, state.first_not_scored)
    return Release(found.record.signature, serves_from)


def _tested_version(state: ReleaseState, release: Release) -> int:
    """The registered version, which passed every integration test; 0 without a registry."""
    if state.registered is None or state.tests is None:
        return 0
    registered, tests = intact(state.registered), intact(state.tests)
    problem = problem_of_tests(tests, IntegrationTest.names())
    command = release_command(state.pipeline, state.as_of)
    if registered.empty or problem:
        _refuse_if_released(state)
        advice = (
            "Wait for the machine to be less busy" if is_not_measured(tests) else "Fix the cause"
        )
        raise NotPromoted(
            state.as_of,
            release.by,
            "it is not registered" if registered.empty else problem,
            f"{advice}, and run the release again: {command}",
        )
    _refuse_outdated(state, nouns.INTEGRATION_TESTS)
    challenger = state.decision["challenger"]
    if {*registered["fingerprint"], *tests["fingerprint"]} != {challenger}:
        raise LakeMismatch(
            f"The model that was registered or tested as of {state.as_of} is not the judged one, "
            f"{challenger}: run the release again: {command}"
        )
    return int(registered["version"].iloc[0])


def _refuse_outdated(state: ReleaseState, noun: str) -> None:
    """Refuse rows that were computed with other code or rules than the current ones."""
    if noun in state.outdated:
        raise LakeMismatch(
            f"{state.pipeline}/{noun} {state.as_of} was computed with other code or rules than the "
            "current ones. To compute it again, run: "
            f"{release_command(state.pipeline, state.as_of)}"
        )


def _refuse_other_champion(state: ReleaseState) -> None:
    """Refuse a model that was compared with another champion than the current one."""
    champion, decision = intact(state.champion_before), state.decision
    if decision["champion"] != (champion.fingerprint if champion else ""):
        raise TrainingError(
            f"the model of {state.as_of} was compared with champion "
            f"{decision['champion_as_of'] or 'none'}, and the current champion is "
            f"{champion.as_of if champion else 'none'}. Judge it again: "
            f"{release_command(state.pipeline, state.as_of)}"
        )


def _refuse_if_released(state: ReleaseState) -> None:
    """Refuse to withdraw the release of a model that has been champion."""
    if state.as_of in state.released_days:
        raise TrainingError(
            f"the model of {state.as_of} was released before, and would not be released now: see "
            "release_decision, approvals and integration_tests of the day. Its row in champion "
            "stays unchanged"
        )


def _refuse_out_of_turn(state: ReleaseState, release: Release) -> None:
    """Refuse a release while an earlier one is unfinished, or if a newer model was released.

    The latter happens when the data of an old day was corrected and its model now passes.
    """
    name, day = state.pipeline, state.as_of
    if others := unfinished_before(state.history, day):
        raise TrainingError(
            f"{name}/champion {others[0]} is unfinished: its release is running or was interrupted."
            f" Release it first: {release_command(name, others[0])}; then this one: "
            f"{release_command(name, day)}"
        )
    if (newest := max(state.released_days, default="")) > day:
        raise NotPromoted(
            day,
            release.by,
            f"the newer model of {newest} was released since, so this one would never serve",
            "Train and judge a model as of a later day: "
            f"{training_command(name, state.as_of_calendar.shifted(newest, 1))}",
        )


def _refuse_lost_approval(state: ReleaseState) -> None:
    """Fail if an approval was used and expired before its model became champion."""
    if state.decision["verdict"] != AWAITING:
        return
    lost = lost_approval(state.records, state.decision["evidence"], state.now)
    if lost and lost.expires_at:
        name, day = state.pipeline, state.as_of
        raise NotPromoted(
            state.as_of,
            lost.signature,
            f"{lost.name} expired on {format_time(lost.expires_at)}, before the release finished",
            f"Approve it again: ml-assets approve {name} {day} --by NAME --reason TEXT; then: "
            f"{release_command(name, day)}",
        )
