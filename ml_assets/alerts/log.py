"""Alerts and what happened to them, in the ledger's database.

``alerts`` has one row for each alert; ``alert_events`` only grows. Whoever changes alerts reads them, decides
and writes in one transaction that excludes all others, so that sensors and commands may run at the same time.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ml_assets.alerts.alert import ID_LENGTH, Alert, AlertState, Change
from ml_assets.alerts.delivery.enqueuing import enqueue
from ml_assets.alerts.delivery.routes import Route
from ml_assets.alerts.delivery.tables import create_notifications
from ml_assets.alerts.finding import Level
from ml_assets.alerts.order import begin, create_evaluations, last_stored_at, refuse_overtaken
from ml_assets.alerts.state import Evaluation, changes
from ml_assets.content import KEY_LENGTH
from ml_assets.database_url import without_passwords
from ml_assets.errors import ConfigurationError
from ml_assets.ledger.append_only import create_append_only
from ml_assets.ledger.database import LedgerDatabase, create_missing, stored_time
from ml_assets.names import suggestion

_metadata = sa.MetaData()

_alerts = sa.Table(
    "alerts",
    _metadata,
    sa.Column("id", sa.String(ID_LENGTH), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("level", sa.String(12), nullable=False),
    sa.Column("pipeline", sa.String(200), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("segment", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("since", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("until", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("first_seen", sa.DateTime, nullable=False),
    sa.Column("last_seen", sa.DateTime, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("acted_at", sa.DateTime),
    sa.Column("silenced_until", sa.DateTime),
    sa.Column("recovered_at", sa.DateTime),
    sa.Column("occurrence", sa.Text),
    sa.Index("alerts_not_recovered", "recovered_at"),
)

_events = sa.Table(
    "alert_events",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("alert_id", sa.String(ID_LENGTH), nullable=False),
    sa.Column("event", sa.String(12), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("level", sa.String(12), nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Index("alert_events_of_alert", "alert_id", "id"),
)

_TIMES = ("first_seen", "last_seen", "acted_at", "silenced_until", "recovered_at")

_CHANGE_NOTHING = sa.update(_alerts).where(_alerts.c.id == "").values(id="")
"""Takes SQLite's lock of a writer, and writes nothing: no alert has an empty ID."""

_EXCLUDE_WRITERS = sa.text("LOCK TABLE alerts IN SHARE ROW EXCLUSIVE MODE")


@dataclass(frozen=True)
class AlertEvent:
    """Something that happened to an alert; never changed.

    Attributes:
        number: increases.
        alert_id: the alert.
        event: one of ``alert.Event``.
        at: when, UTC.
        by: the person; empty if no person did it.
        reason: the person's reason, if any.
        level: level of the alert then.
        count: its count then.
        message: its message then.
    """

    number: int
    alert_id: str
    event: str
    at: datetime
    by: str
    reason: str
    level: Level
    count: int
    message: str


class AlertLog(LedgerDatabase):
    """Alerts and their events.

    Args:
        url: SQLAlchemy URL, SQLite or Postgres; the tables are created when they are missing.
        routes: who is told of changes; what is told is written with them.
    """

    def __init__(self, url: str | sa.URL, routes: Sequence[Route] = ()) -> None:
        super().__init__(url, _create_tables)
        self._routes = routes

    def alerts(
        self, pipeline: str | None = None, states: Collection[AlertState] | None = None
    ) -> list[Alert]:
        """Alerts, those that were seen first at the beginning.

        Args:
            pipeline: of this pipeline only.
            states: in one of these states only.
        """
        query = sa.select(_alerts).order_by(_alerts.c.first_seen, _alerts.c.id)
        if pipeline is not None:
            query = query.where(_alerts.c.pipeline == pipeline)
        if states is not None:
            query = query.where(_alerts.c.state.in_([state.value for state in states]))
        with self._transaction() as connection:
            return _found(connection, query)

    def alert(self, alert_id: str) -> Alert:
        """One alert.

        Raises:
            ConfigurationError: there is no such alert.
        """
        with self._transaction() as connection:
            return _one(connection, alert_id)

    def events(self, alert_id: str) -> list[AlertEvent]:
        """The events of an alert, in their order."""
        query = sa.select(_events).where(_events.c.alert_id == alert_id).order_by(_events.c.id)
        with self._transaction() as connection:
            return [_event(row) for row in connection.execute(query).mappings()]

    def begin(self) -> int:
        """The number of an evaluation whose sources are read from now on."""
        with self._only_writer() as connection:
            return begin(connection)

    def last_evaluated(self) -> datetime | None:
        """When an evaluation was stored last, UTC; None for never."""
        with self._transaction() as connection:
            return last_stored_at(connection)

    def update(self, evaluation: Evaluation, now: datetime) -> list[Change]:
        """Store what an evaluation changes, and return it.

        Args:
            evaluation: what the sources found.
            now: the moment of the evaluation, UTC.

        Raises:
            EvaluationOvertaken: one that began later is stored; nothing is changed.
        """
        with self._only_writer() as connection:
            if evaluation.number is not None:
                refuse_overtaken(connection, evaluation.number, now)
            known = _found(connection, sa.select(_alerts).where(_alerts.c.recovered_at.is_(None)))
            taken = {*connection.scalars(sa.select(_alerts.c.id))}
            found = changes(known, _without_passwords(evaluation), now, taken)
            _store(connection, found, {alert.id: alert for alert in known})
            _append(connection, _notable(found, known), now)
            enqueue(connection, found, self._routes, now)
        return found

    def act(
        self, alert_id: str, action: Callable[[Alert], Change], *, now: datetime, reason: str = ""
    ) -> Change:
        """Store what a person does with an alert.

        Args:
            alert_id: the alert.
            action: a function of ``actions``, with its arguments.
            now: the moment, UTC.
            reason: the person's reason.

        Raises:
            ConfigurationError: there is no such alert, or the action is not possible.
        """
        with self._only_writer() as connection:
            before = _one(connection, alert_id)
            change = action(before)
            _store(connection, [change], {before.id: before})
            _append(connection, [change], now, by=change.alert.by, reason=reason)
            enqueue(connection, [change], self._routes, now)
        return change

    @contextmanager
    def _only_writer(self) -> Iterator[sa.Connection]:
        with self._transaction() as connection:
            is_sqlite = connection.dialect.name == "sqlite"
            connection.execute(_CHANGE_NOTHING if is_sqlite else _EXCLUDE_WRITERS)
            yield connection


