"""Evaluations are stored in the order in which they began to read: an older view never follows a newer one.

Numbers of the ledger's database order them, as clocks of several machines differ.
"""

from datetime import UTC, datetime

import sqlalchemy as sa

from ml_assets.errors import EvaluationOvertaken
from ml_assets.ledger.database import create_missing, stored_time
from ml_assets.ledger.rows import insert_missing

_metadata = sa.MetaData()

_evaluations = sa.Table(
    "alert_evaluations",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("begun", sa.Integer, nullable=False),
    sa.Column("stored", sa.Integer, nullable=False),
    sa.Column("stored_at", sa.DateTime),
)
"""One row: the numbers of the evaluations that began last, and that was stored last, and when that was."""


def begin(connection: sa.Connection) -> int:
    """The number of an evaluation that begins to read now, greater than all before.

    Args:
        connection: a connection in a transaction.
    """
    insert_missing(connection, _evaluations, [{"id": 1, "begun": 0, "stored": 0}])
    one_more = sa.update(_evaluations).values(begun=_evaluations.c.begun + 1)
    return connection.execute(one_more.returning(_evaluations.c.begun)).scalar_one()


def refuse_overtaken(connection: sa.Connection, number: int, now: datetime) -> None:
    """Record that an evaluation is stored, unless one that began later is.

    Args:
        connection: a connection in the transaction that stores it.
        number: its number.
        now: the moment, UTC.

    Raises:
        EvaluationOvertaken: an evaluation that began later is stored.
    """
    is_newest = _evaluations.c.stored < number
    newest = {"stored": number, "stored_at": stored_time(now)}
    recorded = connection.execute(sa.update(_evaluations).where(is_newest).values(newest))
    if not recorded.rowcount:
        raise EvaluationOvertaken(
            "This evaluation of alerts was discarded, because one that began later is already stored. Expected "
            "one evaluation at a time. To list the open alerts, run: ml-assets alerts list"
        )


def last_stored_at(connection: sa.Connection) -> datetime | None:
    """When an evaluation was stored last, UTC; None for never.

    Args:
        connection: a connection.
    """
    found = connection.scalar(sa.select(_evaluations.c.stored_at))
    return found.replace(tzinfo=UTC) if found else None


def create_evaluations(connection: sa.Connection) -> None:
    """Create the table if it is missing."""
    create_missing(connection, _metadata)
