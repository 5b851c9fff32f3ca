"""Trace of a prediction or a model: its source rows, its training and its release.

Tables are read at the versions that were used, and entries are found by the content that was used,
even if the day was recomputed since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml_assets import nouns
from ml_assets.cadence import as_key
from ml_assets.configuration.documents import feature_table
from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.learning.ensembles.answers import Answer
from ml_assets.learning.ensembles.columns import stored_answer
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.specification import ENSEMBLE
from ml_assets.ledger.entries import Entry, Read, grouped, usable_hashes
from ml_assets.lineage.graph import stored_reads
from ml_assets.lineage.inputs import SourceRows, TableRead, reads_by_table, source_rows
from ml_assets.lineage.pipelines import PipelineTables, own_tables
from ml_assets.lineage.recorded import (
    ModelReference,
    RecordedDay,
    RecordedModel,
    champion_row,
    members_of,
    model_of_fingerprint,
    readable_version,
    recorded_day,
    recorded_model,
)
from ml_assets.lineage.reproduction.recipes import parameters_of
from ml_assets.names import unknown
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.audit import Event, audit

PREDICTION_ID = "prediction_id"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class WrittenDay:
    """A day of a table as it was written.

    Attributes:
        table: table name.
        day: the day.
        version: table version; None for a model.
        content_hash: hash of its rows.
        rows: number of rows.
        code_version: hash of the code that computed it.
        commit: git commit of that code; empty when it was not recorded.
        is_dirty: whether the code differed from that commit.
        run_id: the run that wrote it.
        written_at: time of writing, UTC.
        is_current: whether the day still has this content.
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
    """Trace of a model.

    Attributes:
        pipeline: pipeline of the model.
        as_of: as-of day.
        version: version in the model registry; None when it was never registered.
        model: the model as it was written.
        dataset: its training dataset as it was written.
        training: input days of that dataset, by table.
        sources: input days of those days, by table; of computed tables among these, theirs too.
        release: events of its release, oldest first.
        serves_from: first day on which it serves; empty when it never was champion.
        members: traces of the models that it is composed of, if it is an ensemble.
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
    members: Sequence["ModelTrace"] = ()


@dataclass(frozen=True)
class PredictionTrace:
    """Trace of a prediction.

    Attributes:
        prediction: row of the prediction.
        written: its day as it was written.
        model: trace of the model that made it.
        features: day of its features as it was written.
        feature_row: row of its features.
        sources: input rows of that row, by input.
        answer: how an ensemble came to it; None for another model.
    """

    prediction: Row
    written: WrittenDay
    model: ModelTrace
    features: WrittenDay
    feature_row: Row
    sources: Sequence[SourceRows]
    answer: Answer | None = None


def trace_prediction(lake: Lake, of: PipelineTables, prediction_id: str) -> PredictionTrace:
    """Trace a prediction that was scored in a batch to its source rows and its model.

    Raises:
        ConfigurationError: the prediction is unknown.
        LakeMismatch: a table version that it was computed from was deleted.
    """
    prediction = prediction_row(lake, of, prediction_id)
    day = str(prediction[DAY])
    content = str(prediction["feature_version"])
    scored = recorded_day(
        lake, of.table(nouns.PREDICTIONS), day, lambda entry: _used(entry, content)
    )
    [read] = [read for read in stored_reads(scored.entry) if read.table == of.features]
    features = recorded_day(lake, of.features, day, lambda entry: entry.content_hash == content)
    version = readable_version(lake, [read])
    rows = lake.read(of.features, [day], version=version, hashes={day: content})
    feature_row = _row_of(rows, prediction, of.join_keys)
    as_of, fingerprint = str(prediction["model_as_of"]), str(prediction["model_version"])
    model = model_of_fingerprint(lake, of, as_of, fingerprint)
    return PredictionTrace(
        prediction=plain_row(prediction),
        written=written_day(lake, scored),
        model=trace_model(lake, of, model),
        features=written_day(lake, features),
        feature_row=plain_row(feature_row),
        sources=source_rows(lake, of.features, feature_row, features.entry),
        answer=_answer(recorded_model(lake, of, model), prediction),
    )


def _answer(model: RecordedModel, prediction: pd.Series) -> Answer | None:
    """How an ensemble came to a prediction, with the reasons of its rules; None if that is not recorded."""
    parameters = parameters_of(model.model.code) if model.model.code else {}
    if parameters.get("estimator") != ENSEMBLE:
        return None
    rules = EnsembleRules.model_validate(parameters["hyperparameters"]["ensemble"])
    return stored_answer({str(name): value for name, value in prediction.items()}, rules)


def trace_model(lake: Lake, of: PipelineTables, trained: ModelReference) -> ModelTrace:
    """Trace a model to its training data and its release.

    Raises:
        LakeMismatch: the ledger has no record of it.
    """
    recorded = recorded_model(lake, of, trained)
    dataset = recorded.dataset.entry
    champion = champion_row(lake, recorded)
    return ModelTrace(
        pipeline=of.name,
        as_of=trained.as_of,
        version=trained.version,
        model=written_day(lake, recorded.model),
        dataset=written_day(lake, recorded.dataset),
        training=reads_by_table(dataset.reads),
        sources=reads_by_table(_reads_of_inputs(lake, dataset)),
        release=_release(lake, of, trained),
        serves_from=str(champion["serves_from"]) if champion else "",
        members=[
            trace_model(lake, own_tables(name), member)
            for name, member in members_of(lake, recorded).items()
        ],
    )


def _used(entry: Entry, content_hash: str) -> bool:
    return any(read.content_hash == content_hash for read in stored_reads(entry))


def _release(lake: Lake, of: PipelineTables, trained: ModelReference) -> list[Event]:
    """Release events of this model, without those of other models of the same as-of day."""
    history = audit(lake, ApprovalLog(lake.ledger.url), of.name)
    of_day = [event for event in history if event.as_of == trained.as_of]
    evidence = {event.evidence for event in of_day if event.model == trained.fingerprint}
    return [
        event
        for event in of_day
        if event.model == trained.fingerprint or (not event.model and event.evidence in evidence)
    ]


def prediction_row(lake: Lake, of: PipelineTables, prediction_id: str) -> pd.Series:
    """The stored row of a prediction.

    Raises:
        ConfigurationError: the prediction is unknown.
    """
    table = of.table(nouns.PREDICTIONS)
    stored = lake.days_stored(table)
    if not stored:
        raise ConfigurationError(f"{of.name} has no predictions yet. Materialize {table} first.")
    day = as_key(prediction_id.rpartition("-")[0])
    if day is None:
        raise ConfigurationError(
            f"'{prediction_id}' is not the ID of a prediction. Expected a day and the hash of its "
            f"key, as in the column {PREDICTION_ID} of {table}."
        )
    if day not in stored:
        raise unknown(f"day of {table}", day, stored)
    rows = lake.read(table, [day])
    chosen = rows[rows[PREDICTION_ID] == prediction_id]
    if chosen.empty:
        raise unknown(f"prediction of {day}", prediction_id, [*rows[PREDICTION_ID]])
    return chosen.iloc[0]


def written_day(lake: Lake, recorded: RecordedDay) -> WrittenDay:
    """A recorded day as it was written."""
    entry, run = recorded.entry, recorded.run
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


def _reads_of_inputs(lake: Lake, dataset: Entry) -> list[Read]:
    """The reads of a dataset's input days, and of computed tables among these, by their latest entries."""
    days = grouped((read.table, read.day) for read in stored_reads(dataset))
    found: list[Read] = []
    while days:
        reads = [
            read
            for table, of_table in days.items()
            for of_day in lake.ledger.reads(table, of_table).values()
            for read in of_day
        ]
        further = {read for read in reads if feature_table(read.table)} - {*found}
        days = grouped(sorted({(read.table, read.day) for read in further if read.content_hash}))
        found += reads
    return found


def _row_of(rows: pd.DataFrame, like: pd.Series, key: Sequence[str]) -> pd.Series:
    [(_, row)] = rows[(rows[[*key]] == like[[*key]]).all(axis=1)].iterrows()
    return row


def plain_row(row: pd.Series) -> dict[str, Any]:
    """A row as plain Python values, with None for null."""
    return {
        str(name): None if pd.isna(value) else getattr(value, "item", lambda v=value: v)()
        for name, value in row.items()
    }
