"""Trace of a prediction that a service answered: its log entry, or its erasure, and what it looked up."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ml_assets import nouns
from ml_assets.content import DAY
from ml_assets.lake.remedy import materialize_commands
from ml_assets.lake.store import Lake
from ml_assets.learning.ensembles.answers import Outcome
from ml_assets.lineage.graph import Graph
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.recorded import model_of_fingerprint, recorded_day
from ml_assets.lineage.requests.lookups import LookedUp, trace_lookups
from ml_assets.lineage.trace import ModelTrace, Row, WrittenDay, plain_row, trace_model, written_day
from ml_assets.online.definition import OnlineTable
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.erasures import Erasure
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.online.prediction_log.rows import EVENT


@dataclass(frozen=True)
class LoggedTrace:
    """Trace of a prediction that a service answered.

    Attributes:
        prediction: row of the prediction.
        written: its day as it was written; None if the prediction was not collected.
        model: trace of the model that answered.
        event_id: its event in the prediction log.
        entry: what was logged; None if the log does not have it any more.
        erasure: by what it was erased; None if it was not.
        lookups: rows that the request looked up, with the days that they were computed from.
        collect: what collects the prediction, as a sentence; empty if it was collected.
    """

    prediction: Row
    written: WrittenDay | None
    model: ModelTrace
    event_id: str
    entry: LoggedPrediction | None
    erasure: Erasure | None
    lookups: Sequence[LookedUp] = ()
    collect: str = ""


def is_logged(prediction: pd.Series) -> bool:
    """Whether a service answered a prediction."""
    return str(prediction["feature_version"]).startswith(EVENT)


def trace_logged(
    lake: Lake,
    log: PredictionLog,
    of: PipelineTables,
    prediction: pd.Series,
    lookups: Sequence[OnlineTable] = (),
) -> LoggedTrace:
    """Trace a prediction to its log entry and its model.

    Args:
        lake: the lake.
        log: the prediction log.
        of: the pipeline.
        prediction: row of the prediction, see ``trace.prediction_row``.
        lookups: tables that its requests look up.

    Raises:
        LakeMismatch: the ledger has no record of its day or its model.
    """
    day, event_id = str(prediction[DAY]), str(prediction["feature_version"]).removeprefix(EVENT)
    as_of, fingerprint = str(prediction["model_as_of"]), str(prediction["model_version"])
    entry = log.find(event_id)
    return LoggedTrace(
        prediction=plain_row(prediction),
        written=written_day(
            lake, recorded_day(lake, of.table(nouns.PREDICTIONS), day, lambda _: True)
        ),
        model=trace_model(lake, of, model_of_fingerprint(lake, of, as_of, fingerprint)),
        event_id=event_id,
        entry=entry,
        erasure=None if entry else log.erasure_of(of.name, day, event_id),
        lookups=_lookups(lake, entry, lookups) if entry else (),
    )


def trace_uncollected(
    lake: Lake,
    log: PredictionLog,
    of: PipelineTables,
    prediction_id: str,
    lookups: Sequence[OnlineTable] = (),
) -> LoggedTrace | None:
    """Trace the last answer about a row that is not in ``predictions``; None if there is none.

    Args:
        lake: the lake.
        log: the prediction log.
        of: the pipeline.
        prediction_id: the prediction.
        lookups: tables that its requests look up.

    Raises:
        LakeMismatch: the ledger has no record of its model.
    """
    answers = log.answers(of.name, prediction_id.rpartition("-")[0], prediction_id)
    if not answers:
        return None
    entry = answers[-1]
    model = model_of_fingerprint(lake, of, entry.model_as_of, entry.model_version)
    return LoggedTrace(
        prediction={
            DAY: entry.day,
            "prediction_id": prediction_id,
            **entry.prediction,
            "model_as_of": entry.model_as_of,
            "model_version": entry.model_version,
        },
        written=None,
        model=trace_model(lake, of, model),
        event_id=entry.event_id,
        entry=entry,
        erasure=None,
        lookups=_lookups(lake, entry, lookups),
        collect=_collect(of, entry),
    )


def _lookups(lake: Lake, entry: LoggedPrediction, lookups: Sequence[OnlineTable]) -> list[LookedUp]:
    return trace_lookups(lake, Graph.of(lake.ledger), entry, lookups) if lookups else []


def _collect(of: PipelineTables, entry: LoggedPrediction) -> str:
    table = of.table(nouns.PREDICTIONS)
    if entry.ensemble and entry.ensemble.outcome == Outcome.REFUSED:
        return f"The ensemble refused the row, so {table} has no prediction of it."
    if not of.is_logged:
        return (
            f"It is in the prediction log only: {table} is scored from {of.features}, and not collected "
            "from what services answered."
        )
    tables = [of.table(nouns.LOGGED_PREDICTIONS), table]
    commands = [command for one in tables for command in materialize_commands(one, [entry.day])]
    return f"It is not collected yet. To collect it, run: {'; '.join(commands)}"
