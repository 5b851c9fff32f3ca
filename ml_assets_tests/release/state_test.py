"""What is stored about a release, read once: altered values are kept as errors, and no release is missed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.cadence import DAYS
from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch, TrainingError
from ml_assets.lake.store import Lake
from ml_assets.lake.window import Window
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Action, Record, approval_rows
from ml_assets.release.champion import Champion
from ml_assets.release.releasing import champion_row
from ml_assets.release.state import ReleaseState, intact, load
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide, release, score, store

BEFORE, AS_OF = "2013-07-09", "2013-08-01"
BETWEEN, LATER = "2013-07-20", "2013-09-01"
NOUNS = ("release_decision", "approvals")
ALL = (*NOUNS, "registered_model", "integration_tests")
VALUES = ("approvals", "champion_before", "release", "registered", "tests")
CHAMPIONS = f"{PIPELINE}/champion"


class Watched:
    """Reads of a lake and its ledger; each read of the champions triggers another change."""

    def __init__(self) -> None:
        self.histories_read: list[str] = []
        self.then: list[Callable[[], None]] = []

    def read(self, table: str) -> None:
        """Make the change that follows this read."""
        if table == CHAMPIONS and self.then:
            self.then.pop(0)()


class WatchedLedger(Ledger):
    """Reports which histories were read."""

    def __init__(self, url: str, watched: Watched) -> None:
        super().__init__(url)
        self.watched = watched

    def history(self, table: str, day: str | None = None) -> list[Entry]:
        """The history before the change."""
        found = super().history(table, day)
        self.watched.histories_read.append(table)
        self.watched.read(table)
        return found


class WatchedLake(Lake):
    """Reports which windows were opened."""

    def __init__(self, uri: str, ledger: Ledger, watched: Watched) -> None:
        super().__init__(uri, ledger)
        self.watched = watched

    def window(self, table: str, days: Sequence[str]) -> Window:
        """The window before the change."""
        found = super().window(table, days)
        self.watched.read(table)
        return found


@pytest.fixture
def watched() -> Watched:
    """A change between two reads."""
    return Watched()


@pytest.fixture
def log(tmp_path: Path) -> ApprovalLog:
    """A log in which Ann approved the release."""
    log = ApprovalLog(f"sqlite:///{tmp_path / 'ledger.db'}")
    now = datetime.now(UTC)
    log.append(Record(PIPELINE, AS_OF, Action.APPROVE, "Ann", "fine", EVIDENCE, "", now))
    return log


@pytest.fixture
def lake(tmp_path: Path, watched: Watched, log: ApprovalLog) -> Lake:
    """A champion, and a later release that a person approved."""
    ledger = WatchedLedger(f"sqlite:///{tmp_path / 'ledger.db'}", watched)
    lake = WatchedLake(str(tmp_path / "lake"), ledger, watched)
    release(lake, BEFORE, 1, "gates")
    decide(lake, AS_OF)
    store(lake, "approvals", approval_rows(log.records(PIPELINE, AS_OF), {AS_OF: EVIDENCE}))
    score(lake, AS_OF)
    return lake


def champion(day: str) -> Champion:
    """The champion that ``release`` stores."""
    return Champion(day, f"model of {day}", 0.7, 28, "2013-06-30", "auc", day)


def read(
    lake: Lake, log: ApprovalLog, *nouns: str, day: str = AS_OF, **in_force: str
) -> ReleaseState:
    """The state of the release, of some tables."""
    windows = {noun: lake.window(f"{PIPELINE}/{noun}", [day]) for noun in nouns or NOUNS}
    return load(lake, log, windows, PIPELINE, day, in_force, DAYS, DAYS)


def test_everything_is_read_and_the_history_once(
    lake: Lake, log: ApprovalLog, watched: Watched
) -> None:
    state = read(lake, log)

    assert watched.histories_read == [CHAMPIONS]
    assert state.decision["evidence"] == EVIDENCE
    assert state.released_days == {BEFORE}
    assert intact(state.champion_before) == champion(BEFORE)
    assert state.approvals == state.records == log.records(PIPELINE, AS_OF)
    assert state.first_not_scored == "2013-08-02"
    assert (state.release, state.registered, state.tests) == (None, None, None)


def test_of_the_champions_those_of_earlier_days_come_before(lake: Lake, log: ApprovalLog) -> None:
    release(lake, AS_OF, 2, "Ann (approval 1)")
    release(lake, LATER, 3, "gates")

    state = read(lake, log)

    assert intact(state.champion_before) == champion(BEFORE)
    assert state.released_days == {BEFORE, AS_OF, LATER}
    assert (intact(state.release) or {})["version"] == 2
    decide(lake, AS_OF, evidence="other")
    assert read(lake, log).release is None


def test_a_table_that_is_not_there_yet_holds_nothing(lake: Lake, log: ApprovalLog) -> None:
    decide(lake, BEFORE, "passed")

    assert read(lake, log, "release_decision").approvals == []
    assert read(lake, log, "release_decision", day=BEFORE).champion_before is None


def test_what_other_code_or_rules_made_is_named(lake: Lake, log: ApprovalLog) -> None:
    assert read(lake, log, release_decision="").outdated == frozenset()
    assert read(lake, log, release_decision="new").outdated == {"release_decision"}
    assert read(lake, log, integration_tests="not asked for yet").outdated == frozenset()


@pytest.mark.parametrize(
    ("noun", "day", "attribute"),
    [
        pytest.param("approvals", AS_OF, "approvals", id="approvals and rejections"),
        pytest.param("champion", BEFORE, "champion_before", id="an earlier champion"),
        pytest.param("champion", AS_OF, "release", id="the champion of the day"),
        pytest.param("registered_model", AS_OF, "registered", id="the registration"),
        pytest.param("integration_tests", AS_OF, "tests", id="the tests"),
    ],
)
def test_altered_values_raise_when_they_are_used(
    lake: Lake, log: ApprovalLog, noun: str, day: str, attribute: str
) -> None:
    release(lake, AS_OF, 2, "Ann (approval 1)")
    for name in ("registered_model", "integration_tests"):
        store(lake, name, pd.DataFrame({DAY: [AS_OF], "fingerprint": [f"model of {AS_OF}"]}))
    table, column = f"{PIPELINE}/{noun}", "by" if noun == "approvals" else "fingerprint"
    lake.write(table, lake.read(table, [day]).assign(**{column: "another"}), [day])

    state = read(lake, log, *ALL)

    altered = [name for name in VALUES if isinstance(getattr(state, name), LakeMismatch)]
    assert altered == [attribute]
    with pytest.raises(LakeMismatch, match=f"{table} {day} was altered"):
        intact(getattr(state, attribute))


def test_an_altered_decision_is_refused(lake: Lake, log: ApprovalLog) -> None:
    table = f"{PIPELINE}/release_decision"
    lake.write(table, lake.read(table, [AS_OF]).assign(verdict="passed"), [AS_OF])

    with pytest.raises(LakeMismatch, match=f"{table} {AS_OF} was altered"):
        read(lake, log)


@pytest.mark.parametrize("reads", [1, 2, 3])
def test_a_release_that_finishes_while_another_is_read_is_not_missed(
    lake: Lake, log: ApprovalLog, watched: Watched, reads: int
) -> None:
    decide(lake, AS_OF, "passed")
    for day in (BETWEEN, AS_OF):
        lake.ledger.append([Entry(CHAMPIONS, day, Status.WRITING)])
    watched.then = [lambda: None] * (reads - 1) + [lambda: release(lake, BETWEEN, 2, "gates")]

    state = read(lake, log)

    assert lake.read(CHAMPIONS)[DAY].tolist() == [BEFORE, BETWEEN]
    judged = replace(state, decision={**state.decision, "champion": f"model of {BEFORE}"})
    with pytest.raises(TrainingError, match=r"was compared with champion|is unfinished"):
        champion_row(judged)
