"""Alerts with notifications, and deliveries at a moment of the test."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import SecretStr

from ml_assets.alert_urls import AlertUrls
from ml_assets.alerts.delivery.delivering import Attempt, deliver
from ml_assets.alerts.delivery.outbox import Outbox
from ml_assets.alerts.delivery.routes import Route, routes_of
from ml_assets.alerts.delivery.sending import Sender, send
from ml_assets.alerts.finding import Finding
from ml_assets_tests.alerts.found import finding

WAITS = [30, 120, 600, 3600]


def routes(critical: str = "", warning: str = "", info: str = "") -> list[Route]:
    """Routes of the URLs of each level."""
    urls = {"critical": critical, "warning": warning, "info": info}
    return routes_of(AlertUrls(**{level: SecretStr(text) for level, text in urls.items()}))


def name(url: str, level: str = "warning") -> str:
    """Name of the only route of a level with a URL."""
    (route,) = routes(**{level: url})
    return route.name


def quarantined(*numbers: int) -> list[Finding]:
    """A quarantined day of each of several tables."""
    return [finding(subject=f"flight_delays/table_{number}") for number in numbers]


def delivered(
    url: str, to: Sequence[Route], now: datetime, sender: Sender = send, seconds: float = 10
) -> list[Attempt]:
    """Deliver what is due."""
    return deliver(Outbox(url), to, now, sender, waits=WAITS, seconds=seconds)