def _without_passwords(evaluation: Evaluation) -> Evaluation:
    """An evaluation whose messages can be stored and sent, as they may quote any error."""
    findings = [replace(one, message=without_passwords(one.message)) for one in evaluation.findings]
    return replace(evaluation, findings=findings)


def _notable(found: Sequence[Change], known: Sequence[Alert]) -> list[Change]:
    """Changes without those that found the same as before."""
    counts = {alert.id: alert.count for alert in known}
    return [
        one for one in found if one.event != "repeated" or one.alert.count > counts[one.alert.id]
    ]


def _store(connection: sa.Connection, found: Sequence[Change], known: Collection[str]) -> None:
    for change in found:
        row = _row(change.alert)
        if change.alert.id in known:
            connection.execute(sa.update(_alerts).where(_alerts.c.id == change.alert.id), row)
        else:
            connection.execute(sa.insert(_alerts), row)


def _append(
    connection: sa.Connection,
    found: Sequence[Change],
    now: datetime,
    *,
    by: str = "",
    reason: str = "",
) -> None:
    rows = [
        {
            "alert_id": change.alert.id,
            "event": change.event,
            "at": stored_time(now),
            "by": by,
            "reason": reason or change.reason,
            "level": change.alert.level.value,
            "count": change.alert.count,
            "message": change.alert.message,
        }
        for change in found
    ]
    if rows:
        connection.execute(sa.insert(_events), rows)


def _one(connection: sa.Connection, alert_id: str) -> Alert:
    found = _found(connection, sa.select(_alerts).where(_alerts.c.id == alert_id))
    if found:
        return found[0]
    similar = suggestion(alert_id, {*connection.scalars(sa.select(_alerts.c.id))})
    raise ConfigurationError(
        f"There is no alert '{alert_id}'.{similar} IDs are in the output of: ml-assets alerts list"
    )


def _found(connection: sa.Connection, query: sa.Select[Any]) -> list[Alert]:
    return [_alert(row) for row in connection.execute(query).mappings()]


def _row(alert: Alert) -> dict[str, Any]:
    values = asdict(alert) | {"level": alert.level.value, "state": alert.state.value}
    return values | {name: values[name] and stored_time(values[name]) for name in _TIMES}


def _alert(row: sa.RowMapping) -> Alert:
    values = {field.name: row[field.name] for field in fields(Alert)}
    times = {name: values[name] and values[name].replace(tzinfo=UTC) for name in _TIMES}
    converted = {
        "level": Level(row["level"]),
        "state": AlertState(row["state"]),
        "occurrence": row["occurrence"] or "",  # null in rows of earlier versions
    }
    return Alert(**values | times | converted)


def _event(row: sa.RowMapping) -> AlertEvent:
    values = {name: row[name] for name in row if name not in ("id", "at", "level")}
    at, level = row["at"].replace(tzinfo=UTC), Level(row["level"])
    return AlertEvent(number=row["id"], at=at, level=level, **values)


def _create_tables(connection: sa.Connection) -> None:
    create_missing(connection, _metadata)
    create_append_only(connection, _events)
    create_notifications(connection)
    create_evaluations(connection)
