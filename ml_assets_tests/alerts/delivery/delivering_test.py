"""Delivery to a real HTTP server: order, repeats, outages, floods and routes that hang."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ml_assets.alerts.delivery.delivering import Attempt
from ml_assets.alerts.delivery.enqueuing import ONE_BY_ONE_AN_HOUR
from ml_assets.alerts.delivery.notification import Notification
from ml_assets.alerts.delivery.outbox import Outbox
from ml_assets.alerts.delivery.routes import Route
from ml_assets.alerts.delivery.tables import DeliveryState
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.log import AlertLog
from ml_assets_tests.alerts.delivery.receiver import OK, UNAVAILABLE, WAIT_SECONDS, Receiver
from ml_assets_tests.alerts.delivery.telling import WAITS, delivered, quarantined, routes
from ml_assets_tests.alerts.found import NOW, evaluation, finding, later

OVER = "it answered with status 503"


def states(url: str) -> list[str]:
    """States of all deliveries, in the order in which they were written."""
    return [one.state.value for one in Outbox(url).deliveries()]


def after_waits(count: int) -> datetime:
    """When the first attempt and a number of waits are over."""
    return NOW + timedelta(seconds=sum(WAITS[:count]))


def test_changes_arrive_in_their_order_and_once(url: str, receiver: Receiver) -> None:
    to = routes(warning=receiver.url)
    log = AlertLog(url, to)
    log.update(evaluation(*quarantined(1, 2)), NOW)
    log.update(evaluation(*quarantined(2)), later(1))

    first = delivered(url, to, later(2))
    second = delivered(url, to, later(3))

    assert receiver.events == ["opened", "opened", "resolved"]
    assert [one.problem for one in first] == ["", "", ""]
    assert (second, states(url)) == ([], ["delivered"] * 3)
    ids = [one.notification.id for one in Outbox(url).deliveries()]
    assert receiver.ids == ids
    opened, _, resolved = receiver.arrived
    assert opened["alert_id"] == resolved["alert_id"]
    assert opened["level"] == "warning"
    assert opened["title"] == "Warning: flight_delays: 2 days are quarantined"
    assert f"Notification: {ids[0]}" in opened["message"]


def test_an_outage_over_several_attempts_loses_nothing_and_keeps_the_order(
    url: str, receiver: Receiver
) -> None:
    to = routes(warning=receiver.url)
    log = AlertLog(url, to)
    log.update(evaluation(finding()), NOW)
    receiver.status = UNAVAILABLE

    title = "Warning: flight_delays: 2 days are quarantined"
    assert delivered(url, to, NOW) == [Attempt(to[0].name, title, DeliveryState.PENDING, OVER)]
    assert delivered(url, to, NOW + timedelta(seconds=WAITS[0] - 1)) == []
    log.update(evaluation(), after_waits(1))
    for waits in (1, 2):
        assert [one.problem for one in delivered(url, to, after_waits(waits))] == [OVER]
    assert delivered(url, to, after_waits(3) - timedelta(seconds=1)) == []
    receiver.status = OK
    delivered(url, to, after_waits(3))

    assert receiver.events == ["opened"] * 4 + ["resolved"]
    assert receiver.ids[:4] == [receiver.ids[0]] * 4
    assert [one.attempts for one in Outbox(url).deliveries()] == [4, 1]
    assert states(url) == ["delivered", "delivered"]


def test_after_the_last_wait_a_notification_is_undelivered_and_kept(
    url: str, receiver: Receiver
) -> None:
    to = routes(warning=receiver.url)
    AlertLog(url, to).update(evaluation(finding()), NOW)
    receiver.status = UNAVAILABLE
    for waits in range(len(WAITS) + 1):
        delivered(url, to, after_waits(waits))

    (kept,) = Outbox(url).deliveries()
    assert (kept.state.value, kept.problem, kept.attempts) == ("undelivered", OVER, len(WAITS) + 1)
    assert kept.ended_at == after_waits(len(WAITS))
    assert delivered(url, to, after_waits(len(WAITS)) + timedelta(days=1)) == []


@pytest.mark.parametrize(
    "is_over_before",
    [pytest.param(True, id="before it is given up"), pytest.param(False, id="after it")],
)
def test_a_route_that_did_not_hear_of_an_alert_does_not_hear_of_its_end(
    url: str, is_over_before: bool
) -> None:
    to = routes(warning="json://127.0.0.1:2 json://127.0.0.1:1")
    log = AlertLog(url, to)
    log.update(evaluation(finding()), NOW)
    end, heard = after_waits(len(WAITS)), list[tuple[str, str]]()

    def sender(route: Route, notification: Notification) -> str:
        if route == to[0] and not is_up:
            return OVER
        heard.append((route.name, notification.event))
        return ""

    is_up = False
    for waits in range(len(WAITS) + 1):
        delivered(url, to, after_waits(waits), sender)
        if is_over_before and waits == 0:
            log.update(evaluation(), after_waits(0))
    is_up = True
    if not is_over_before:
        log.update(evaluation(), end)
    delivered(url, to, end + timedelta(days=1), sender)

    assert heard == [(to[1].name, "opened"), (to[1].name, "resolved")]


def test_a_route_whose_summary_was_given_up_does_not_hear_of_the_ends(
    url: str, receiver: Receiver
) -> None:
    to = routes(warning=receiver.url)
    receiver.status = UNAVAILABLE
    log, found = flood(url, receiver)
    for waits in range(1, len(WAITS) + 1):
        delivered(url, to, after_waits(waits))
    receiver.status, arrived = OK, len(receiver.arrived)

    log.update(evaluation(), after_waits(len(WAITS)))
    delivered(url, to, after_waits(len(WAITS)) + timedelta(days=1))

    assert len(found) > ONE_BY_ONE_AN_HOUR
    assert receiver.events[arrived:] == []


def test_a_server_that_is_gone_is_told_without_its_address(url: str, receiver: Receiver) -> None:
    to = routes(warning="json://user:hunter2@127.0.0.1:1")
    AlertLog(url, to).update(evaluation(finding()), NOW)

    (attempt,) = delivered(url, to, NOW)

    assert attempt.problem == "it could not be reached, or did not accept it"
    assert attempt.route == to[0].name
    assert "hunter2" not in attempt.route


def test_a_route_that_hangs_delays_no_other(url: str) -> None:
    to = routes(warning="json://127.0.0.1:1 json://127.0.0.1:2")
    AlertLog(url, to).update(evaluation(*quarantined(*range(10))), NOW)
    others, all_others = list[Notification](), threading.Event()

    def sender(route: Route, notification: Notification) -> str:
        if route == to[0]:
            return "" if all_others.wait(WAIT_SECONDS) else "the other route was not told meanwhile"
        others.append(notification)
        if len(others) == 10:
            all_others.set()
        return ""

    attempts = delivered(url, to, NOW, sender, seconds=WAIT_SECONDS)

    assert [one.problem for one in attempts] == [""] * 20


def test_a_route_that_hangs_gets_one_notification_in_a_tick(url: str, receiver: Receiver) -> None:
    to = routes(warning=f"{receiver.url}?rto=1")
    AlertLog(url, to).update(evaluation(*quarantined(1, 2)), NOW)
    receiver.is_open.clear()

    (attempt,) = delivered(url, to, NOW, seconds=0.5)

    assert attempt.problem == "it could not be reached, or did not accept it"
    assert [one.attempts for one in Outbox(url).deliveries()] == [1, 0]


def test_an_error_of_a_sender_is_a_failed_attempt_whose_text_is_not_told(url: str) -> None:
    to = routes(warning="json://127.0.0.1:1")
    AlertLog(url, to).update(evaluation(finding()), NOW)

    def broken(route: Route, _: Notification) -> str:
        raise ValueError(route.url.get_secret_value())

    (attempt,) = delivered(url, to, NOW, broken)

    assert (attempt.state, attempt.problem) == (DeliveryState.PENDING, "ValueError was raised")


def test_what_is_due_longest_is_sent_first(url: str, receiver: Receiver) -> None:
    to = routes(warning=receiver.url)
    log = AlertLog(url, to)
    log.update(evaluation(*quarantined(1)), NOW)
    receiver.status = UNAVAILABLE
    delivered(url, to, NOW)
    log.update(evaluation(*quarantined(1, 2)), NOW + timedelta(seconds=10))
    receiver.status = OK
    delivered(url, to, later(1))

    first, second = Outbox(url).deliveries()
    assert receiver.ids == [first.notification.id, second.notification.id, first.notification.id]


def flood(url: str, receiver: Receiver) -> tuple[AlertLog, list[Finding]]:
    """37 alerts more than are sent singly in an hour, delivered."""
    to = routes(warning=receiver.url)
    log, found = AlertLog(url, to), quarantined(*range(ONE_BY_ONE_AN_HOUR + 37))
    log.update(evaluation(*found), NOW)
    delivered(url, to, NOW)
    return log, found


def test_a_flood_is_told_in_one_summary_an_hour(url: str, receiver: Receiver) -> None:
    log, found = flood(url, receiver)
    to = routes(warning=receiver.url)

    assert receiver.events == ["opened"] * ONE_BY_ONE_AN_HOUR + ["summary"]
    assert receiver.arrived[-1]["title"] == "Warning: 37 more alerts in the last hour"
    assert "ml-assets alerts list" in receiver.arrived[-1]["message"]

    log.update(evaluation(*found, *quarantined(100, 101)), later(10))
    assert delivered(url, to, later(59)) == []
    delivered(url, to, later(61))

    assert receiver.arrived[-1]["title"] == "Warning: 2 more alerts in the last hour"
    outbox = Outbox(url).deliveries()
    summaries = [one.notification.id for one in outbox if one.notification.event == "summary"]
    assert {one.summary for one in outbox} == {"", *summaries}


def test_a_summary_that_is_not_delivered_is_sent_again(url: str, receiver: Receiver) -> None:
    receiver.status = UNAVAILABLE
    flood(url, receiver)
    receiver.status = OK
    delivered(url, routes(warning=receiver.url), later(1))

    assert [*receiver.events].count("summary") == 2
    assert len({one for one in receiver.ids if receiver.ids.count(one) > 1}) == 21


def test_without_routes_nothing_is_done(url: str) -> None:
    AlertLog(url, routes(warning="json://127.0.0.1:1")).update(evaluation(finding()), NOW)

    assert delivered(url, [], after_waits(len(WAITS))) == []
    assert states(url) == ["pending"]


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        pytest.param(sum(WAITS) - 1, "pending", id="for less than all waits"),
        pytest.param(sum(WAITS), "undelivered", id="for longer"),
    ],
)
def test_what_is_for_a_route_that_is_no_more_is_given_up_after_all_waits(
    url: str, seconds: int, state: str
) -> None:
    AlertLog(url, routes(warning="json://127.0.0.1:1")).update(evaluation(finding()), NOW)

    delivered(url, routes(critical="json://127.0.0.1:1"), NOW + timedelta(seconds=seconds))

    assert states(url) == [state]


def test_a_route_that_is_inserted_before_another_gets_nothing_of_it(url: str) -> None:
    kept = "json://127.0.0.1:2"
    log = AlertLog(url, routes(warning=kept))
    log.update(evaluation(finding()), NOW)
    to, sent = routes(warning=f"json://127.0.0.1:1 {kept}"), list[tuple[Route, str]]()

    def sender(route: Route, notification: Notification) -> str:
        sent.append((route, notification.event))
        return ""

    delivered(url, to, later(1), sender)
    AlertLog(url, to).update(evaluation(), later(2))
    delivered(url, to, later(3), sender)

    assert sent == [(to[1], "opened"), (to[1], "resolved")]


def test_notifications_of_a_version_that_numbered_routes_are_delivered(url: str) -> None:
    to, sent = routes(warning="json://127.0.0.1:1 json://127.0.0.1:2"), list[tuple[Route, str]]()
    numbered = [replace(route, name=route.former_name) for route in to]
    AlertLog(url, numbered).update(evaluation(finding()), NOW)

    def sender(route: Route, notification: Notification) -> str:
        sent.append((route, notification.event))
        return ""

    AlertLog(url, to).update(evaluation(), later(1))
    delivered(url, to, later(2), sender)

    assert [route.former_name for route in to] == ["warning-1 (json)", "warning-2 (json)"]
    assert sorted(sent, key=str) == sorted(
        [(route, event) for route in to for event in ("opened", "resolved")], key=str
    )
