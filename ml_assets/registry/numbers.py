"""Version numbers of models: assigned once and never reused.

MLflow counts the versions in its own database and would restart at 1 if that database were lost.
So the numbers are stored in the ledger's database, and restored from there.
"""

from datetime import UTC, datetime

import sqlalchemy as sa

from ml_assets.ledger.append_only import create_append_only
from ml_assets.ledger.database import LedgerDatabase

_numbers = sa.Table(
    "registered_versions",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("pipeline", sa.String(200), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("pipeline", "version"),
    sa.UniqueConstraint("pipeline", "fingerprint"),
)


class VersionNumbers(LedgerDatabase):
    """Append-only record of version numbers.

    Args:
        url: SQLAlchemy URL, SQLite or Postgres; the table is created when it is missing.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, _create_table)

    def assign(
        self, pipeline: str, fingerprint: str, *, registered: int | None, highest: int
    ) -> int:
        """The number of a model; a model without one gets the registry's, or the next free one.

        Args:
            pipeline: name of the pipeline.
            fingerprint: fingerprint of the model.
            registered: number of the model in the registry, if it is registered.
            highest: highest number in the registry, including deleted versions.
        """
        with self._transaction() as connection:
            known = _known(connection, pipeline)
            if fingerprint in known:
                return known[fingerprint]
            is_free = registered is not None and registered not in known.values()
            number = registered if is_free else max(highest, *known.values(), 0) + 1
            row = {
                "pipeline": pipeline,
                "version": number,
                "fingerprint": fingerprint,
                "at": datetime.now(UTC).replace(tzinfo=None),
            }
            connection.execute(sa.insert(_numbers), row)
        assert number is not None
        return number

    def known(self, pipeline: str) -> dict[str, int]:
        """Fingerprint → number of all models."""
        with self._transaction() as connection:
            return _known(connection, pipeline)


def _known(connection: sa.Connection, pipeline: str) -> dict[str, int]:
    query = sa.select(_numbers).where(_numbers.c.pipeline == pipeline).order_by(_numbers.c.version)
    return {row.fingerprint: row.version for row in connection.execute(query)}


def _create_table(connection: sa.Connection) -> None:
    create_append_only(connection, _numbers)
