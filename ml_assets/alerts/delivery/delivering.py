"""Delivers what is due: each route in a thread of its own, so that one that hangs delays no other."""

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from ml_assets.alerts.delivery.notification import ID_LENGTH, RESOLVED, Notification, trial_of
from ml_assets.alerts.delivery.origin import origin
from ml_assets.alerts.delivery.outbox import Outbox
from ml_assets.alerts.delivery.routes import Route, keeps_incidents
from ml_assets.alerts.delivery.sending import Sender
from ml_assets.alerts.delivery.tables import DeliveryState

ROUTE_SECONDS = 10.0
"""After this time a route gets no further notification before the next call."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver a notification.

    Attributes:
        route: name of the route.
        title: title of the notification.
        state: its state after the attempt.
        problem: what prevented it; empty if it was delivered.
    """

    route: str
    title: str
    state: DeliveryState
    problem: str


def deliver(
    outbox: Outbox,
    routes: Sequence[Route],
    now: datetime,
    sender: Sender,
    *,
    waits: Sequence[int],
    seconds: float = ROUTE_SECONDS,
) -> list[Attempt]:
    """Send what is due, at least once each; several processes may do it at the same time.

    Args:
        outbox: the notifications.
        routes: the routes that are configured; without any, another process is left to deliver.
        now: the moment, UTC.
        sender: sends one notification.
        waits: seconds before each further attempt; after the last one a notification is undelivered.
        seconds: how long a route gets notifications; it may take one attempt longer.

    Returns:
        The attempts, by route.
    """
    if not routes:
        return []
    outbox.give_up_others(routes, now, waits)

    def of_route(route: Route) -> list[Attempt]:
        outbox.summarise(route, now)
        deadline, attempts = time.monotonic() + seconds, list[Attempt]()
        while time.monotonic() < deadline and (claimed := outbox.claim(route.name, now)):
            problem = _sent(sender, route, claimed.notification)
            if problem:
                state = outbox.failed(claimed, problem, now, waits)
            else:
                state = outbox.delivered(claimed, now)
            attempts.append(Attempt(route.name, claimed.notification.title, state, problem))
        return attempts

    with ThreadPoolExecutor(len(routes), "delivery") as threads:
        return [attempt for found in threads.map(of_route, routes) for attempt in found]


def tried(
    outbox: Outbox | None, routes: Sequence[Route], now: datetime, sender: Sender
) -> list[Attempt]:
    """Send a test message to each route, once; one that opens an incident ends it.

    Args:
        outbox: where it is recorded that a route accepted the message, which ends ``not_delivered``; None for nowhere.
        routes: the routes.
        now: the moment, UTC.
        sender: sends one notification.

    Returns:
        The attempts, in the order of the routes.
    """

    def of_route(route: Route) -> Attempt:
        trial = trial_of(secrets.token_hex(ID_LENGTH // 2), route.name, origin())
        problem = _sent(sender, route, trial)
        if not problem and keeps_incidents(route.name):
            problem = _sent(sender, route, replace(trial, event=RESOLVED))
        if outbox and not problem:
            outbox.record_delivered(route, trial, now)
        state = DeliveryState.UNDELIVERED if problem else DeliveryState.DELIVERED
        return Attempt(route.name, trial.title, state, problem)

    if not routes:
        return []
    with ThreadPoolExecutor(len(routes), "trial") as threads:
        return [*threads.map(of_route, routes)]


def _sent(sender: Sender, route: Route, notification: Notification) -> str:
    try:
        return sender(route, notification)
    except Exception as error:  # a route must not end a tick; the text may contain its URL
        return f"{type(error).__name__} was raised"
