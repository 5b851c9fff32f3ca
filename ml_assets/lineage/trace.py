"""Where a prediction or a model comes from: down to the source rows, up to who released it.

Everything is read as it was: a table at the version at which it was used, an entry by the content
that was used, also when the day has been made again since.
"""

import difflib
import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from ml_assets.errors import ConfigurationError
from ml_assets.lake.content import DAY
from ml_assets.lake.ledger import Entry, Read, Status
from ml_assets.lake.store import Lake
from ml_assets.lineage.graph import used
from ml_assets.lineage.pipelines import Pipeline, feature_table, unknown
from ml_assets.registry.approval_log import ApprovalLog
from ml_assets.registry.audit import Event, audit

PREDICTION_ID = "prediction_id"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Written:
    """A day of a table as it was written.

    Attributes:
        table: its table.
        day: the day.
        version: table version; None for a model.
        content_hash: what it held.
        rows: number of rows.
        code_version: of what computed it.
        commit: git commit it was computed at; empty when it was not noted.
        is_dirty: whether the code differed from that commit.
        run_id: the run that wrote it.
        written_at: when, UTC.
        is_current: whether this is what the day holds now.
    """

    table: str
    day: str
    version: int | None
    content_hash: str
    rows: int
    code_version: str
    commit: str
    is_dirty: bool
    run_id: str
    written_at: datetime | None
    is_current: bool


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
class ModelTrace:
    """Where a model comes from.

    Attributes:
        pipeline: whose model.
        as_of: its as-of day.
        version: its version in the registry; None when it was never registered.
        model: how it was written.
        dataset: how its training dataset was written.
        training: the days that dataset was made from, by table.
        sources: the days that those were made from, by table.
        release: what happened to its release, oldest first.
        serves_from: first day it serves; empty when it is no champion.
    """

    pipeline: str
    as_of: str
    version: int | None
    model: Written
    dataset: Written
    training: Sequence[TableRead]
    sources: Sequence[TableRead]
    release: Sequence[Event]
    serves_from: str


@dataclass(frozen=True)
class SourceRows:
    """Rows of one input that a feature row was made from.

    Attributes:
        read: the days that were read.
        rows: the very rows, with ``used_for`` where the feature table says what for.
    """

    read: TableRead
    rows: pd.DataFrame


@dataclass(frozen=True)
class PredictionTrace:
    """Where a prediction comes from.

    Attributes:
        prediction: its row.
        written: how its day was written.
        model: the model that made it.
        features: how the day of features was written that it was made from.
        feature_row: the row of features.
        sources: the rows that those were made from, by input.
    """

    prediction: Row
    written: Written
    model: ModelTrace
    features: Written
    feature_row: Row
    sources: Sequence[SourceRows]


def trace_prediction(lake: Lake, of: Pipeline, prediction_id: str) -> PredictionTrace:
    """Where a prediction comes from.

    Raises:
        ConfigurationError: there is no such prediction; the nearest is given.
        LakeMismatch: a table version that it was made from is gone.
    """
    prediction = _prediction(lake, of, prediction_id)
    day = str(prediction[DAY])
    entry = lake.ledger.history(of.table("predictions"), day)[-1]
    [read] = [read for read in used(entry) if read.table == of.features]
    features = _entry_of(lake, read)
    rows = lake.read(of.features, [day], version=read.version)
    feature_row = _row_of(rows, prediction, of.key)
    return PredictionTrace(
        prediction=_plain(prediction),
        written=_written(lake, entry),
        model=trace_model(
            lake, of, str(prediction["model_as_of"]), str(prediction["model_version"])
        ),
        features=_written(lake, features),
        feature_row=_plain(feature_row),
        sources=_source_rows(lake, of.features, feature_row, features),
    )


def trace_version(lake: Lake, of: Pipeline, version: int) -> ModelTrace:
    """Where a registered version of a pipeline's model comes from.

    Raises:
        ConfigurationError: there is no such version; what there is is given.
    """
    table = of.table("registered_model")
    days = lake.days_stored(table)
    rows = lake.read(table, days) if days else pd.DataFrame(columns=[DAY, "version", "fingerprint"])
    found = rows[rows["version"] == version]
    if found.empty:
        raise unknown(f"version of {of.name}", str(version), [str(n) for n in rows["version"]])
    return trace_model(lake, of, str(found[DAY].iloc[0]), str(found["fingerprint"].iloc[0]))


def trace_model(lake: Lake, of: Pipeline, as_of: str, fingerprint: str) -> ModelTrace:
    """Where the model of an as-of day comes from."""
    model = _entry_of(lake, Read(of.table("model"), as_of, fingerprint, None))
    dataset_read = next(read for read in model.reads if read.table == of.table("training_dataset"))
    dataset = _entry_of(lake, dataset_read)
    release = [
        event for event in audit(lake, ApprovalLog.of_project(), of.name) if event.as_of == as_of
    ]
    champion = next((event for event in release if event.version), None)
    return ModelTrace(
        pipeline=of.name,
        as_of=as_of,
        version=_registered(lake, of, as_of, fingerprint),
        model=_written(lake, model),
        dataset=_written(lake, dataset),
        training=_tables_read(dataset.reads),
        sources=_tables_read(_read_further_up(lake, dataset)),
        release=release,
        serves_from=champion.serves_from if champion else "",
    )


