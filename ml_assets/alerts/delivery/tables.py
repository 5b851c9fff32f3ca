"""The table of notifications in the ledger's database: one row for each notification and route."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from ml_assets.alerts.delivery.notification import Notification
from ml_assets.alerts.finding import Level
from ml_assets.ledger.database import create_missing, stored_time

ROUTE_LENGTH = 80

_metadata = sa.MetaData()

notifications = sa.Table(
    "alert_notifications",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(16), nullable=False),
    sa.Column("route", sa.String(ROUTE_LENGTH), nullable=False),
    sa.Column("alert_id", sa.String(16), nullable=False),
    sa.Column("level", sa.String(12), nullable=False),
    sa.Column("event", sa.String(12), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("summary", sa.String(16), nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("next_attempt", sa.DateTime, nullable=False),
    sa.Column("claimed_until", sa.DateTime),
    sa.Column("ended_at", sa.DateTime),
    sa.UniqueConstraint("id", "route", name="alert_notifications_once"),
    sa.Index("alert_notifications_due", "route", "state", "next_attempt"),
    sa.Index("alert_notifications_of_alert", "alert_id", "route"),
)


class DeliveryState(StrEnum):
    """How far a notification got on a route."""

    PENDING = "pending"
    """It is still to be sent, or to be sent again."""

    DELIVERED = "delivered"
    """The route accepted it."""

    UNDELIVERED = "undelivered"
    """The route did not accept it in any attempt."""

    HELD = "held"
    """It came after many others and waits for a summary."""

    SUMMARISED = "summarised"
    """It is part of a summary, which is a notification of its own."""


ONE_BY_ONE = (DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.UNDELIVERED)
"""States of single notifications."""


@dataclass(frozen=True)
class Delivery:
    """A notification on its way to a route.

    Attributes:
        number: increases in the order in which notifications are written.
        route: name of the route.
        notification: what is sent.
        state: state of the delivery.
        attempts: how often it was sent, or a process began to.
        problem: what prevented the last attempt; empty if nothing did.
        summary: ID of the notification that tells it together with others; empty if none does.
        created_at: when it was written, UTC.
        next_attempt: when it is due, UTC.
        ended_at: when it was delivered or given up, UTC.
    """

    number: int
    route: str
    notification: Notification
    state: DeliveryState
    attempts: int
    problem: str
    summary: str
    created_at: datetime
    next_attempt: datetime
    ended_at: datetime | None


def new_row(
    notification: Notification, route: str, state: DeliveryState, now: datetime
) -> dict[str, object]:
    """The row of a notification that was not sent yet."""
    return {
        "id": notification.id,
        "route": route,
        "alert_id": notification.alert_id,
        "level": notification.level.value,
        "event": notification.event,
        "title": notification.title,
        "body": notification.body,
        "state": state.value,
        "attempts": 0,
        "problem": "",
        "summary": "",
        "created_at": stored_time(now),
        "next_attempt": stored_time(now),
    }


def delivery_of(row: sa.RowMapping) -> Delivery:
    """The delivery of a row."""
    created_at, next_attempt = (
        row[name].replace(tzinfo=UTC) for name in ("created_at", "next_attempt")
    )
    return Delivery(
        number=row["number"],
        route=row["route"],
        notification=Notification(
            level=Level(row["level"]),
            **{name: row[name] for name in ("id", "alert_id", "event", "title", "body")},
        ),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        problem=row["problem"],
        summary=row["summary"],
        created_at=created_at,
        next_attempt=next_attempt,
        ended_at=row["ended_at"] and row["ended_at"].replace(tzinfo=UTC),
    )


def create_notifications(connection: sa.Connection) -> None:
    """Create the table if it is missing."""
    create_missing(connection, _metadata)
