"""The table of the online store: one row for each entity of each feature table."""

import sqlalchemy as sa

from ml_assets.content import KEY_LENGTH
from ml_assets.ledger.database import create_missing

metadata = sa.MetaData()

online_rows = sa.Table(
    "online_rows",
    metadata,
    sa.Column("table_name", sa.String(200), primary_key=True),
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("event_time", sa.DateTime, nullable=False),
    sa.Column("day", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("features", sa.Text, nullable=False),
    sa.Column("written_at", sa.DateTime, nullable=False),
    sa.Index("online_rows_of_day", "table_name", "day"),
)


def create_tables(connection: sa.Connection) -> None:
    """Create missing tables."""
    create_missing(connection, metadata)


def upsert(dialect: str) -> sa.Insert:
    """The statement that inserts rows, or replaces those of their entities that are not newer.

    Of two rows of equal event times, that of the later partition is newer.

    Args:
        dialect: SQLAlchemy's name of the database.
    """
    from sqlalchemy.dialects import postgresql, sqlite

    insert = (postgresql if dialect == "postgresql" else sqlite).insert(online_rows)
    given, stored = insert.excluded, online_rows.c
    is_newer = given.event_time > stored.event_time
    is_same_time = (given.event_time == stored.event_time) & (given.day >= stored.day)
    changed = ("event_time", "day", "features", "written_at")
    return insert.on_conflict_do_update(
        index_elements=[stored.table_name, stored.entity],
        set_={name: given[name] for name in changed},
        where=is_newer | is_same_time,
    )
