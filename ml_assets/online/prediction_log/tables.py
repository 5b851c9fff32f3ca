"""The tables of the prediction log: one row for each event, and what was erased."""

from functools import cache

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningInsert

from ml_assets.content import KEY_LENGTH
from ml_assets.ledger.append_only import create_append_only
from ml_assets.ledger.database import create_missing

metadata = sa.MetaData()

EVENT_ID_LENGTH = 200

logged_predictions = sa.Table(
    "logged_predictions",
    metadata,
    sa.Column("event_id", sa.String(EVENT_ID_LENGTH), primary_key=True),
    sa.Column("pipeline", sa.String(200), nullable=False),
    sa.Column("day", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("prediction_id", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("answered_at", sa.DateTime, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("features", sa.Text, nullable=False),
    sa.Column("ages", sa.Text, nullable=False),
    sa.Column("missing", sa.Text, nullable=False),
    sa.Column("stale", sa.Text, nullable=False),
    sa.Column("prediction", sa.Text, nullable=False),
    sa.Column("model_version", sa.String(200), nullable=False),
    sa.Column("model_as_of", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("latency_ms", sa.Float(53), nullable=False),
    sa.Column("ensemble", sa.Text),
    sa.Index("logged_predictions_of_day", "pipeline", "day"),
)

erased_events = sa.Table(
    "erased_events",
    metadata,
    sa.Column("event_id", sa.String(EVENT_ID_LENGTH), primary_key=True),
    sa.Column("erasure", sa.Integer, primary_key=True, autoincrement=False),
)
"""Events of erasures of entities; of whole days, the day tells it."""

erasures = sa.Table(
    "prediction_log_erasures",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("pipeline", sa.String(200), nullable=False),
    sa.Column("day", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("values_hash", sa.String(200), nullable=False),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
)


def create_tables(connection: sa.Connection) -> None:
    """Create missing tables."""
    create_missing(connection, metadata)
    create_append_only(connection, erasures)


@cache
def insert_new(dialect: str) -> ReturningInsert[tuple[str]]:
    """The statement that inserts events but those whose id is logged, and returns the inserted ids.

    Args:
        dialect: SQLAlchemy's name of the database.
    """
    from sqlalchemy.dialects import postgresql, sqlite

    insert = (postgresql if dialect == "postgresql" else sqlite).insert(logged_predictions)
    event_id = logged_predictions.c.event_id
    return insert.on_conflict_do_nothing(index_elements=[event_id]).returning(event_id)
