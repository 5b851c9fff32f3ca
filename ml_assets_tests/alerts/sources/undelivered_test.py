"""Routes that notifications did not reach are found until one is reached."""

from datetime import timedelta
from pathlib import Path

import pytest

from ml_assets.alerts.delivery.delivering import tried
from ml_assets.alerts.delivery.notification import Notification
from ml_assets.alerts.delivery.outbox import Outbox
from ml_assets.alerts.delivery.routes import Route
from ml_assets.alerts.log import AlertLog
from ml_assets.alerts.sources.undelivered import not_delivered
from ml_assets_tests.alerts.delivery.telling import WAITS, delivered, quarantined, routes
from ml_assets_tests.alerts.found import NOW, evaluation

TO = routes(warning="json://127.0.0.1:1 json://127.0.0.1:2", critical="json://127.0.0.1:3")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with two alerts that did not reach the first route."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    AlertLog(url, TO).update(evaluation(*quarantined(1, 2)), NOW)
    for waits in range(len(WAITS)):
        delivered(url, TO, NOW + timedelta(seconds=sum(WAITS[:waits])), is_down)
    assert [*not_delivered(Outbox(url), TO)] == []
    delivered(url, TO, NOW + timedelta(seconds=sum(WAITS)), is_down)
    return url


def is_down(route: Route, _: Notification) -> str:
    """The first route for warnings is down."""
    return "it did not answer within 10 s" if route == TO[1] else ""


def test_a_route_that_is_down_is_found_once(url: str) -> None:
    (found,) = not_delivered(Outbox(url), TO)

    assert (found.kind, found.pipeline, found.subject) == (
        "not_delivered",
        "project",
        TO[1].name,
    )
    assert found.message == (
        f"2 notifications did not reach {TO[1].name}, URL number 1 of ML_ASSETS_ALERTS__WARNING, since "
        "2013-09-14 08:30 UTC, after 5 attempts: it did not answer within 10 s"
    )
    assert found.command == "ml-assets alerts routes"


def test_it_is_over_when_a_notification_reaches_the_route(url: str) -> None:
    later = NOW + timedelta(days=1)
    AlertLog(url, TO).update(evaluation(*quarantined(1, 2, 3)), later)

    delivered(url, TO, later, lambda _, __: "")

    assert [*not_delivered(Outbox(url), TO)] == []


def test_a_route_that_is_configured_no_more_is_not_found(url: str) -> None:
    assert [*not_delivered(Outbox(url), [TO[0], TO[2]])] == []


def test_it_is_over_when_the_route_accepts_a_test(url: str) -> None:
    later = NOW + timedelta(days=1)
    tried(Outbox(url), TO, later, is_down)
    assert len([*not_delivered(Outbox(url), TO)]) == 1

    tried(Outbox(url), TO, later, lambda _, __: "")

    assert [*not_delivered(Outbox(url), TO)] == []
