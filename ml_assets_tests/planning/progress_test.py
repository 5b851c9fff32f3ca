"""Which days need work: never processed, interrupted, stale, or reopened by a change."""

from collections.abc import Sequence

import pytest

from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import ALTERED, LOST, Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.planning.progress import (
    finished,
    last_finished,
    outdated,
    state_key,
    unfinished,
    usable,
)

RAW, FEATURES, SCORES = "a/raw", "b/features", "b/scores"
MONDAY, TUESDAY = "2013-07-08", "2013-07-09"


def stored(
    ledger: Ledger, table: str, day: str, content: str, *reads: Read, final: bool = False
) -> None:
    """Record a stored day."""
    entry = Entry(
        table, day, Status.STORED, content_hash=content, rows=1, reads=reads, is_final=final
    )
    ledger.append([entry])


def closed(ledger: Ledger, table: str, day: str, status: Status, reads: Sequence[Read]) -> None:
    """Record a day without rows and why."""
    ledger.append([Entry(table, day, status, reason="because", reads=reads)])


def test_a_day_without_an_entry_is_unfinished(ledger: Ledger) -> None:
    assert unfinished(ledger, RAW, [MONDAY]) == {MONDAY: "not processed yet"}


def test_a_day_whose_run_was_killed_is_unfinished(ledger: Ledger) -> None:
    ledger.append([Entry(RAW, MONDAY, Status.WRITING, run_id="dead")])

    assert unfinished(ledger, RAW, [MONDAY]) == {MONDAY: "its run did not finish"}


@pytest.mark.parametrize("damage", [ALTERED, LOST])
def test_a_day_with_damaged_rows_is_unfinished(ledger: Ledger, damage: str) -> None:
    ledger.append([Entry(RAW, MONDAY, Status.QUARANTINED, reason=f"{damage}: why")])

    assert unfinished(ledger, RAW, [MONDAY]) == {MONDAY: f"{damage}: why"}


def test_a_stored_day_is_finished_until_its_input_changes(ledger: Ledger) -> None:
    stored(ledger, RAW, MONDAY, "one")
    stored(ledger, FEATURES, MONDAY, "f", Read(RAW, MONDAY, "one", 1))
    assert unfinished(ledger, FEATURES, [MONDAY]) == {}

    stored(ledger, RAW, MONDAY, "two")

    assert "a/raw 2013-07-08 was one" in unfinished(ledger, FEATURES, [MONDAY])[MONDAY]


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.QUARANTINED])
def test_a_day_without_rows_is_finished_until_what_it_read_changes(
    ledger: Ledger, status: Status
) -> None:
    closed(ledger, RAW, MONDAY, Status.QUARANTINED, [])
    closed(ledger, FEATURES, MONDAY, status, [Read(RAW, MONDAY, "", None)])
    assert finished(ledger, FEATURES, [MONDAY]) == {MONDAY}
    assert last_finished(ledger, FEATURES) == MONDAY

    stored(ledger, RAW, MONDAY, "repaired")

    assert "has changed since" in unfinished(ledger, FEATURES, [MONDAY])[MONDAY]


@pytest.mark.parametrize(
    ("days", "killed", "last"),
    [
        pytest.param([MONDAY, TUESDAY], [], TUESDAY, id="all are finished"),
        pytest.param([MONDAY, TUESDAY], [TUESDAY], MONDAY, id="the last was interrupted"),
        pytest.param([MONDAY], [MONDAY], "", id="none is finished"),
        pytest.param([], [], "", id="none was processed"),
    ],
)
def test_last_finished_day(ledger: Ledger, days: list[str], killed: list[str], last: str) -> None:
    for day in days:
        stored(ledger, RAW, day, "one")
    ledger.append([Entry(RAW, day, Status.WRITING, run_id="dead") for day in killed])

    assert last_finished(ledger, RAW) == last


def test_a_day_without_rows_is_reopened_when_an_input_that_it_read_is_gone(ledger: Ledger) -> None:
    closed(ledger, FEATURES, MONDAY, Status.SKIPPED, [Read(RAW, MONDAY, "one", 1)])
    closed(ledger, RAW, MONDAY, Status.QUARANTINED, [])

    assert "has changed since" in unfinished(ledger, FEATURES, [MONDAY])[MONDAY]


