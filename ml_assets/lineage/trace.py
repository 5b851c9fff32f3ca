"""Where a prediction or a model comes from: down to the source rows, up to who released it.

Everything is read as it was: a table at the version at which it was used, an entry by the content
that was used, also when the day has been made again since.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, grouped, usable_hashes
from ml_assets.lineage.graph import used
from ml_assets.lineage.inputs import SourceRows, TableRead, source_rows, tables_read
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.recorded import (
    Made,
    ModelReference,
    championship,
    made,
    readable_version,
    recorded_model,
    trained_model,
)
from ml_assets.names import unknown
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.audit import Event, audit

PREDICTION_ID = "prediction_id"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class WrittenDay:
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
    model: WrittenDay
    dataset: WrittenDay
    training: Sequence[TableRead]
    sources: Sequence[TableRead]
    release: Sequence[Event]
    serves_from: str


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
    written: WrittenDay
    model: ModelTrace
    features: WrittenDay
    feature_row: Row
    sources: Sequence[SourceRows]


def trace_prediction(lake: Lake, of: PipelineTables, prediction_id: str) -> PredictionTrace:
    """Where a prediction comes from.

    Raises:
        ConfigurationError: there is no such prediction; the nearest is given.
        LakeMismatch: a table version that it was made from is gone.
    """
    prediction = _prediction(lake, of, prediction_id)
    day = str(prediction[DAY])
    made_from = str(prediction["feature_version"])
    scored = made(lake, of.table("predictions"), day, lambda entry: _reads(entry, made_from))
    [read] = [read for read in used(scored.entry) if read.table == of.features]
    features = made(lake, of.features, day, lambda entry: entry.content_hash == made_from)
    version = readable_version(lake, [read])
    rows = lake.read(of.features, [day], version=version, hashes={day: made_from})
    feature_row = _row_of(rows, prediction, of.key)
    as_of, fingerprint = str(prediction["model_as_of"]), str(prediction["model_version"])
    return PredictionTrace(
        prediction=plain(prediction),
        written=_written(lake, scored),
        model=trace_model(lake, of, trained_model(lake, of, as_of, fingerprint)),
        features=_written(lake, features),
        feature_row=plain(feature_row),
        sources=source_rows(lake, of.features, feature_row, features.entry),
    )


def trace_model(lake: Lake, of: PipelineTables, trained: ModelReference) -> ModelTrace:
    """Where a model comes from.

    Raises:
        LakeMismatch: the ledger does not know how it was made.
    """
    recorded = recorded_model(lake, of, trained)
    dataset = recorded.dataset.entry
    champion = championship(lake, recorded)
    return ModelTrace(
        pipeline=of.name,
        as_of=trained.as_of,
        version=trained.version,
        model=_written(lake, recorded.model),
        dataset=_written(lake, recorded.dataset),
        training=tables_read(dataset.reads),
        sources=tables_read(_read_further_up(lake, dataset)),
        release=_release(lake, of, trained),
        serves_from=str(champion["serves_from"]) if champion else "",
    )


def _reads(entry: Entry, content_hash: str) -> bool:
    return any(read.content_hash == content_hash for read in used(entry))


def _release(lake: Lake, of: PipelineTables, trained: ModelReference) -> list[Event]:
    """What happened to the release of this model, and not to another of the same as-of day."""
    history = audit(lake, ApprovalLog(lake.ledger.url), of.name)
    of_day = [event for event in history if event.as_of == trained.as_of]
    evidence = {event.evidence for event in of_day if event.model == trained.fingerprint}
    return [
        event
        for event in of_day
        if event.model == trained.fingerprint or (not event.model and event.evidence in evidence)
    ]


def _prediction(lake: Lake, of: PipelineTables, prediction_id: str) -> pd.Series:
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
        raise unknown(f"prediction of {found[0]}", prediction_id, [*rows[PREDICTION_ID]])
    return chosen.iloc[0]


def _written(lake: Lake, of: Made) -> WrittenDay:
    entry, run = of.entry, of.run
    now = usable_hashes(lake.ledger.latest(entry.table, [entry.day]))
    return WrittenDay(
        table=entry.table,
        day=entry.day,
        version=entry.version,
        content_hash=entry.content_hash,
        rows=entry.rows,
        code_version=entry.code_version,
        commit=run.environment.commit if run else "",
        is_dirty=run.environment.is_dirty if run else False,
        run_id=entry.run_id,
        written_at=entry.written_at and entry.written_at.replace(tzinfo=UTC),
        is_current=now.get(entry.day) == entry.content_hash,
    )


def _read_further_up(lake: Lake, dataset: Entry) -> list[Read]:
    """What the days were made from that a dataset was made from, as the ledger has them now."""
    days = grouped((read.table, read.day) for read in used(dataset))
    return [
        read
        for table, of_table in days.items()
        for reads in lake.ledger.reads(table, of_table).values()
        for read in reads
    ]


def _row_of(rows: pd.DataFrame, like: pd.Series, key: Sequence[str]) -> pd.Series:
    [(_, row)] = rows[(rows[[*key]] == like[[*key]]).all(axis=1)].iterrows()
    return row


def plain(row: pd.Series) -> dict[str, Any]:
    """A row with null for null, as people and JSON read it."""
    return {
        str(name): None if pd.isna(value) else getattr(value, "item", lambda v=value: v)()
        for name, value in row.items()
    }
