"""Questions about the latest entries of all tables, without reading those of every day."""

from datetime import UTC, datetime

import sqlalchemy as sa

from ml_assets.cadence import Span
from ml_assets.ledger.database import LedgerDatabase, stored_time
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.rows import entry_of, with_schema
from ml_assets.ledger.tables import create_tables
from ml_assets.ledger.tables import entries as _entries


class Overview(LedgerDatabase):
    """The latest entries of a ledger.

    Args:
        url: URL of the ledger.
    """

    def __init__(self, url: str | sa.URL) -> None:
        super().__init__(url, create_tables)

    def quarantined(self) -> list[Entry]:
        """The entries of days that are quarantined, by table and day (without ``reads``)."""
        query = with_schema().where(
            _entries.c.status == Status.QUARANTINED.value, _is_latest(_entries)
        )
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(_entries.c.table_name, _entries.c.day))
            return [entry_of(row) for row in rows]

    def written_since(self, moment: datetime) -> list[str]:
        """Tables of which a day is being written, since this moment or later.

        Args:
            moment: UTC; what is written for longer is of a run that was killed.
        """
        query = (
            sa.select(_entries.c.table_name)
            .where(
                _entries.c.status == Status.WRITING.value,
                _entries.c.written_at >= stored_time(moment),
                _is_latest(_entries),
            )
            .distinct()
        )
        with self._transaction() as connection:
            return sorted(connection.scalars(query))

    def tables_with_dead_letters(self) -> list[str]:
        """Tables with a stored day of which rows were rejected."""
        query = (
            sa.select(_entries.c.table_name)
            .where(
                _entries.c.dead_letters > 0,
                _entries.c.status == Status.STORED.value,
                _is_latest(_entries),
            )
            .distinct()
        )
        with self._transaction() as connection:
            return sorted(connection.scalars(query))

    def last_stored(self, table: str, until: str) -> str | None:
        """The last stored day of a table up to a day; None for none."""
        query = (
            sa.select(_entries.c.day)
            .where(
                _entries.c.table_name == table,
                _entries.c.day <= until,
                _entries.c.status == Status.STORED.value,
                _is_latest(_entries),
            )
            .order_by(_entries.c.day.desc())
            .limit(1)
        )
        with self._transaction() as connection:
            return connection.scalar(query)

    def first_stored(self, table: str) -> str | None:
        """The first day of a table that was ever stored; None for none."""
        query = (
            sa.select(_entries.c.day)
            .where(_entries.c.table_name == table, _entries.c.status == Status.STORED.value)
            .order_by(_entries.c.day)
            .limit(1)
        )
        with self._transaction() as connection:
            return connection.scalar(query)

    def first_times(self, table: str, span: Span) -> dict[str, datetime]:
        """Day of a span → when it was stored for the first time, UTC."""
        query = (
            sa.select(_entries.c.day, sa.func.min(_entries.c.written_at).label("at"))
            .where(
                _entries.c.table_name == table,
                _entries.c.day.between(span.first, span.last),
                _entries.c.status == Status.STORED.value,
            )
            .group_by(_entries.c.day)
        )
        with self._transaction() as connection:
            return {row.day: row.at.replace(tzinfo=UTC) for row in connection.execute(query)}


def _is_latest(entries: sa.Table) -> sa.ColumnElement[bool]:
    later = entries.alias("later")
    return ~sa.exists().where(
        later.c.table_name == entries.c.table_name,
        later.c.day == entries.c.day,
        later.c.id > entries.c.id,
    )
