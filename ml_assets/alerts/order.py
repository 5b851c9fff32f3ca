"""Evaluations are stored in the order in which they began to read: an older view never follows a newer one.

Numbers of the ledger's database order them, as clocks of several machines differ.
"""

import sqlalchemy as sa

from ml_assets.errors import EvaluationOvertaken
from ml_assets.ledger.database import create_missing
from ml_assets.ledger.rows import insert_missing

_metadata = sa.MetaData()

_evaluations = sa.Table(
    "alert_evaluations",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("begun", sa.Integer, nullable=False),
    sa.Column("stored", sa.Integer, nullable=False),
)
"""One row: the numbers of the evaluations that began last, and that was stored last."""


def begin(connection: sa.Connection) -> int:
    """The number of an evaluation that begins to read now, greater than all before.

    Args:
        connection: a connection in a transaction.
    """
    insert_missing(connection, _evaluations, [{"id": 1, "begun": 0, "stored": 0}])
    one_more = sa.update(_evaluations).values(begun=_evaluations.c.begun + 1)
    return connection.execute(one_more.returning(_evaluations.c.begun)).scalar_one()


def refuse_overtaken(connection: sa.Connection, number: int) -> None:
    """Record that an evaluation is stored, unless one that began later is.

    Args:
        connection: a connection in the transaction that stores it.
        number: its number.

    Raises:
        EvaluationOvertaken: an evaluation that began later is stored.
    """
    is_newest = _evaluations.c.stored < number
    recorded = connection.execute(sa.update(_evaluations).where(is_newest).values(stored=number))
    if not recorded.rowcount:
        raise EvaluationOvertaken(
            "This evaluation of alerts changes nothing, as one that began later is stored already. Expected "
            "is one at a time; what is open now: ml-assets alerts list"
        )


def create_evaluations(connection: sa.Connection) -> None:
    """Create the table if it is missing."""
    create_missing(connection, _metadata)
