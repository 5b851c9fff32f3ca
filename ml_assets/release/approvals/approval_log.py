"""Append-only table of approvals and rejections, in the ledger's database.

``actions`` adds records, ``approvals`` evaluates them.
"""

from dataclasses import asdict
from datetime import UTC

import sqlalchemy as sa

from ml_assets.content import KEY_LENGTH
from ml_assets.ledger.append_only import create_append_only
from ml_assets.ledger.database import LedgerDatabase, stored_time
from ml_assets.release.approvals.approvals import Action, Record

_approvals = sa.Table(
    "release_approvals",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("pipeline", sa.String(200), nullable=False),
    sa.Column("as_of", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("action", sa.String(12), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.String(64), nullable=False),
    sa.Column("serves_from", sa.String(KEY_LENGTH), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime),
    sa.Index("release_approvals_of_day", "pipeline", "as_of", "id"),
)


class ApprovalLog(LedgerDatabase):
    """Append-only log of approvals and rejections.

    Args:
        url: SQLAlchemy URL, SQLite or Postgres; the table is created when it is missing.
    """

    def __init__(self, url: str | sa.URL) -> None:
        super().__init__(url, _create_table)

    def append(self, record: Record) -> Record:
        """Add a record; returns it with its number."""
        row = {name: value for name, value in asdict(record).items() if name in _approvals.c} | {
            "action": record.action.value,
            "at": stored_time(record.at),
            "expires_at": record.expires_at and stored_time(record.expires_at),
        }
        with self._transaction() as connection:
            added = connection.execute(sa.insert(_approvals).returning(*_approvals.c), row)
            return _record(added.mappings().one())

    def records(self, pipeline: str, as_of: str | None = None) -> list[Record]:
        """Records of a pipeline, or of one as-of day, in the order of appending."""
        query = sa.select(_approvals).where(_approvals.c.pipeline == pipeline)
        if as_of is not None:
            query = query.where(_approvals.c.as_of == as_of)
        with self._transaction() as connection:
            found = connection.execute(query.order_by(_approvals.c.id)).mappings()
            return [_record(row) for row in found]


def _record(row: sa.RowMapping) -> Record:
    at, expires_at = (row[name] and row[name].replace(tzinfo=UTC) for name in ("at", "expires_at"))
    texts = {
        name: row[name] for name in ("pipeline", "as_of", "by", "reason", "evidence", "serves_from")
    }
    return Record(
        action=Action(row["action"]), at=at, expires_at=expires_at, number=row["id"], **texts
    )


def _create_table(connection: sa.Connection) -> None:
    create_append_only(connection, _approvals)
