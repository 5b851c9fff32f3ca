"""Releases and predictions that wait for a person, and champions that were taken back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pandas as pd
import pytest

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.sources.decisions import (
    champion_history,
    champion_rolled_back,
    waiting_predictions,
    waiting_releases,
)
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.release.approvals.approvals import Action, Record
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide, release, store

NOW = datetime(2026, 8, 1, tzinfo=UTC)
AS_OF, LAST = "2013-07-09", "2013-12-31"
CHAMPION = f"{PIPELINE}/champion"


def waiting(
    lake: Lake, records: Sequence[Record], pipeline: WatchedPipeline, until: str
) -> list[Finding]:
    """Findings of releases that wait."""
    champions = partial(champion_history, lake, pipeline, until)
    return [*waiting_releases(lake, champions, records, pipeline, until, now=NOW)]


def rolled_back(lake: Lake, pipeline: WatchedPipeline) -> list[Finding]:
    """Findings of champions that were taken back."""
    return [*champion_rolled_back(partial(champion_history, lake, pipeline, LAST), pipeline)]


def acted(action: Action, **changes: object) -> Record:
    """A record about the release."""
    values = {
        "pipeline": PIPELINE,
        "as_of": AS_OF,
        "action": action,
        "by": "Ann",
        "reason": "why not",
        "evidence": EVIDENCE,
        "serves_from": "",
        "at": NOW,
    }
    return Record(**values | changes)


def test_a_release_that_waits_is_a_finding_with_the_command_that_approves_it(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    decide(lake, "2013-07-02", "passed")
    decide(lake, AS_OF)

    (found,) = waiting(lake, [], pipeline, LAST)

    assert found.subject == f"release as of {AS_OF}"
    assert "waits for approval: beats_champion: auc 0.7000" in found.message
    assert found.command == f"ml-assets approve {PIPELINE} {AS_OF} --by NAME --reason TEXT"


@pytest.mark.parametrize(
    ("records", "waits"),
    [
        pytest.param([acted(Action.APPROVE)], False, id="approved"),
        pytest.param([acted(Action.REJECT)], False, id="rejected"),
        pytest.param([acted(Action.APPROVE, evidence="other")], True, id="of other evidence"),
        pytest.param(
            [acted(Action.APPROVE, expires_at=NOW - timedelta(days=1))], True, id="expired"
        ),
        pytest.param([acted(Action.APPROVE, as_of="2013-07-02")], True, id="another release"),
    ],
)
def test_what_a_person_decided_does_not_wait(
    lake: Lake, pipeline: WatchedPipeline, records, waits: bool
) -> None:
    decide(lake, AS_OF)

    assert bool(waiting(lake, records, pipeline, LAST)) == waits


def test_a_release_that_a_newer_champion_passed_and_later_ones_do_not_wait(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    decide(lake, AS_OF)

    assert waiting(lake, [], pipeline, "2013-07-08") == []
    release(lake, "2013-07-16", 1, "gates")
    assert waiting(lake, [], pipeline, LAST) == []
    assert waiting(lake, [], pipeline, AS_OF) != []


def test_of_several_releases_that_wait_the_newest_is_the_finding(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    decide(lake, "2013-07-02")
    decide(lake, AS_OF)

    (found,) = waiting(lake, [], pipeline, LAST)
    assert found.subject == f"release as of {AS_OF}"
    assert f"as of {AS_OF} waits for approval (1 older, too): " in found.message

    (found,) = waiting(lake, [acted(Action.REJECT)], pipeline, LAST)
    assert found.subject == "release as of 2013-07-02"


def answered(lake: Lake, day: str, outcomes: list[str]) -> None:
    """Store predictions of an ensemble, with what becomes of them."""
    rules = ["far, night" if one == "person" else "" for one in outcomes]
    store(lake, "predictions", pd.DataFrame({DAY: day, "outcome": outcomes, "rules": rules}))


def test_predictions_of_an_ensemble_that_wait_for_a_person_are_a_finding(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    ensemble = replace(pipeline, is_ensemble=True)
    answered(lake, "2013-07-01", ["answered", "person", "person"])

    (found,) = waiting_predictions(lake, ensemble, LAST)
    answered(lake, "2013-07-02", ["answered"])

    assert found.message == (
        "2 of 3 predictions of 2013-07-01 wait for a person; rules of these rows: far 2, night 2"
    )
    assert [*waiting_predictions(lake, ensemble, LAST)] == []
    assert [*waiting_predictions(lake, ensemble, "2013-07-01")] == [found]


def test_other_models_send_nothing_to_a_person(lake: Lake, pipeline: WatchedPipeline) -> None:
    store(lake, "predictions", pd.DataFrame({DAY: "2013-07-01", "prediction": [0.5]}))

    assert [*waiting_predictions(lake, pipeline, LAST)] == []


def take_back(lake: Lake, day: str) -> None:
    """Store the champion of an as-of day again, now without a row."""
    lake.ledger.append([Entry(CHAMPION, day, Status.STORED, content_hash="none")])


def test_a_champion_that_was_taken_back_is_a_finding_until_another_is_released(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    for number, day in enumerate(("2013-07-02", AS_OF)):
        release(lake, day, number + 1, "gates")
    assert rolled_back(lake, pipeline) == []

    take_back(lake, AS_OF)
    (found,) = rolled_back(lake, pipeline)
    release(lake, "2013-07-16", 3, "gates")

    assert found.message == (
        f"the model as of {AS_OF} is no longer champion, and the model as of 2013-07-02 serves again"
    )
    assert found.command == "ml-assets audit flight_delays"
    assert rolled_back(lake, pipeline) == []


def test_the_only_champion_that_was_taken_back_leaves_none(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    release(lake, AS_OF, 1, "gates")
    take_back(lake, AS_OF)

    (found,) = rolled_back(lake, pipeline)

    assert found.message.endswith("and no model serves")


def test_a_model_that_never_was_champion_is_not_taken_back(
    lake: Lake, pipeline: WatchedPipeline
) -> None:
    release(lake, "2013-07-02", 1, "gates")
    take_back(lake, AS_OF)

    assert rolled_back(lake, pipeline) == []
