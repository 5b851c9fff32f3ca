"""Input days and input rows of a feature row, a dataset or a model."""

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
    """Input days of one table.

    Attributes:
        table: table name.
        version: table version at which they were read.
        first: first day.
        last: last day.
        days: number of stored days.
        absent: number of requested days that were missing.
    """

    table: str
    version: int | None
    first: str
    last: str
    days: int
    absent: int


@dataclass(frozen=True)
class SourceRows:
    """Rows of one input that a feature row was computed from.

    Attributes:
        read: the days that were read.
        rows: the rows, with their purpose in column ``used_for`` if the feature table defines it.
    """

    read: TableRead
    rows: pd.DataFrame


def reads_by_table(reads: Sequence[Read]) -> list[TableRead]:
    """Reads summarized by table."""
    tables = grouped((read.table, read) for read in reads)
    return [_table_read(table, of_table) for table, of_table in sorted(tables.items())]


def _table_read(table: str, reads: Sequence[Read]) -> TableRead:
    stored = [read for read in reads if read.content_hash]
    days = sorted({read.day for read in stored})
    return TableRead(
        table=table,
        version=max((read.version for read in stored if read.version is not None), default=None),
        first=days[0] if days else "",
        last=days[-1] if days else "",
        days=len(days),
        absent=len({read.day for read in reads} - {*days}),
    )


def source_rows(
    lake: Lake, table: str, feature_row: pd.Series, features: Entry
) -> list[SourceRows]:
    """The input rows of a feature row: all that were read, or those selected by ``source_rows``.

    Raises:
        LakeMismatch: a table version that was read was deleted, and the days changed since.
    """
    config = feature_table(table) or {"inputs": {}}
    inputs = {name: item["asset"] for name, item in config["inputs"].items()}
    reads = {
        name: [r for r in features.reads if r.table == asset] for name, asset in inputs.items()
    }
    frames = {name: _rows_read(lake, of_input) for name, of_input in reads.items()}
    if path := config.get("source_rows"):
        frames = load_object(path)(feature_row, **frames, **config.get("parameters", {}))
    return [
        SourceRows(_table_read(inputs[name], reads[name]), rows) for name, rows in frames.items()
    ]


def _rows_read(lake: Lake, reads: Sequence[Read]) -> pd.DataFrame:
    stored = [read for read in reads if read.content_hash]
    if not stored:
        return pd.DataFrame()
    days = [read.day for read in stored]
    hashes = {read.day: read.content_hash for read in stored}
    version = readable_version(lake, stored)
    return lake.read(stored[0].table, days, version=version, hashes=hashes)
