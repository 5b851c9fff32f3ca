"""What is written for whom, with the change of the alert."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ml_assets.alerts.actions import acknowledge, resolve, silence
from ml_assets.alerts.alert import Alert, Change
from ml_assets.alerts.delivery.enqueuing import ONE_BY_ONE_AN_HOUR
from ml_assets.alerts.delivery.outbox import Outbox
from ml_assets.alerts.finding import Level
from ml_assets.alerts.log import AlertLog
from ml_assets_tests.alerts.delivery.telling import name, quarantined, routes
from ml_assets_tests.alerts.found import NOW, evaluation, finding, later

PAGERDUTY = "pagerduty://integration@key"
JSON = "json://127.0.0.1:1"
WARNING, CRITICAL = name(JSON), name(JSON, "critical")
SECOND = routes(warning=f"{JSON} {JSON}")[1].name


def told(url: str) -> list[tuple[str, str, str]]:
    """Route, event and state of everything that was written."""
    return [
        (one.route, one.notification.event, one.state.value) for one in Outbox(url).deliveries()
    ]


def test_an_alert_is_told_to_the_routes_of_its_level(url: str) -> None:
    log = AlertLog(url, routes(critical=JSON, warning=f"{JSON} {JSON}", info=JSON))

    log.update(evaluation(finding()), NOW)

    assert told(url) == [
        (WARNING, "opened", "pending"),
        (SECOND, "opened", "pending"),
    ]


def test_repeats_and_what_a_person_takes_care_of_are_not_told(url: str) -> None:
    log = AlertLog(url, routes(warning=JSON))
    (opened,) = log.update(evaluation(finding()), NOW)
    log.update(evaluation(finding(until="2013-09-14")), later())
    log.act(opened.alert.id, lambda one: silence(one, "anna", later(), later(60)), now=later())

    assert told(url) == [(WARNING, "opened", "pending")]


def test_a_raised_alert_is_told_to_the_higher_level_and_its_end_to_both(url: str) -> None:
    log = AlertLog(url, routes(critical=JSON, warning=JSON))
    log.update(evaluation(finding()), NOW)
    log.update(evaluation(replace(finding(), own_level=Level.CRITICAL)), later(1))
    log.update(evaluation(), later(2))

    assert told(url) == [
        (WARNING, "opened", "pending"),
        (CRITICAL, "raised", "pending"),
        (CRITICAL, "resolved", "pending"),
        (WARNING, "resolved", "pending"),
    ]


def test_a_route_that_was_not_told_of_an_alert_is_not_told_of_its_end(url: str) -> None:
    (opened,) = AlertLog(url, routes(warning=JSON)).update(evaluation(finding()), NOW)
    log = AlertLog(url, routes(warning=f"{JSON} {JSON}"))

    log.act(opened.alert.id, lambda one: resolve(one, "anna", later()), now=later())

    assert told(url) == [
        (WARNING, "opened", "pending"),
        (WARNING, "resolved", "pending"),
    ]


def test_a_silenced_alert_ends_in_silence_but_for_the_incident_of_pagerduty(url: str) -> None:
    log = AlertLog(url, routes(warning=f"{JSON} {PAGERDUTY}"))
    (opened,) = log.update(evaluation(finding()), NOW)
    log.act(opened.alert.id, lambda one: silence(one, "anna", NOW, later(60)), now=NOW)

    log.update(evaluation(), later(1))

    assert told(url)[2:] == [(name(PAGERDUTY), "resolved", "pending")]


def test_without_routes_nothing_is_written(url: str) -> None:
    AlertLog(url).update(evaluation(finding()), NOW)

    assert (told(url), len(AlertLog(url).alerts())) == ([], 1)


def test_an_open_alert_that_nobody_was_told_of_is_told_once_by_the_first_who_has_routes(
    url: str,
) -> None:
    AlertLog(url).update(evaluation(finding()), NOW)
    AlertLog(url, routes(critical=JSON)).update(evaluation(finding()), later(1))
    assert told(url) == []

    for minutes in (2, 3):
        AlertLog(url, routes(warning=JSON)).update(evaluation(finding()), later(minutes))

    assert told(url) == [(WARNING, "opened", "pending")]


def test_what_was_raised_where_there_are_no_routes_is_told_to_the_higher_level(url: str) -> None:
    log = AlertLog(url, routes(critical=JSON, warning=JSON))
    raised = replace(finding(), own_level=Level.CRITICAL)
    log.update(evaluation(finding()), NOW)
    AlertLog(url).update(evaluation(raised), later(1))

    for minutes in (2, 3):
        log.update(evaluation(raised), later(minutes))

    assert told(url) == [(WARNING, "opened", "pending"), (CRITICAL, "raised", "pending")]


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(lambda one: acknowledge(one, "anna", NOW), id="acknowledged"),
        pytest.param(lambda one: silence(one, "anna", NOW, later(60)), id="silenced"),
        pytest.param(lambda one: resolve(one, "anna", NOW), id="resolved"),
    ],
)
def test_what_a_person_took_care_of_before_there_were_routes_is_not_told(
    url: str, action: Callable[[Alert], Change]
) -> None:
    (opened,) = AlertLog(url).update(evaluation(finding()), NOW)
    AlertLog(url).act(opened.alert.id, action, now=NOW)

    AlertLog(url, routes(warning=JSON)).update(evaluation(finding()), later())

    assert told(url) == []


def test_what_is_open_when_routes_are_configured_first_is_told_within_the_limits_of_a_flood(
    url: str,
) -> None:
    found = quarantined(*range(ONE_BY_ONE_AN_HOUR + 2))
    AlertLog(url).update(evaluation(*found), NOW)

    AlertLog(url, routes(warning=JSON)).update(evaluation(*found), later())

    assert [state for _, _, state in told(url)] == ["pending"] * ONE_BY_ONE_AN_HOUR + ["held"] * 2


def test_the_end_of_an_alert_reaches_who_was_told_also_if_it_is_found_without_routes(
    url: str,
) -> None:
    AlertLog(url, routes(warning=JSON)).update(evaluation(finding()), NOW)

    AlertLog(url).update(evaluation(), later())

    assert told(url) == [(WARNING, "opened", "pending"), (WARNING, "resolved", "pending")]


def test_an_alert_whose_notification_cannot_be_written_is_not_stored(url: str) -> None:
    log = AlertLog(url, routes(warning=JSON))
    log.alerts()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE alert_notifications"))

    with pytest.raises(Exception, match="alert_notifications"):
        log.update(evaluation(finding()), NOW)

    assert log.alerts() == []
    engine.dispose()


def test_after_many_alerts_within_an_hour_further_ones_are_held(url: str) -> None:
    log = AlertLog(url, routes(warning=JSON))
    log.update(evaluation(*quarantined(*range(ONE_BY_ONE_AN_HOUR - 1))), NOW)
    log.update(evaluation(*quarantined(*range(ONE_BY_ONE_AN_HOUR + 2))), later(59))

    assert [state for _, _, state in told(url)] == ["pending"] * ONE_BY_ONE_AN_HOUR + ["held"] * 2

    log.update(evaluation(*quarantined(*range(ONE_BY_ONE_AN_HOUR + 3))), later(61))

    assert told(url)[-1] == (WARNING, "opened", "pending")


def test_the_end_of_an_alert_is_told_as_the_alert_was(url: str) -> None:
    log = AlertLog(url, routes(warning=JSON))
    found = quarantined(*range(ONE_BY_ONE_AN_HOUR + 1))
    log.update(evaluation(*found), NOW)
    log.update(evaluation(*found[1:-1]), NOW + timedelta(minutes=1))

    ends = {
        one.notification.body.split("About: ")[1].split("\n")[0]: one.state.value
        for one in Outbox(url).deliveries()
        if one.notification.event == "resolved"
    }

    assert ends == {found[0].subject: "pending", found[-1].subject: "held"}
