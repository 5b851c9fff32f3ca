"""Alerts and their events in the database, on both databases."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone
from functools import partial
from multiprocessing import get_context

import pytest
import sqlalchemy as sa

from ml_assets.alerts.actions import acknowledge, resolve, silence
from ml_assets.alerts.alert import AlertState
from ml_assets.alerts.finding import Level
from ml_assets.alerts.log import AlertLog
from ml_assets.errors import ConfigurationError, EvaluationOvertaken
from ml_assets_tests.alerts.found import NOW, PIPELINE, evaluation, finding, later


def test_an_alert_is_read_as_it_was_stored(url: str) -> None:
    log = AlertLog(url)
    there = NOW.astimezone(timezone(timedelta(hours=9)))

    (change,) = log.update(evaluation(finding(segment="carrier=EV")), there)

    assert log.alerts() == [log.alert(change.alert.id)] == [change.alert]
    assert log.alert(change.alert.id).first_seen.utcoffset() == timedelta()


def test_alerts_are_chosen_by_pipeline_and_state(url: str) -> None:
    log = AlertLog(url)
    log.update(evaluation(finding(), finding(pipeline="trains")), NOW)
    log.update(evaluation(day_quarantined=["trains"]), later())

    assert [one.pipeline for one in log.alerts("trains")] == ["trains"]
    assert [one.pipeline for one in log.alerts(states=[AlertState.OPEN])] == [PIPELINE]
    assert log.alerts("trains", [AlertState.OPEN]) == []


def test_events_tell_what_happened_and_who_did_it(url: str) -> None:
    log = AlertLog(url)
    (change,) = log.update(evaluation(finding()), NOW)
    name = change.alert.id
    log.update(evaluation(finding()), later(1))
    log.act(name, partial(acknowledge, by="Ann", now=later(2)), now=later(2), reason="on it")
    log.update(evaluation(finding(until="2013-09-14", message="3 days")), later(3))
    log.update(evaluation(), later(4))

    events = log.events(name)

    assert [(one.event, one.by, one.reason, one.count) for one in events] == [
        ("opened", "", "", 1),
        ("acknowledged", "Ann", "on it", 1),
        ("repeated", "", "", 2),
        ("resolved", "", "", 2),
    ]
    assert [one.at for one in events] == [later(minutes) for minutes in (0, 2, 3, 4)]
    assert events[2].message == "3 days"
    assert {one.level for one in events} == {Level.WARNING}


def test_a_silence_is_stored_until_its_end(url: str) -> None:
    log = AlertLog(url)
    (change,) = log.update(evaluation(finding()), NOW)
    end = later(60)
    log.act(change.alert.id, partial(silence, by="Ann", now=NOW, until=end), now=NOW)

    log.update(evaluation(finding()), later(59))
    (silent,) = log.alerts()
    log.update(evaluation(finding()), end)
    (heard,) = log.alerts()

    assert (silent.state, silent.silenced_until) == (AlertState.SILENCED, end)
    assert (heard.state, heard.silenced_until) == (AlertState.OPEN, None)


def test_an_action_that_is_not_possible_changes_nothing(url: str) -> None:
    log = AlertLog(url)
    (change,) = log.update(evaluation(finding()), NOW)
    log.update(evaluation(), later())

    with pytest.raises(ConfigurationError, match="is already resolved"):
        log.act(change.alert.id, partial(resolve, by="Ann", now=later()), now=later())

    assert [one.event for one in log.events(change.alert.id)] == ["opened", "resolved"]


def test_an_unknown_alert_is_named_with_the_nearest(url: str) -> None:
    log = AlertLog(url)
    (change,) = log.update(evaluation(finding()), NOW)

    with pytest.raises(ConfigurationError, match=f"Did you mean '{change.alert.id}'"):
        log.alert(change.alert.id[:-1])


@pytest.mark.parametrize(
    "change", ["UPDATE alert_events SET message = ''", "DELETE FROM alert_events"]
)
def test_the_database_refuses_to_change_an_event(url: str, change: str) -> None:
    log = AlertLog(url)
    (opened,) = log.update(evaluation(finding()), NOW)
    engine = sa.create_engine(url)

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(change))

    engine.dispose()
    assert [one.event for one in log.events(opened.alert.id)] == ["opened"]


def test_alerts_that_many_evaluations_find_at_once_are_opened_once(url: str) -> None:
    findings = [finding(subject=f"table {number}") for number in range(5)]

    def evaluate(_: int) -> list[str]:
        found = AlertLog(url).update(evaluation(*findings), later(5))
        return [change.event for change in found]

    with ThreadPoolExecutor(4) as pool:
        events = [event for found in pool.map(evaluate, range(8)) for event in found]

    assert len(AlertLog(url).alerts()) == 5
    assert (events.count("opened"), events.count("repeated")) == (5, 35)


def test_an_evaluation_that_began_before_the_last_stored_one_changes_nothing(url: str) -> None:
    log, other = AlertLog(url), AlertLog(url)
    older, newer = log.begin(), other.begin()
    (opened,) = other.update(replace(evaluation(finding()), number=newer), later(1))

    with pytest.raises(EvaluationOvertaken, match="ml-assets alerts list"):
        log.update(replace(evaluation(), number=older), later(2))
    assert log.alerts() == [opened.alert]

    (over,) = log.update(replace(evaluation(), number=log.begin()), later(3))
    assert over.event == "resolved"


def _evaluate_and_acknowledge(url: str, number: int) -> None:
    log = AlertLog(url)
    for minute in range(10):
        now = later(minute)
        found = log.update(evaluation(finding()), now)
        act = partial(acknowledge, by=f"process {number}", now=now)
        log.act(found[0].alert.id, act, now=now)


@pytest.mark.slow
def test_processes_lose_no_action_and_open_no_alert_twice(url: str) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(_evaluate_and_acknowledge, url), range(2)))

    (alert,) = AlertLog(url).alerts()
    events = [(one.event, one.by) for one in AlertLog(url).events(alert.id)]
    assert events.count(("opened", "")) == 1
    assert {by: events.count(("acknowledged", by)) for by in ("process 0", "process 1")} == {
        "process 0": 10,
        "process 1": 10,
    }


def test_passwords_of_urls_in_messages_are_not_stored(url: str) -> None:
    log = AlertLog(url)
    message = "cannot read postgresql://bob:s3cr3t@ss@db:5432/x, nor http://db/x"

    (change,) = log.update(evaluation(finding(message=message)), NOW)

    assert change.alert.message == "cannot read postgresql://bob:***@db:5432/x, nor http://db/x"
    assert [event.message for event in log.events(change.alert.id)] == [change.alert.message]
