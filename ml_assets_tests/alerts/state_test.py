"""What findings and persons change of alerts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.alerts.actions import acknowledge, resolve, silence
from ml_assets.alerts.alert import Alert, AlertState, Change
from ml_assets.alerts.finding import Finding, Level
from ml_assets.alerts.project import Project
from ml_assets.alerts.state import LEVELS, Evaluation, changes, level_of
from ml_assets.cadence import DAYS
from ml_assets.errors import ConfigurationError
from ml_assets_tests.alerts.found import KIND, NOW, evaluation, finding, later

FINDING = finding()


def opened(one: Finding = FINDING) -> Alert:
    """The alert of a finding."""
    (change,) = changes([], evaluation(one), NOW)
    assert change.event == "opened"
    return change.alert


def next_of(alert: Alert, *findings: Finding, at: datetime | None = None) -> Change:
    """The only change of an alert by an evaluation."""
    (change,) = changes([alert], evaluation(*findings), at or later())
    return change


def test_a_finding_opens_an_alert() -> None:
    alert = opened()

    assert (alert.state, alert.level, alert.count) == (AlertState.OPEN, Level.WARNING, 1)
    assert (alert.first_seen, alert.last_seen) == (NOW, NOW)
    assert (alert.since, alert.until) == ("2013-09-12", "2013-09-13")
    assert len(alert.id) == 8


def test_the_same_finding_repeats_the_alert_without_counting() -> None:
    change = next_of(opened(), FINDING)

    assert change == Change("repeated", replace(opened(), last_seen=later()))


@pytest.mark.parametrize(
    ("until", "count"),
    [
        pytest.param("2013-09-14", 2, id="a later day counts"),
        pytest.param("2013-09-12", 1, id="fewer days do not"),
    ],
)
def test_partitions_are_counted(until: str, count: int) -> None:
    change = next_of(opened(), finding(until=until, message="other"))

    assert (change.event, change.alert.count) == ("repeated", count)
    assert (change.alert.until, change.alert.message) == (until, "other")


def test_without_partitions_another_message_counts() -> None:
    run = finding(since="", until="", message="run 1 failed")
    alert = opened(run)

    assert next_of(alert, run).alert.count == 1
    assert next_of(alert, replace(run, message="run 2 failed")).alert.count == 2


def test_what_a_person_resolved_occurs_anew_with_a_later_occurrence_whatever_the_message() -> None:
    runs = finding(since="", until="", message="run 2 failed, and 1 more", occurrence="12:00")
    resolved = resolve(opened(runs), "Ann", later()).alert
    fewer = replace(runs, message="run 1 failed", occurrence="11:00")

    assert changes([resolved], evaluation(fewer), later(2)) == []
    over, new = changes([resolved], evaluation(replace(runs, occurrence="13:00")), later(2))
    assert (over.event, new.event, new.alert.count) == ("recovered", "opened", 1)


def test_an_occurrence_counts_if_it_is_later_than_all_before() -> None:
    alert = opened(finding(since="", until="", message="run 2 failed", occurrence="12:00"))
    fewer = next_of(
        alert, finding(since="", until="", message="run 1 failed", occurrence="11:00")
    ).alert
    again = finding(since="", until="", message="run 2 failed", occurrence="12:00")

    assert (fewer.message, fewer.count) == ("run 1 failed", 1)
    assert next_of(fewer, again).alert.count == 1
    assert next_of(fewer, replace(again, occurrence="13:00")).alert.count == 2


def test_what_is_not_found_any_more_is_resolved() -> None:
    change = next_of(opened())

    assert (change.event, change.alert.state) == ("resolved", AlertState.RESOLVED)
    assert (change.alert.recovered_at, change.is_told) == (later(), True)


@pytest.mark.parametrize(
    "judged",
    [
        pytest.param({"run_failed": None}, id="another kind"),
        pytest.param({KIND: ["other"]}, id="another pipeline"),
    ],
)
def test_what_was_not_looked_at_stays_as_it_is(judged) -> None:
    assert changes([opened()], Evaluation([], judged), later()) == []


def test_while_a_partition_of_its_pipeline_is_written_an_alert_stays_as_it_is() -> None:
    alert = opened()

    assert changes([alert], replace(evaluation(), written={alert.pipeline}), later()) == []
    assert next_of(alert).event == "resolved"


PROJECT = Project({"flight_delays"}, {"flight_delays/labels": DAYS})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(
            {"pipeline": "trains", "subject": "trains/labels"},
            "the pipeline trains is no longer in the project",
            id="a pipeline",
        ),
        pytest.param(
            {"subject": "flight_delays/gone"},
            "the table flight_delays/gone is no longer in the project",
            id="a table",
        ),
        pytest.param(
            {"kind": "check_failed", "subject": "flight_delays/gone valid"},
            "the table flight_delays/gone is no longer in the project",
            id="a check of a table",
        ),
    ],
)
def test_what_is_no_longer_in_the_project_is_over_whatever_is_found(
    changed: dict[str, str], reason: str
) -> None:
    gone = finding(**changed)
    unread = Evaluation([gone], {}, written={gone.pipeline}, project=PROJECT)

    (change,) = changes([opened(gone)], unread, later())

    assert (change.event, change.reason, change.is_told) == ("resolved", reason, True)
    assert changes([], unread, later(2)) == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="a table of the project"),
        pytest.param({"subject": "release as of 2013-09-12"}, id="about no table"),
        pytest.param({"pipeline": "project", "subject": "feature_drifted"}, id="about no pipeline"),
    ],
)
def test_what_is_in_the_project_stays_where_it_was_not_looked_at(changed: dict[str, str]) -> None:
    assert changes([opened(finding(**changed))], Evaluation([], {}, project=PROJECT), later()) == []


def test_a_silence_ends_at_its_time_also_where_nothing_was_looked_at() -> None:
    alert = silence(opened(), "Ann", NOW, later(60)).alert

    (change,) = changes([alert], Evaluation([], {}), later(60))

    assert (change.event, change.alert.state) == ("opened", AlertState.OPEN)
    assert changes([change.alert], Evaluation([], {}), later(61)) == []


def test_what_comes_again_is_another_alert() -> None:
    first = next_of(opened()).alert
    (again,) = changes([], evaluation(FINDING), later(2), taken=[first.id])

    assert again.event == "opened"
    assert again.alert.id != first.id


def test_an_id_that_is_taken_is_not_used_again() -> None:
    (again,) = changes([], evaluation(FINDING), NOW, taken=[opened().id])

    assert again.alert.id != opened().id


@pytest.mark.parametrize(
    "acted",
    [
        pytest.param(lambda alert: acknowledge(alert, "Ann", later()), id="acknowledged"),
        pytest.param(lambda alert: silence(alert, "Ann", later(), later(60)), id="silenced"),
    ],
)
def test_repeats_leave_it_to_the_person_and_a_rise_of_level_does_not(acted) -> None:
    alert = acted(opened()).alert

    repeated = next_of(alert, finding(until="2013-09-14"), at=later(2))
    raised = next_of(alert, finding(own_level=Level.CRITICAL), at=later(2))

    assert (repeated.event, repeated.is_told) == ("repeated", False)
    assert (repeated.alert.state, repeated.alert.by) == (alert.state, "Ann")
    assert (raised.event, raised.is_told) == ("raised", True)
    assert (raised.alert.state, raised.alert.level) == (AlertState.OPEN, Level.CRITICAL)


def test_a_level_does_not_fall_before_the_alert_is_resolved() -> None:
    change = next_of(opened(), finding(own_level=Level.INFO))

    assert (change.event, change.alert.level) == ("repeated", Level.WARNING)


def test_a_silence_ends_at_its_time() -> None:
    alert = silence(opened(), "Ann", NOW, later(60)).alert

    before = next_of(alert, FINDING, at=later(59))
    after = next_of(before.alert, FINDING, at=later(60))

    assert (before.event, before.alert.state) == ("repeated", AlertState.SILENCED)
    assert (after.event, after.alert.state) == ("opened", AlertState.OPEN)
    assert (after.alert.id, after.alert.count) == (alert.id, 2)
    assert after.alert.silenced_until is None


def test_what_recovers_in_its_silence_is_resolved_without_a_word() -> None:
    change = next_of(silence(opened(), "Ann", NOW, later(60)).alert)

    assert (change.event, change.is_told) == ("resolved", False)


def test_what_a_person_resolved_stays_resolved_until_it_occurs_anew() -> None:
    resolved = resolve(opened(), "Ann", later()).alert

    unchanged = changes([resolved], evaluation(FINDING), later(2))
    over, new = changes([resolved], evaluation(finding(until="2013-09-14")), later(2))

    assert unchanged == []
    assert (over.event, over.alert.id, over.is_told) == ("recovered", resolved.id, False)
    assert (new.event, new.alert.state) == ("opened", AlertState.OPEN)
    assert new.alert.id != resolved.id


def test_what_a_person_resolved_and_recovers_may_come_again() -> None:
    change = next_of(resolve(opened(), "Ann", NOW).alert)

    assert (change.event, change.alert.by) == ("recovered", "Ann")
    assert change.alert.recovered_at == later()


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda alert: acknowledge(alert, "Bob", NOW), id="acknowledge"),
        pytest.param(lambda alert: silence(alert, "Bob", NOW, later()), id="silence"),
        pytest.param(lambda alert: resolve(alert, "Bob", NOW), id="resolve"),
    ],
)
def test_a_resolved_alert_is_left_alone(act) -> None:
    with pytest.raises(ConfigurationError, match="already resolved by Ann"):
        act(resolve(opened(), "Ann", NOW).alert)


def test_a_silence_ends_in_the_future() -> None:
    with pytest.raises(ConfigurationError, match="not in the future"):
        silence(opened(), "Ann", NOW, NOW)


SUBJECTS = ["a", "b", "c"]


@dataclass
class History:
    """Alerts as a log would keep them, and what happened to them."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    told: list[Change] = field(default_factory=list)

    @property
    def known(self) -> list[Alert]:
        """Alerts that have not recovered."""
        return [alert for alert in self.alerts.values() if alert.recovered_at is None]

    def keep(self, found: Sequence[Change]) -> None:
        """Store changes."""
        self.told += found
        self.alerts |= {change.alert.id: change.alert for change in found}


