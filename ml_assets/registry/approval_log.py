"""Where approvals and rejections are kept: a table beside the ledger's that can only grow.

``record`` is the way in for persons, whichever surface they use: it refuses what can do nothing.
What follows from the records is in ``approvals``.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ml_assets.errors import ConfigurationError
from ml_assets.lake.content import DAY
from ml_assets.lake.database import Database
from ml_assets.lake.store import Lake
from ml_assets.registry.approvals import Action, Record, Standing, State, shown_time, standing
from ml_assets.registry.release import AWAITING, PASSED
from ml_assets.settings import settings

CONTINUES = (
    "The sensor {pipeline}__release continues the release; by hand: dagster asset materialize "
    "-m ml_assets.definitions --select group:{pipeline}__release --partition {as_of}"
)
"""What happens after an approval."""

UNITS = {"d": "days", "h": "hours"}
SHOWN_DAYS = 8

_approvals = sa.Table(
    "release_approvals",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("pipeline", sa.String(200), nullable=False),
    sa.Column("as_of", sa.String(10), nullable=False),
    sa.Column("action", sa.String(12), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.String(64), nullable=False),
    sa.Column("serves_from", sa.String(10), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime),
    sa.Index("release_approvals_of_day", "pipeline", "as_of", "id"),
)

GUARDS = {
    "sqlite": [
        """
        CREATE TRIGGER release_approvals_no_update BEFORE UPDATE ON release_approvals
        BEGIN SELECT RAISE(ABORT, 'release_approvals is append-only'); END
        """,
        """
        CREATE TRIGGER release_approvals_no_delete BEFORE DELETE ON release_approvals
        BEGIN SELECT RAISE(ABORT, 'release_approvals is append-only'); END
        """,
        """
        CREATE TRIGGER release_approvals_no_replace BEFORE INSERT ON release_approvals
        WHEN EXISTS (SELECT 1 FROM release_approvals WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'release_approvals is append-only'); END
        """,
    ],
    "postgresql": [
        """
        CREATE OR REPLACE FUNCTION release_approvals_refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'release_approvals is append-only'; END $$
        """,
        """
        CREATE TRIGGER release_approvals_no_change BEFORE UPDATE OR DELETE OR TRUNCATE
        ON release_approvals FOR EACH STATEMENT EXECUTE FUNCTION release_approvals_refuse()
        """,
    ],
}
"""Triggers by which the database itself refuses a change. REPLACE in SQLite is no DELETE to them."""


class ApprovalLog(Database):
    """Append-only record of what was said to releases.

    Args:
        url: SQLAlchemy URL, SQLite or Postgres; the table is created when it is missing.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, _create_table)

    @classmethod
    def of_project(cls) -> "ApprovalLog":
        """The log that the settings name."""
        return cls(settings().ledger_url)

    def append(self, record: Record) -> Record:
        """Add a record; returns it with its number."""
        row = {
            "pipeline": record.pipeline,
            "as_of": record.as_of,
            "action": record.action.value,
            "by": record.by,
            "reason": record.reason,
            "evidence": record.evidence,
            "serves_from": record.serves_from,
            "at": _stored_time(record.at),
            "expires_at": record.expires_at and _stored_time(record.expires_at),
        }
        with self._transaction() as connection:
            added = connection.execute(sa.insert(_approvals).returning(*_approvals.c), row).one()
        return _record(added)

    def records(self, pipeline: str, as_of: str | None = None) -> list[Record]:
        """Records of a pipeline, of one as-of day when it is given, in the order of appending."""
        query = sa.select(_approvals).where(_approvals.c.pipeline == pipeline)
        if as_of is not None:
            query = query.where(_approvals.c.as_of == as_of)
        with self._transaction() as connection:
            return [_record(row) for row in connection.execute(query.order_by(_approvals.c.id))]


def record(
    lake: Lake,
    log: ApprovalLog,
    *,
    pipeline: str,
    as_of: str,
    action: Action,
    by: str,
    reason: str,
    expires: str = "",
    now: datetime,
) -> Record:
    """Approve or reject a release that waits for it.

    An approved model serves from the first day that is not scored yet, so that scoring old days
    again gives the old result.

    Args:
        lake: where the release decision is.
        log: where the record goes.
        pipeline: whose release.
        as_of: its as-of day.
        action: approve or reject.
        by: who says so.
        reason: why.
        expires: how long an approval is valid, '7d' or '12h'; empty for always.
        now: the moment, UTC.

    Returns:
        What was appended.

    Raises:
        ConfigurationError: an argument cannot be used, or the release waits for no such thing.
    """
    day = _day(as_of)
    by, reason = _words("by", by), _words("reason", reason)
    expires_at = _expiry(action, expires, now)
    decision = _decision(lake, pipeline, day)
    _refuse_unless_waiting(decision, pipeline, day)
    evidence = decision["evidence"]
    _refuse_if_final(standing(log.records(pipeline, day), evidence, now), pipeline, day)
    if action is Action.APPROVE:
        _refuse_if_replaced(lake, pipeline, day)
    return log.append(
        Record(
            pipeline=pipeline,
            as_of=day,
            action=action,
            by=by,
            reason=reason,
            evidence=evidence,
            serves_from="" if action is Action.REJECT else _serves_from(lake, pipeline, day),
            at=now,
            expires_at=expires_at,
        )
    )


