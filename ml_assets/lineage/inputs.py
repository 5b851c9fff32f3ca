"""Which days, and which very rows, something was computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ml_assets.configuration.documents import feature_table
from ml_assets.configuration.objects import load_object
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, grouped
from ml_assets.lineage.recorded import readable_version


@dataclass(frozen=True)
class TableRead:
    """Days of one table that something was computed from.

    Attributes:
        table: the table.
        version: table version they were read at.
        first: first day.
        last: last day.
        days: how many there were.
        absent: days that were asked for and not there.
    """

    table: str
    version: int | None
    first: str
    last: str
    days: int
    absent: int


@dataclass(frozen=True)
class SourceRows:
    """Rows of one input that a feature row was made from.

    Attributes:
        read: the days that were read.
        rows: the very rows, with ``used_for`` where the feature table says what for.
    """

    read: TableRead
    rows: pd.DataFrame


def tables_read(reads: Sequence[Read]) -> list[TableRead]:
    """What was read, by table."""
    tables = grouped((read.table, read) for read in reads)
    return [_table_read(table, of_table) for table, of_table in sorted(tables.items())]


def _table_read(table: str, reads: Sequence[Read]) -> TableRead:
    there = [read for read in reads if read.content_hash]
    days = sorted({read.day for read in there})
    return TableRead(
        table=table,
        version=max((read.version for read in there if read.version is not None), default=None),
        first=days[0] if days else "",
        last=days[-1] if days else "",
        days=len(days),
        absent=len({read.day for read in reads} - {*days}),
    )


def source_rows(
    lake: Lake, table: str, feature_row: pd.Series, features: Entry
) -> list[SourceRows]:
    """The very rows, where the feature table says which; all rows that were read otherwise.

    Raises:
        LakeMismatch: a table version that was read is gone, and the days hold other rows now.
    """
    said = feature_table(table) or {"inputs": {}}
    inputs = {name: item["asset"] for name, item in said["inputs"].items()}
    reads = {
        name: [r for r in features.reads if r.table == asset] for name, asset in inputs.items()
    }
    frames = {name: _rows_read(lake, of_input) for name, of_input in reads.items()}
    if path := said.get("source_rows"):
        frames = load_object(path)(feature_row, **frames, **said.get("parameters", {}))
    return [
        SourceRows(_table_read(inputs[name], reads[name]), rows) for name, rows in frames.items()
    ]


def _rows_read(lake: Lake, reads: Sequence[Read]) -> pd.DataFrame:
    there = [read for read in reads if read.content_hash]
    days = [read.day for read in there]
    hashes = {read.day: read.content_hash for read in there}
    version = readable_version(lake, there)
    return lake.read(there[0].table, days, version=version, hashes=hashes)