FINDINGS = st.builds(
    finding,
    subject=st.sampled_from(SUBJECTS),
    until=st.sampled_from(["2013-09-13", "2013-09-14", "2013-09-15"]),
    own_level=st.sampled_from([None, *Level]),
)
EVALUATIONS = st.lists(FINDINGS, max_size=4, unique_by=lambda one: one.key)
ACTIONS = st.tuples(
    st.sampled_from(["acknowledge", "silence", "resolve"]), st.integers(0, len(SUBJECTS))
)
STEPS = st.lists(st.one_of(EVALUATIONS, ACTIONS), max_size=25)


def step(history: History, what: list[Finding] | tuple[str, int], now: datetime) -> None:
    """One evaluation, or one action on an unresolved alert, if there is one."""
    if isinstance(what, list):
        history.keep(changes(history.known, evaluation(*what), now, history.alerts))
        return
    name, number = what
    unresolved = [alert for alert in history.known if not alert.is_resolved]
    if number < len(unresolved):
        alert = unresolved[number]
        end = now + timedelta(minutes=3)
        acted = {
            "acknowledge": lambda: acknowledge(alert, "Ann", now),
            "silence": lambda: silence(alert, "Ann", now, end),
            "resolve": lambda: resolve(alert, "Ann", now),
        }
        history.keep([acted[name]()])


