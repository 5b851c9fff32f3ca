"""Sends notifications with Apprise; messages about failures contain no part of the URL."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ml_assets.alert_urls import apprise
from ml_assets.alerts.delivery.notification import RESOLVED, Notification
from ml_assets.alerts.delivery.routes import PAGERDUTY, Route
from ml_assets.alerts.finding import Level

SECONDS = 10
"""Time for one attempt. Apprise itself gives up 4 s after a socket is silent (``?cto=`` and ``?rto=`` of a URL)."""

Sender = Callable[[Route, Notification], str]
"""Sends a notification, within ``SECONDS``; returns what prevented it, empty when the route accepted it."""

_STATUS = re.compile(r"error=(\d{3})\b")
_is_sending: ContextVar[bool] = ContextVar("is_sending", default=False)


def send(route: Route, notification: Notification) -> str:
    """Send a notification with Apprise; see ``Sender``."""
    library = apprise()
    _hide_requests()
    # Pictures would be links to a server of strangers.
    asset = library.AppriseAsset(app_id="ml-assets", image_url_mask="", image_url_logo="")
    receiver = library.Apprise(asset=asset)
    receiver.add(url_with_ids(route, notification))
    token = _is_sending.set(True)
    try:
        result = receiver.notify(
            title=notification.title,
            body=notification.body,
            notify_type=_kind(notification),
            body_format=library.NotifyFormat.TEXT,
            timeout=SECONDS,
        )
    finally:
        _is_sending.reset(token)
    return "" if result else _problem(result)


def url_with_ids(route: Route, notification: Notification) -> str:
    """The URL with what lets the receiver recognize the notification, unless the URL says it itself.

    PagerDuty gets the alert as the key of the incident, and ends the incident with the alert. Receivers of JSON,
    XML or forms get further fields. For all others the body contains the ID.
    """
    url = route.url.get_secret_value()
    added = _identity(route.service, notification)
    given = {name for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)}
    missing = {name: value for name, value in added.items() if name not in given}
    if not missing:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(missing)}"


def _identity(service: str, notification: Notification) -> dict[str, str]:
    if service == PAGERDUTY:
        return {"dedup": notification.alert_id or notification.id, "action": "map"}
    if service.removesuffix("s") in ("json", "xml", "form"):
        return {
            ":notification_id": notification.id,
            ":alert_id": notification.alert_id,
            ":level": notification.level.value,
            ":event": notification.event,
        }
    return {}


def _kind(notification: Notification) -> str:
    """Apprise's name for how bad it is; it decides colours, and what PagerDuty does."""
    if notification.event == RESOLVED:
        return "success"
    names = {Level.CRITICAL: "failure", Level.WARNING: "warning", Level.INFO: "info"}
    return names[notification.level]


def _problem(result: Any) -> str:
    texts = [entry.message for entry in result.logs()]
    statuses = [found[1] for text in texts if (found := _STATUS.search(text))]
    if statuses:
        return f"it answered with status {statuses[-1]}"
    if result.status.name == "TIMEOUT":
        return f"it did not answer within {SECONDS} s"
    return "it could not be reached, or did not accept it"


class _NotWhileSending(logging.Filter):
    """Drops the records of requests, which contain paths with tokens."""

    def filter(self, _record: logging.LogRecord) -> bool:
        return not _is_sending.get()


_not_while_sending = _NotWhileSending()


def _hide_requests() -> None:
    logging.getLogger("urllib3.connectionpool").addFilter(_not_while_sending)