@pytest.mark.parametrize(
    ("content", "is_reopened"),
    [
        pytest.param("one", False, id="it was usable"),
        pytest.param("", True, id="it was not usable"),
    ],
)
def test_a_changed_pinned_input_reopens_a_day_only_if_it_was_missing(
    ledger: Ledger, content: str, is_reopened: bool
) -> None:
    pinned = Read(RAW, MONDAY, content, 1, is_pinned=True)
    closed(ledger, FEATURES, MONDAY, Status.SKIPPED, [pinned])

    stored(ledger, RAW, MONDAY, "two")

    assert bool(unfinished(ledger, FEATURES, [MONDAY])) is is_reopened


def test_recomputing_a_stale_input_to_the_same_rows_reopens_the_day(
    ledger: Ledger,
) -> None:
    stored(ledger, RAW, MONDAY, "new")
    stored(ledger, FEATURES, MONDAY, "f", Read(RAW, MONDAY, "old", 1))
    closed(ledger, SCORES, MONDAY, Status.SKIPPED, [Read(FEATURES, MONDAY, "", 1)])
    assert unfinished(ledger, SCORES, [MONDAY]) == {}

    stored(ledger, FEATURES, MONDAY, "f", Read(RAW, MONDAY, "new", 2))

    assert MONDAY in unfinished(ledger, SCORES, [MONDAY])


def test_a_final_day_is_never_unfinished_but_may_be_outdated(ledger: Ledger) -> None:
    stored(ledger, FEATURES, MONDAY, "f")
    stored(ledger, SCORES, MONDAY, "s", Read(FEATURES, MONDAY, "f", 1), final=True)
    stored(ledger, FEATURES, MONDAY, "with late rows")

    assert unfinished(ledger, SCORES, [MONDAY]) == {}
    assert set(outdated(ledger, SCORES, [MONDAY])) == {MONDAY}


def test_a_missing_input_does_not_make_a_day_outdated(ledger: Ledger) -> None:
    stored(ledger, SCORES, MONDAY, "s", Read(FEATURES, MONDAY, "f", 1), final=True)
    closed(ledger, FEATURES, MONDAY, Status.QUARANTINED, [])

    assert outdated(ledger, SCORES, [MONDAY]) == {}


def test_a_pinned_snapshot_makes_no_day_stale(ledger: Ledger) -> None:
    stored(ledger, RAW, SNAPSHOT, "one")
    stored(ledger, FEATURES, MONDAY, "f", Read(RAW, SNAPSHOT, "one", 1, is_pinned=True))
    stored(ledger, FEATURES, TUESDAY, "f", Read(RAW, SNAPSHOT, "one", 1))

    stored(ledger, RAW, SNAPSHOT, "two")

    assert set(unfinished(ledger, FEATURES, [MONDAY, TUESDAY])) == {TUESDAY}


def test_usable_are_the_days_asked_for_that_are_stored_and_not_stale(ledger: Ledger) -> None:
    stored(ledger, RAW, MONDAY, "new")
    stored(ledger, RAW, TUESDAY, "of a day not asked for")
    stored(ledger, FEATURES, MONDAY, "f", Read(RAW, MONDAY, "old", 1))
    stored(ledger, FEATURES, TUESDAY, "f", Read(RAW, MONDAY, "new", 1))

    found = usable(ledger, [(RAW, MONDAY), (FEATURES, MONDAY), (FEATURES, TUESDAY)])

    assert found == {(RAW, MONDAY): "new", (FEATURES, TUESDAY): "f"}


def test_the_key_of_a_state_changes_with_what_is_usable(ledger: Ledger) -> None:
    days = [(RAW, MONDAY), (RAW, TUESDAY)]
    empty = state_key(ledger, days)
    closed(ledger, RAW, MONDAY, Status.QUARANTINED, [])
    assert state_key(ledger, days) == empty

    stored(ledger, RAW, MONDAY, "one")
    one = state_key(ledger, days)
    stored(ledger, RAW, MONDAY, "two")

    assert len({empty, one, state_key(ledger, days)}) == 3