@given(STEPS)
def test_after_each_evaluation_exactly_what_is_found_is_not_recovered(steps: list) -> None:
    history = History()
    for number, what in enumerate(steps):
        step(history, what, later(number))
        keys = [alert.key for alert in history.known]
        assert len(keys) == len({*keys})
        if isinstance(what, list):
            assert {*keys} == {one.key for one in what}


@given(STEPS, EVALUATIONS)
def test_an_evaluation_twice_changes_nothing_but_when_it_was_seen(
    steps: list, last: list[Finding]
) -> None:
    history = History()
    for number, what in enumerate([*steps, last]):
        step(history, what, later(number))

    again = changes(history.known, evaluation(*last), later(len(steps)), history.alerts)

    assert {change.event for change in again} <= {"repeated"}
    assert all(change.alert == history.alerts[change.alert.id] for change in again)


@given(STEPS)
def test_levels_and_counts_only_rise_and_each_told_event_is_another(steps: list) -> None:
    history = History()
    for number, what in enumerate(steps):
        before = dict(history.alerts)
        step(history, what, later(number))
        for name, alert in before.items():
            after = history.alerts[name]
            assert after.count >= alert.count
            assert LEVELS.index(after.level) <= LEVELS.index(alert.level)
            assert alert.recovered_at is None or after == alert
    told = [(one.alert.id, one.event, one.alert.count) for one in history.told if one.is_told]
    assert len(told) == len({*told})


@given(STEPS, FINDINGS)
def test_what_is_new_or_of_a_higher_level_is_told(steps: list, new: Finding) -> None:
    history = History()
    for number, what in enumerate(steps):
        step(history, what, later(number))
    before = next((alert for alert in history.known if alert.key == new.key), None)

    found = changes(history.known, evaluation(new), later(len(steps)), history.alerts)

    is_open_news = before is None or (
        LEVELS.index(level_of(new)) < LEVELS.index(before.level) and not before.is_resolved
    )
    assert not is_open_news or any(one.is_told and one.alert.key == new.key for one in found)