def describe(record: Record) -> str:
    """What was recorded and what happens now, for who said it."""
    of_what = f"{record.pipeline} as of {record.as_of}, evidence {record.evidence}"
    if record.action is Action.REJECT:
        return (
            f"Recorded {record.name} of {of_what}. It is final for this evidence: the model is not "
            "released."
        )
    until = f"until {shown_time(record.expires_at)}" if record.expires_at else "for always"
    continues = CONTINUES.format(pipeline=record.pipeline, as_of=record.as_of)
    return (
        f"Recorded {record.name} of {of_what}. It is valid {until}, and the model serves from "
        f"{record.serves_from} on. {continues}"
    )


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ConfigurationError(
            f"'{text}' is not a day. Expected an as-of day, for example '2013-07-09'."
        ) from None


def _words(name: str, text: str) -> str:
    """A text on one line."""
    words = " ".join(text.split())
    if not words or not words.isprintable():
        raise ConfigurationError(f"'{name}' is empty or not readable. Say it in words.")
    return words


def _expiry(action: Action, text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    if action is Action.REJECT:
        raise ConfigurationError("A rejection is final and does not expire. Leave 'expires' empty.")
    if not re.fullmatch(r"[1-9]\d{0,3}[dh]", text, re.ASCII):
        raise ConfigurationError(
            f"'{text}' does not say when an approval expires. Expected days or hours, for example "
            "'7d' or '12h'."
        )
    return now + timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def _decision(lake: Lake, pipeline: str, day: str) -> Mapping[Any, Any]:
    table = f"{pipeline}/release_decision"
    decided = lake.days_stored(table)
    if day in decided:
        return lake.read(table, [day]).iloc[0].to_dict()
    if not decided:
        raise ConfigurationError(
            f"No release of {pipeline} was decided yet, so none waits for approval."
        )
    earlier = f", and {more} earlier ones" if (more := len(decided[:-SHOWN_DAYS])) else ""
    raise ConfigurationError(
        f"There is no release decision of {pipeline} as of {day}. Decided are "
        f"{', '.join(decided[-SHOWN_DAYS:])}{earlier}. Name one of them."
    )


def _refuse_unless_waiting(decision: Mapping[Any, Any], pipeline: str, day: str) -> None:
    release = f"The release of {pipeline} as of {day}"
    if decision["verdict"] == PASSED:
        raise ConfigurationError(
            f"{release} passed its gates, so there is nothing to approve or reject."
        )
    if decision["verdict"] != AWAITING:
        raise ConfigurationError(
            f"{release} is blocked for want of valid evidence, and nobody can approve what was not "
            f"shown: {decision['reason']}. Repair that and materialize the release again."
        )


def _refuse_if_final(found: Standing, pipeline: str, day: str) -> None:
    release, said = f"The release of {pipeline} as of {day}", found.record
    if said and found.state is State.RELEASED:
        raise ConfigurationError(
            f"{release} was released already, by {said.name}. Only a later release replaces it."
        )
    if said and found.state is State.REJECTED:
        raise ConfigurationError(
            f"{release} was rejected already ({said.name}: {said.reason}). That is final for this "
            "evidence: train another model, or decide on other evidence."
        )


def _refuse_if_replaced(lake: Lake, pipeline: str, day: str) -> None:
    """A model of an older day would be released and never serve."""
    table = f"{pipeline}/champion"
    later = [stored for stored in lake.days_stored(table) if stored > day]
    if later and len(newer := lake.read(table, later)):
        raise ConfigurationError(
            f"The model of {pipeline} as of {newer[DAY].max()} was released since and is newer, so that "
            f"of {day} would never serve. Train and judge a model as of a later day."
        )


def _serves_from(lake: Lake, pipeline: str, as_of: str) -> str:
    """The first day from the as-of day on after all that is scored."""
    scored = lake.days_stored(f"{pipeline}/predictions")
    if not scored:
        return as_of
    return max(as_of, (date.fromisoformat(scored[-1]) + timedelta(days=1)).isoformat())


def _record(row: sa.Row) -> Record:  # type: ignore[type-arg]
    return Record(
        pipeline=row.pipeline,
        as_of=row.as_of,
        action=Action(row.action),
        by=row.by,
        reason=row.reason,
        evidence=row.evidence,
        serves_from=row.serves_from,
        at=row.at.replace(tzinfo=UTC),
        expires_at=row.expires_at and row.expires_at.replace(tzinfo=UTC),
        number=row.id,
    )


def _stored_time(moment: datetime) -> datetime:
    """UTC without saying so: SQLite keeps no time zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _create_table(connection: sa.Connection) -> None:
    """Create the table with its guards, both or neither."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")  # its driver begins no transaction before a CREATE
    if sa.inspect(connection).has_table(_approvals.name):
        return
    _approvals.create(connection)
    for guard in GUARDS[connection.dialect.name]:
        connection.execute(sa.text(guard))