def _prediction(lake: Lake, of: Pipeline, prediction_id: str) -> pd.Series:
    table = of.table("predictions")
    stored = lake.days_stored(table)
    if not stored:
        raise ConfigurationError(f"{of.name} has no predictions yet. Materialize {table} first.")
    found = re.match(r"\d{4}-\d\d-\d\d", prediction_id)
    if not found:
        raise ConfigurationError(
            f"'{prediction_id}' is no prediction: expected its day and the hash of its key, as in the column "
            f"{PREDICTION_ID} of {table}."
        )
    if found[0] not in stored:
        raise unknown(f"day of {table}", found[0], stored)
    rows = lake.read(table, [found[0]])
    chosen = rows[rows[PREDICTION_ID] == prediction_id]
    if chosen.empty:
        near = difflib.get_close_matches(prediction_id, rows[PREDICTION_ID], n=1, cutoff=0)
        raise ConfigurationError(
            f"There is no prediction '{prediction_id}' among the {len(rows)} of {found[0]}. "
            f"Is '{near[0]}' meant?"
        )
    return chosen.iloc[0]


def _entry_of(lake: Lake, read: Read) -> Entry:
    """The newest entry that wrote what was read.

    Raises:
        ConfigurationError: the ledger knows of none.
    """
    history = lake.ledger.history(read.table, read.day)
    wrote = [
        entry
        for entry in history
        if entry.status is Status.STORED and entry.content_hash == read.content_hash
    ]
    if not wrote:
        raise ConfigurationError(
            f"The ledger has no entry of {read.table} {read.day} with content {read.content_hash}, "
            "which was used. It is another ledger than the one that was written then: check "
            "ML_ASSETS_DATA and ML_ASSETS_POSTGRES_URL."
        )
    return wrote[-1]


def _written(lake: Lake, entry: Entry) -> Written:
    run = lake.provenance.run(entry.run_id)
    now = lake.ledger.latest(entry.table, [entry.day])[entry.day]
    return Written(
        table=entry.table,
        day=entry.day,
        version=entry.version,
        content_hash=entry.content_hash,
        rows=entry.rows,
        code_version=entry.code_version,
        commit=run.environment.commit if run else "",
        is_dirty=run.environment.is_dirty if run else False,
        run_id=entry.run_id,
        written_at=entry.written_at,
        is_current=now.status is Status.STORED and now.content_hash == entry.content_hash,
    )


def _registered(lake: Lake, of: Pipeline, as_of: str, fingerprint: str) -> int | None:
    if as_of not in lake.days_stored(of.table("registered_model")):
        return None
    rows = lake.read(of.table("registered_model"), [as_of])
    found = rows.loc[rows["fingerprint"] == fingerprint, "version"]
    return int(found.iloc[0]) if len(found) else None


def _tables_read(reads: Sequence[Read]) -> list[TableRead]:
    tables: dict[str, list[Read]] = {}
    for read in reads:
        tables.setdefault(read.table, []).append(read)
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


def _read_further_up(lake: Lake, dataset: Entry) -> list[Read]:
    """What the days were made from that a dataset was made from, as the ledger has them now."""
    days: dict[str, list[str]] = {}
    for read in used(dataset):
        days.setdefault(read.table, []).append(read.day)
    return [
        read
        for table, of_table in days.items()
        for reads in lake.ledger.reads(table, of_table).values()
        for read in reads
    ]


def _source_rows(
    lake: Lake, table: str, feature_row: pd.Series, features: Entry
) -> list[SourceRows]:
    """The very rows, where the feature table says which; all rows that were read otherwise."""
    said = feature_table(table) or {"inputs": {}}
    inputs = {name: item["asset"] for name, item in said["inputs"].items()}
    reads = {
        name: [r for r in features.reads if r.table == asset] for name, asset in inputs.items()
    }
    frames = {name: _rows_read(lake, of_input) for name, of_input in reads.items()}
    if path := said.get("source_rows"):
        module, _, function = path.rpartition(".")
        choose = getattr(importlib.import_module(module), function)
        frames = choose(feature_row, **frames, **said.get("parameters", {}))
    return [
        SourceRows(_table_read(inputs[name], reads[name]), rows) for name, rows in frames.items()
    ]


def _rows_read(lake: Lake, reads: Sequence[Read]) -> pd.DataFrame:
    days = [read.day for read in reads if read.content_hash]
    return lake.read(reads[0].table, days, version=reads[0].version)


def _row_of(rows: pd.DataFrame, like: pd.Series, key: Sequence[str]) -> pd.Series:
    [(_, row)] = rows[(rows[[*key]] == like[[*key]]).all(axis=1)].iterrows()
    return row


def _plain(row: pd.Series) -> dict[str, Any]:
    """A row with null for null, as people and JSON read it."""
    return {
        str(name): None if pd.isna(value) else getattr(value, "item", lambda v=value: v)()
        for name, value in row.items()
    }
