"""Measurements of column lineage: what changed when an input column was changed, and when that was.

Measurements are only added. The newest one of a table and a code version counts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from ml_assets.ledger.database import LedgerDatabase, create_missing, stored_time
from ml_assets.provenance.provenance import Column


@dataclass(frozen=True)
class Measurement:
    """The measured column lineage of a table.

    Attributes:
        table: table name.
        code_version: version of the code that computed it.
        partitions: partitions that were computed.
        measured_at: time of the measurement, UTC.
        made_from: column → the input columns that changed it.
        rows: input columns with which rows appeared or vanished.
        undetermined: input columns that are read, but of which no changed values could be computed.
    """

    table: str
    code_version: str
    partitions: Sequence[str]
    measured_at: datetime
    made_from: Mapping[str, Sequence[Column]]
    rows: Sequence[Column]
    undetermined: Sequence[Column]


_metadata = sa.MetaData()

_measurements = sa.Table(
    "provenance_measurements",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("table_name", sa.String(200), nullable=False),
    sa.Column("code_version", sa.String(64), nullable=False),
    sa.Column("partitions", sa.Text, nullable=False),
    sa.Column("measured_at", sa.DateTime, nullable=False),
    sa.Column("made_from", sa.Text, nullable=False),
    sa.Column("rows", sa.Text, nullable=False),
    sa.Column("undetermined", sa.Text, nullable=False),
)


class Measurements(LedgerDatabase):
    """The recorded measurements.

    Args:
        url: SQLAlchemy URL of the ledger's database; the table is created when it is missing.
    """

    def __init__(self, url: str | sa.URL) -> None:
        super().__init__(url, _create_tables)

    def record(self, measurement: Measurement) -> None:
        """Add a measurement."""
        row = {
            "table_name": measurement.table,
            "code_version": measurement.code_version,
            "partitions": json.dumps([*measurement.partitions]),
            "measured_at": stored_time(measurement.measured_at),
            "made_from": json.dumps({**measurement.made_from}),
            "rows": json.dumps([*measurement.rows]),
            "undetermined": json.dumps([*measurement.undetermined]),
        }
        with self._transaction() as connection:
            connection.execute(sa.insert(_measurements), [row])

    def of_table(self, table: str) -> dict[str, Measurement]:
        """Code version → its newest measurement, in the order in which these were made."""
        query = sa.select(_measurements).where(_measurements.c.table_name == table)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(_measurements.c.id)).all()
        found: dict[str, Measurement] = {}
        for row in rows:
            found.pop(row.code_version, None)
            found[row.code_version] = _measurement(row)
        return found


def _measurement(row: sa.Row[tuple[object, ...]]) -> Measurement:
    return Measurement(
        table=row.table_name,
        code_version=row.code_version,
        partitions=json.loads(row.partitions),
        measured_at=row.measured_at.replace(tzinfo=UTC),
        made_from={name: _columns(sources) for name, sources in json.loads(row.made_from).items()},
        rows=_columns(json.loads(row.rows)),
        undetermined=_columns(json.loads(row.undetermined)),
    )


def _columns(pairs: Sequence[Sequence[str]]) -> list[Column]:
    return [(table, column) for table, column in pairs]


def _create_tables(connection: sa.Connection) -> None:
    create_missing(connection, _metadata)
