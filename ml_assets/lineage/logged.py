"""Trace of a prediction that a service answered: its log entry, or by what that was erased."""

from dataclasses import dataclass

import pandas as pd

from ml_assets import nouns
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.recorded import model_of_fingerprint, recorded_day
from ml_assets.lineage.trace import ModelTrace, Row, WrittenDay, plain_row, trace_model, written_day
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.erasures import Erasure
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.online.prediction_log.rows import EVENT


@dataclass(frozen=True)
class LoggedTrace:
    """Trace of a prediction that a service answered.

    Attributes:
        prediction: row of the prediction.
        written: its day as it was written.
        model: trace of the model that answered.
        event_id: its event in the prediction log.
        entry: what was logged; None if the log does not have it any more.
        erasure: by what it was erased; None if it was not.
    """

    prediction: Row
    written: WrittenDay
    model: ModelTrace
    event_id: str
    entry: LoggedPrediction | None
    erasure: Erasure | None


def is_logged(prediction: pd.Series) -> bool:
    """Whether a service answered a prediction."""
    return str(prediction["feature_version"]).startswith(EVENT)


def trace_logged(
    lake: Lake, log: PredictionLog, of: PipelineTables, prediction: pd.Series
) -> LoggedTrace:
    """Trace a prediction to its log entry and its model.

    Args:
        lake: the lake.
        log: the prediction log.
        of: the pipeline.
        prediction: row of the prediction, see ``trace.prediction_row``.

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
    )
