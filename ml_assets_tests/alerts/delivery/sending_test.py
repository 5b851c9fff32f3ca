"""What Apprise sends to PagerDuty, Slack and others, without a network; and that no URL is shown."""

import io
import json
import logging
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from ml_assets.alerts.delivery.delivering import tried
from ml_assets.alerts.delivery.notification import Notification, summary_of
from ml_assets.alerts.delivery.sending import send
from ml_assets.alerts.finding import Level
from ml_assets_tests.alerts.delivery.receiver import Receiver
from ml_assets_tests.alerts.delivery.telling import routes
from ml_assets_tests.alerts.found import NOW

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/#ml"
PAGERDUTY = "pagerduty://integration1@apikey1"
OPENED = Notification(
    id="9f8e7d6c5b4a",
    alert_id="1a2b3c4d",
    level=Level.CRITICAL,
    event="opened",
    title="Critical: flight_delays: precision of carrier EV fell to 0.71",
    body="precision of carrier_EV fell to 0.71 (threshold < 0.80); `origin_late_share_3h`\n\n"
    "Command: ml-assets alerts show 1a2b3c4d\nNotification: 9f8e7d6c5b4a",
)
RESOLVED = replace(OPENED, id="0123456789ab", event="resolved", title="Resolved: flight_delays: …")


@dataclass(frozen=True)
class Request:
    """A request that was to leave this machine."""

    method: str
    url: str
    headers: dict[str, str]
    body: dict[str, Any]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Requests that were to leave this machine; each is answered with 202."""
    found: list[Request] = []

    def answer(
        _: requests.Session, request: requests.PreparedRequest, **__: object
    ) -> requests.Response:
        assert request.url
        assert request.body
        body = json.loads(request.body)
        found.append(Request(str(request.method), request.url, dict(request.headers), body))
        response = requests.Response()
        response.status_code = 200
        response._content = b"ok"
        return response

    monkeypatch.setattr(requests.Session, "send", answer)
    return found


def test_pagerduty_opens_an_incident_of_the_alert_and_ends_it(sent: list[Request]) -> None:
    (route,) = routes(critical=PAGERDUTY)

    assert [send(route, one) for one in (OPENED, OPENED, RESOLVED)] == ["", "", ""]

    trigger, again, resolve = sent
    assert (trigger.method, trigger.url) == ("POST", "https://events.pagerduty.com/v2/enqueue")
    assert trigger.headers["Authorization"] == "Token token=apikey1"
    assert trigger.body == {
        "routing_key": "integration1",
        "event_action": "trigger",
        "dedup_key": "1a2b3c4d",
        "client": "ml-assets",
        "payload": {
            "summary": f"{OPENED.title}\r\n{OPENED.body}",
            "severity": "critical",
            "source": "Apprise",
            "component": "Notification",
        },
    }
    assert again == trigger
    assert resolve.body == {
        "routing_key": "integration1",
        "event_action": "resolve",
        "dedup_key": "1a2b3c4d",
    }


@pytest.mark.parametrize(
    ("level", "severity"),
    [(Level.CRITICAL, "critical"), (Level.WARNING, "warning"), (Level.INFO, "info")],
)
def test_pagerduty_gets_the_level_as_its_severity(
    sent: list[Request], level: Level, severity: str
) -> None:
    send(routes(warning=PAGERDUTY)[0], replace(OPENED, level=level))

    assert sent[0].body["payload"]["severity"] == severity


def test_a_summary_is_an_incident_of_its_own(sent: list[Request]) -> None:
    summary = summary_of(
        "aabbccddeeff", Level.CRITICAL, [("1a2b3c4d", "opened", "title")], 20, "host"
    )

    send(routes(critical=PAGERDUTY)[0], summary)

    assert (sent[0].body["dedup_key"], sent[0].body["event_action"]) == ("aabbccddeeff", "trigger")


def test_a_test_of_pagerduty_leaves_no_incident_open(sent: list[Request]) -> None:
    (attempt,) = tried(None, routes(critical=PAGERDUTY), NOW, send)

    assert attempt.problem == ""
    assert [one.body["event_action"] for one in sent] == ["trigger", "resolve"]
    assert len({one.body["dedup_key"] for one in sent}) == 1
    assert sent[0].body["payload"]["severity"] == "info"


def test_what_a_url_says_itself_counts(sent: list[Request]) -> None:
    url = f"{PAGERDUTY}/flights/delays?region=eu&dedup=all&action=trigger"

    send(routes(critical=url)[0], RESOLVED)

    (request,) = sent
    assert request.url == "https://events.eu.pagerduty.com/v2/enqueue"
    assert (request.body["dedup_key"], request.body["event_action"]) == ("all", "trigger")
    assert request.body["payload"]["source"] == "flights"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(SLACK, id="Apprise's URL"),
        pytest.param(
            "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7",
            id="Slack's own URL",
        ),
    ],
)
def test_slack_gets_title_text_and_colour(sent: list[Request], url: str) -> None:
    (route,) = routes(warning=url)

    assert [send(route, one) for one in (OPENED, RESOLVED)] == ["", ""]

    opened, resolved = sent
    token = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
    assert (opened.method, opened.url) == ("POST", f"https://hooks.slack.com/services/{token}")
    assert opened.body.get("channel") == ("#ml" if url == SLACK else None)
    (attachment,) = opened.body["attachments"]
    assert attachment["title"] == OPENED.title
    assert attachment["text"] == OPENED.body.replace("<", "&lt;")
    assert "9f8e7d6c5b4a" in attachment["text"]
    assert attachment["color"] != resolved.body["attachments"][0]["color"]


def test_nothing_that_is_sent_refers_to_another_server(sent: list[Request]) -> None:
    for route in routes(critical=f"{PAGERDUTY} {SLACK} json://receiver.example"):
        send(route, OPENED)

    assert len(sent) == len([PAGERDUTY, SLACK, "json"])
    assert not [one for one in sent if "http" in json.dumps(one.body)]


def test_receivers_of_json_get_fields_to_recognize_it_by(receiver: Receiver) -> None:
    url = f"{receiver.url}/hook?:level=&:team=ml"

    assert not send(routes(critical=url)[0], OPENED)

    (body,) = receiver.arrived
    assert {name: body[name] for name in ("notification_id", "alert_id", "event", "team")} == {
        "notification_id": "9f8e7d6c5b4a",
        "alert_id": "1a2b3c4d",
        "event": "opened",
        "team": "ml",
    }
    assert (body["title"], body["message"], body["type"]) == (OPENED.title, OPENED.body, "failure")


def test_no_part_of_a_url_is_logged_or_told(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    logged = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(logged)])
    receiver.status = 403
    place = receiver.url.removeprefix("json://")
    url = f"json://anna:hunter2@{place}/services/hidden4?+X-Key=hidden5"

    problem = send(routes(critical=url)[0], OPENED)
    logging.getLogger("urllib3.connectionpool").debug("of others")

    assert problem == "it answered with status 403"
    assert len(receiver.arrived) == 1
    shown = logged.getvalue()
    assert "of others" in shown
    assert not [part for part in ("anna", "hunter2", "hidden4", "hidden5", place) if part in shown]
