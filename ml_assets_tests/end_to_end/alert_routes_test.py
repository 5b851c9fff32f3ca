"""The sensor and the command tell the routes, and routes that are down become alerts."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ml_assets.ledger.entries import Entry, Status
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.alerts.delivery.receiver import OK, UNAVAILABLE, Receiver, receiving
from ml_assets_tests.alerts.delivery.telling import name
from ml_assets_tests.prepared import tick
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import ml_assets

BAD = Entry("sources/flights", "2013-01-03", Status.QUARANTINED, "no rows")
GOOD = replace(BAD, status=Status.STORED, reason="")


@pytest.fixture
def receiver(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A route for the warnings of a project with a quarantined day."""
    project.lake.ledger.append([BAD])
    with receiving() as found:
        monkeypatch.setenv("ML_ASSETS_ALERTS__WARNING", found.url)
        settings.cache_clear()
        yield found
    settings.cache_clear()


def test_a_tick_tells_the_routes_and_the_log_what_opened_and_what_is_over(
    project: Project, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tick(project, "alerts").reason.endswith(
        f"1 opened. Delivered to {name(receiver.url)}: 1."
    )
    assert "Delivered" not in tick(project, "alerts").reason
    project.lake.ledger.append([GOOD])
    assert tick(project, "alerts").reason.endswith(
        f"1 resolved. Delivered to {name(receiver.url)}: 1."
    )

    opened, resolved = receiver.arrived
    assert opened["title"].startswith("Warning: sources: sources/flights is quarantined on")
    assert resolved["title"].startswith("Resolved: sources: sources/flights is quarantined on")
    assert opened["alert_id"] == resolved["alert_id"]
    logged = capfd.readouterr().err
    for event in ("opened", "resolved"):
        line = f"alert {opened['alert_id']} {event}: warning, sources: sources/flights is quarantined on"
        assert logged.count(line) == 1


def test_a_route_that_is_down_becomes_an_alert_until_it_is_reached(
    project: Project, receiver: Receiver
) -> None:
    receiver.status = UNAVAILABLE
    problem = f"Not delivered to {name(receiver.url)}: it answered with status 503."
    assert tick(project, "alerts").reason.endswith(problem)
    receiver.status = OK
    reasons = [tick(project, "alerts").reason for _ in range(2)]

    assert "1 opened" in reasons[0]
    assert "1 resolved" in reasons[1]
    assert [(one["event"], name(receiver.url) in one["title"]) for one in receiver.arrived] == [
        ("opened", False),
        ("opened", True),
        ("resolved", True),
    ]


def test_a_check_without_routes_leaves_all_telling_to_those_who_have_them(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = UNAVAILABLE
    tick(project, "alerts")
    tick(project, "alerts")
    events, notifications = receiver.events, len(Workspace.of_environment().outbox.deliveries())
    monkeypatch.delenv("ML_ASSETS_ALERTS__WARNING")
    settings.cache_clear()
    project.lake.ledger.append([replace(BAD, table="sources/weather")])

    text = " ".join(ml_assets("alerts", "check").split())
    kinds = [one["kind"] for one in json.loads(ml_assets("alerts", "list", "--json"))]

    assert "No notification of 1 alert was sent, as no route is configured here" in text
    assert kinds.count("not_delivered") == 1
    assert receiver.events == events
    assert len(Workspace.of_environment().outbox.deliveries()) == notifications

    monkeypatch.setenv("ML_ASSETS_ALERTS__WARNING", receiver.url)
    settings.cache_clear()
    receiver.status = OK
    tick(project, "alerts")

    assert "sources/weather" in [one["title"] for one in receiver.arrived][-1]


def test_the_command_tells_the_routes_and_shows_who_was_told(
    project: Project, receiver: Receiver
) -> None:
    receiver.status = UNAVAILABLE

    text = " ".join(ml_assets("alerts", "check").split())
    (alert,) = json.loads(ml_assets("alerts", "list", "--json"))
    shown = ml_assets("alerts", "show", alert["id"])
    (told,) = json.loads(ml_assets("alerts", "show", alert["id"], "--json"))["notifications"]

    assert text.endswith(f"Not delivered to {name(receiver.url)}: it answered with status 503.")
    assert "undelivered after 1 attempt: it answered with status 503" in " ".join(shown.split())
    assert (told["route"], told["state"]) == (name(receiver.url), "undelivered")
    assert receiver.url not in f"{text} {shown} {told}"


def test_a_check_says_that_nothing_is_wrong_only_if_nothing_is_found(
    project: Project, receiver: Receiver
) -> None:
    ml_assets("alerts", "check")
    (alert,) = json.loads(ml_assets("alerts", "list", "--json"))
    ml_assets("alerts", "resolve", alert["id"], "--by", "Ann")

    resolved = ml_assets("alerts", "check")
    project.lake.ledger.append([GOOD])
    ml_assets("alerts", "check")

    assert "1 resolved by a person, and not over yet." in resolved
    assert "Nothing is wrong" not in resolved
    assert "Nothing is wrong." in ml_assets("alerts", "check")
