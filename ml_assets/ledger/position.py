"""How much was recorded so far: whoever shows what is stored reads it again when that changed."""

from collections.abc import Sequence

import sqlalchemy as sa

from ml_assets.ledger.database import LedgerDatabase
from ml_assets.ledger.tables import create_tables
from ml_assets.ledger.tables import entries as _entries


class Position(LedgerDatabase):
    """The newest rows of tables that only grow.

    Args:
        url: SQLAlchemy URL of the ledger.
        others: names of tables with growing numbers ``id`` in its database, beside the entries.
    """

    def __init__(self, url: str | sa.URL, others: Sequence[str] = ()) -> None:
        super().__init__(url, create_tables)
        self._tables = [_entries, *(sa.table(name, sa.column("id")) for name in others)]

    def now(self) -> tuple[int, ...]:
        """Number of the newest row of each table; 0 for one that is empty or missing."""
        with self._transaction() as connection:
            known = {*sa.inspect(connection).get_table_names()}
            return tuple(
                connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
                if table.name in known
                else 0
                for table in self._tables
            )
