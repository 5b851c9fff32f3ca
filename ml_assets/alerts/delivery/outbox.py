"""The outbox: notifications of the ledger's database, claimed by one process at a time until they are delivered.

``enqueuing`` writes them, ``delivering`` sends them.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from ml_assets.alerts.delivery.enqueuing import HOUR, ONE_BY_ONE_AN_HOUR, drop_unheard_ends
from ml_assets.alerts.delivery.notification import ID_LENGTH, SUMMARY, Notification, summary_of
from ml_assets.alerts.delivery.origin import origin
from ml_assets.alerts.delivery.routes import Route
from ml_assets.alerts.delivery.tables import (
    Delivery,
    DeliveryState,
    create_notifications,
    delivery_of,
    new_row,
    notifications,
)
from ml_assets.ledger.database import LedgerDatabase, stored_time

CLAIM = timedelta(minutes=2)
"""How long a notification belongs to the process that sends it. Longer than one attempt takes; what is claimed
longer is of a process that was killed, and is sent again."""

_columns = notifications.c


class Outbox(LedgerDatabase):
    """Notifications, and how far each got on its route.

    Args:
        url: SQLAlchemy URL, SQLite or Postgres; the table is created when it is missing.
    """

    def __init__(self, url: str | sa.URL) -> None:
        super().__init__(url, create_notifications)

    def deliveries(
        self, alert_id: str | None = None, states: Collection[DeliveryState] | None = None
    ) -> list[Delivery]:
        """Deliveries in the order in which they were written.

        Args:
            alert_id: of this alert only.
            states: in one of these states only.
        """
        query = sa.select(notifications).order_by(_columns.number)
        if alert_id is not None:
            query = query.where(_columns.alert_id == alert_id)
        if states is not None:
            query = query.where(_columns.state.in_(states))
        with self._transaction() as connection:
            return [delivery_of(row) for row in connection.execute(query).mappings()]

    def failures(self, route: str) -> list[Delivery]:
        """Undelivered notifications of a route since its last delivered one, in the order of giving up."""
        reached = (
            sa.select(sa.func.max(_columns.ended_at))
            .where(_columns.route == route, _columns.state == DeliveryState.DELIVERED)
            .scalar_subquery()
        )
        query = (
            sa.select(notifications)
            .where(_columns.route == route, _columns.state == DeliveryState.UNDELIVERED)
            .where(reached.is_(None) | (_columns.ended_at > reached))
            .order_by(_columns.ended_at, _columns.number)
        )
        with self._transaction() as connection:
            return [delivery_of(row) for row in connection.execute(query).mappings()]

    def last(self, route: str) -> Delivery | None:
        """The last notification of a route that was sent or is being sent; None for nothing."""
        query = (
            sa.select(notifications)
            .where(_columns.route == route, _columns.attempts > 0)
            .order_by(_columns.number.desc())
            .limit(1)
        )
        with self._transaction() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else delivery_of(row)

    def record_delivered(self, route: Route, notification: Notification, now: datetime) -> None:
        """Record what was sent to a route without waiting here, and accepted."""
        ended = {"attempts": 1, "ended_at": stored_time(now)}
        row = new_row(notification, route.name, DeliveryState.DELIVERED, now) | ended
        with self._transaction() as connection:
            connection.execute(sa.insert(notifications), row)

    def claim(self, route: str, now: datetime) -> Delivery | None:
        """Take the notification of a route that is due for the longest time, and count the attempt.

        Notifications of one alert keep their order: each is delivered or given up before the next one.

        Args:
            route: name of the route.
            now: the moment, UTC.

        Returns:
            The notification, which no other process gets within ``CLAIM``; None if none is due.
        """
        at, found, earlier = (
            stored_time(now),
            notifications.alias("found"),
            notifications.alias("earlier"),
        )
        waits_for_other = sa.exists().where(
            earlier.c.route == found.c.route,
            earlier.c.alert_id == found.c.alert_id,
            earlier.c.number < found.c.number,
            earlier.c.state == DeliveryState.PENDING,
        )
        next_number = (
            sa.select(found.c.number)
            .where(
                found.c.route == route,
                found.c.state == DeliveryState.PENDING,
                found.c.next_attempt <= at,
                _is_free(found.c.claimed_until, at),
                ~waits_for_other,
            )
            .order_by(found.c.next_attempt, found.c.number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        claim = (
            sa.update(notifications)
            .where(_columns.number == next_number.scalar_subquery())
            .where(_is_free(_columns.claimed_until, at))
            .values(attempts=_columns.attempts + 1, claimed_until=at + CLAIM)
            .returning(*_columns)
        )
        with self._transaction() as connection:
            row = connection.execute(claim).mappings().one_or_none()
            return None if row is None else delivery_of(row)

    def delivered(self, delivery: Delivery, now: datetime) -> DeliveryState:
        """Record that a route accepted a notification; returns its new state."""
        values = {
            "state": DeliveryState.DELIVERED,
            "problem": "",
            "claimed_until": None,
            "ended_at": stored_time(now),
        }
        with self._transaction() as connection:
            is_it = _columns.number == delivery.number
            connection.execute(sa.update(notifications).where(is_it).values(values))
        return DeliveryState.DELIVERED

    def failed(
        self, delivery: Delivery, problem: str, now: datetime, waits: Sequence[int]
    ) -> DeliveryState:
        """Record that an attempt failed. A route that did not get an alert does not get its end either.

        Args:
            delivery: what was claimed.
            problem: what prevented it, without secrets.
            now: the moment, UTC.
            waits: seconds before each further attempt; after the last one it is undelivered.

        Returns:
            The new state.
        """
        is_last = delivery.attempts > len(waits)
        state = DeliveryState.UNDELIVERED if is_last else DeliveryState.PENDING
        wait = timedelta(seconds=0 if is_last else waits[delivery.attempts - 1])
        values = {
            "state": state,
            "problem": problem,
            "next_attempt": stored_time(now + wait),
            "claimed_until": None,
            "ended_at": stored_time(now) if is_last else None,
        }
        is_of_this_attempt = (
            (_columns.number == delivery.number)
            & (_columns.state == DeliveryState.PENDING)
            & (_columns.attempts == delivery.attempts)
        )
        with self._transaction() as connection:
            connection.execute(sa.update(notifications).where(is_of_this_attempt).values(values))
            if is_last:
                drop_unheard_ends(connection, delivery.route)
        return state

    def summarise(self, route: Route, now: datetime) -> None:
        """Write one notification about all that are held, unless there is one of the last hour.

        Args:
            route: the route.
            now: the moment, UTC.
        """
        own_id = secrets.token_hex(ID_LENGTH // 2)
        other = notifications.alias("other")
        is_recent = sa.exists().where(
            other.c.route == route.name,
            other.c.event == SUMMARY,
            other.c.created_at > stored_time(now - HOUR),
        )
        take = (
            sa.update(notifications)
            .where(_columns.route == route.name, _columns.state == DeliveryState.HELD, ~is_recent)
            .values(state=DeliveryState.SUMMARISED, summary=own_id, ended_at=stored_time(now))
            .returning(_columns.number, _columns.alert_id, _columns.event, _columns.title)
        )
        with self._transaction() as connection:
            taken = [tuple(row)[1:] for row in sorted(connection.execute(take))]
            if taken:
                summary = summary_of(own_id, route.level, taken, ONE_BY_ONE_AN_HOUR, origin())
                row = new_row(summary, route.name, DeliveryState.PENDING, now)
                connection.execute(sa.insert(notifications), row)

    def give_up_others(self, routes: Sequence[Route], now: datetime, waits: Sequence[int]) -> None:
        """Give up pending notifications of routes that are no longer configured, after all waits have passed.

        Args:
            routes: the routes that are configured.
            now: the moment, UTC.
            waits: seconds before each further attempt.
        """
        is_waiting = _columns.state.in_((DeliveryState.PENDING, DeliveryState.HELD))
        is_old = _columns.created_at <= stored_time(now - timedelta(seconds=sum(waits)))
        is_other = _columns.route.not_in([route.name for route in routes])
        values = {
            "state": DeliveryState.UNDELIVERED,
            "problem": "the route is not configured any more",
            "ended_at": stored_time(now),
        }
        query = sa.update(notifications).where(is_waiting, is_old, is_other).values(values)
        with self._transaction() as connection:
            connection.execute(query)


def _is_free(claimed_until: sa.ColumnElement[datetime], at: datetime) -> sa.ColumnElement[bool]:
    return claimed_until.is_(None) | (claimed_until <= at)
