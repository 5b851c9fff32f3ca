"""Writes notifications of changes in the transaction that stores the changes: either both are kept, or none."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from ml_assets.alerts.alert import AlertState, Change
from ml_assets.alerts.delivery.notification import RESOLVED, notification_of
from ml_assets.alerts.delivery.origin import origin
from ml_assets.alerts.delivery.routes import Route, keeps_incidents
from ml_assets.alerts.delivery.tables import ONE_BY_ONE, DeliveryState, new_row, notifications
from ml_assets.alerts.finding import Level
from ml_assets.ledger.database import stored_time
from ml_assets.ledger.rows import insert_missing

ONE_BY_ONE_AN_HOUR = 20
"""Single notifications of alerts to a route within an hour; further alerts are sent in a summary."""

HOUR = timedelta(hours=1)

_columns = notifications.c


def enqueue(
    connection: sa.Connection, changes: Sequence[Change], routes: Sequence[Route], now: datetime
) -> None:
    """Write the notifications of changes of alerts.

    A route gets the alerts of its level, and the end of each alert that it got: on its own, or in a summary if the
    alert was in a summary. An open alert that was opened or raised without routes of its level is sent at its next
    repeat.

    Args:
        connection: a connection in the transaction that stores the changes.
        changes: the changes, in their order; those that no route gets are left out.
        routes: the routes that this process knows. Ends are also written for others, which another process knows.
        now: when the changes were made, UTC.
    """
    for route in routes:
        _rename_former(connection, route)
    for change in _with_untold(connection, changes) if routes else changes:
        names = _names(connection, change, routes, now)
        if names:
            notification = notification_of(change, origin())
            rows = [new_row(notification, name, state, now) for name, state in names.items()]
            insert_missing(connection, notifications, rows)


def _with_untold(connection: sa.Connection, changes: Sequence[Change]) -> list[Change]:
    """Changes in which the repeat of an open alert that was not sent at its level counts as opened or raised."""
    repeated = [
        change.alert.id
        for change in changes
        if change.event == "repeated" and change.alert.state is AlertState.OPEN
    ]
    query = sa.select(_columns.alert_id, _columns.level).where(_columns.alert_id.in_(repeated))
    told = {(alert_id, Level(level)) for alert_id, level in connection.execute(query.distinct())}
    untold = {*repeated} - {alert_id for alert_id, _ in told}

    def first_told(change: Change) -> Change:
        alert = change.alert
        if alert.id not in repeated or (alert.id, alert.level) in told:
            return change
        return replace(change, event="opened" if alert.id in untold else "raised")

    return [first_told(change) for change in changes]


def _rename_former(connection: sa.Connection, route: Route) -> None:
    """Give notifications that an earlier version wrote for a route the name that it has now."""
    own = notifications.alias("own")
    is_there = sa.exists().where(own.c.id == _columns.id, own.c.route == route.name)
    former = sa.update(notifications).where(_columns.route == route.former_name, ~is_there)
    connection.execute(former.values(route=route.name))


def _names(
    connection: sa.Connection, change: Change, routes: Sequence[Route], now: datetime
) -> dict[str, DeliveryState]:
    """Name of each route that gets a change → the first state of its notification."""
    if change.event == RESOLVED:
        told = _told_of(connection, change.alert.id)
        return {
            name: state for name, state in told.items() if change.is_told or keeps_incidents(name)
        }
    names = [route.name for route in routes if route.level is change.alert.level]
    return {name: _one_more(connection, name, now) for name in names if change.is_told}


def _one_more(connection: sa.Connection, route: str, now: datetime) -> DeliveryState:
    """The state of a further notification, after those of the last hour; what is over does not count."""
    query = sa.select(sa.func.count()).where(
        _columns.route == route,
        _columns.state.in_(ONE_BY_ONE),
        _columns.event != RESOLVED,
        _columns.created_at > stored_time(now - HOUR),
    )
    is_full = (connection.scalar(query) or 0) >= ONE_BY_ONE_AN_HOUR
    return DeliveryState.HELD if is_full else DeliveryState.PENDING


def _told_of(connection: sa.Connection, alert_id: str) -> dict[str, DeliveryState]:
    """Route → the first state of the notification that an alert ended: single or in a summary, as the alert was sent."""
    is_single = sa.func.max(sa.case((_columns.state.in_(ONE_BY_ONE), 1), else_=0))
    query = (
        sa.select(_columns.route, is_single)
        .where(_columns.alert_id == alert_id, _is_heard(notifications))
        .group_by(_columns.route)
    )
    return {
        route: DeliveryState.PENDING if single else DeliveryState.HELD
        for route, single in connection.execute(query)
    }


def drop_unheard_ends(connection: sa.Connection, route: str) -> None:
    """Delete pending ends of alerts that a route did not get.

    Args:
        connection: a connection in the transaction that gives up a notification.
        route: name of the route.
    """
    told = notifications.alias("told")
    is_heard = sa.exists().where(
        told.c.route == route, told.c.alert_id == _columns.alert_id, _is_heard(told)
    )
    is_waiting = _columns.state.in_((DeliveryState.PENDING, DeliveryState.HELD))
    ends = (_columns.route == route) & (_columns.event == RESOLVED) & is_waiting
    connection.execute(sa.delete(notifications).where(ends, ~is_heard))


def _is_heard(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether neither a notification of an alert nor its summary was given up."""
    summary = notifications.alias("summary")
    is_lost = sa.exists().where(
        summary.c.id == table.c.summary,
        summary.c.route == table.c.route,
        summary.c.state == DeliveryState.UNDELIVERED,
    )
    return (table.c.event != RESOLVED) & (table.c.state != DeliveryState.UNDELIVERED) & ~is_lost
