"""Entries of the prediction log as rows of the table ``logged_predictions``, and their contract."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, columns, computed, dtype
from ml_assets.contracts.validation import no_rows
from ml_assets.learning.ensembles.answers import Answers, plain_answer
from ml_assets.learning.ensembles.columns import answer_columns
from ml_assets.learning.horizon import PredictionTimes
from ml_assets.learning.predictions import PREDICTION
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.request_features import series

UTC = {"unit": "us", "tz": "UTC"}
EVENT = "event:"
"""Beginning of the ``feature_version`` of a prediction that is from the log; the event's id follows."""


class Logged(Contract):
    """Columns of every logged prediction; a pipeline adds its key, its segments and the prediction."""

    event_id: str = computed("Id of the event in the prediction log.", ["{log}.event_id"])
    prediction_id: str = computed(
        "Day and hash of the key; labels are joined by it.", ["{log}.prediction_id"]
    )
    at: pd.DatetimeTZDtype = computed(
        "Time as of which features were looked up.", ["{log}.at"], dtype_kwargs=UTC
    )
    answered_at: pd.DatetimeTZDtype = computed(
        "Time of the answer by the clock of the service.", ["{log}.answered_at"], dtype_kwargs=UTC
    )
    model_version: str = computed("Fingerprint of the model.", ["{log}.model_version"])
    model_as_of: str = computed("As-of day of the model.", ["{log}.model_as_of"])
    missing_features: int = computed(
        "Number of features without a value.", ["{log}.missing"], "features", ge=0
    )
    stale_tables: int = computed(
        "Number of tables whose values were older than their ttl.", ["{log}.stale"], "tables", ge=0
    )
    latency_ms: float = computed(
        "Time from the request to its prediction.", ["{log}.latency_ms"], "ms", ge=0
    )
    horizon_hours: float = computed(
        "Time from the lookup of the features to the time that is predicted.",
        ["{log}.at", "{log}.request"],
        "h",
        nullable=True,
    )
    is_replayed: bool = computed(
        "The answer came after the time that is predicted.", ["{log}.answered_at", "{log}.request"]
    )


def logged_rows(
    entries: Sequence[LoggedPrediction],
    contract: type[Contract],
    names: Sequence[str],
    times: PredictionTimes,
) -> pd.DataFrame:
    """Entries as rows, before they are validated.

    Args:
        entries: entries of some days.
        contract: contract of the pipeline's logged predictions.
        names: key and segments, columns of a request or else of the features.
        times: the times of a prediction; ``target_time`` is a column of a request or of the features.

    Returns:
        (n, …) rows with ``ds``, one for each entry.
    """
    if not entries:
        return no_rows(contract)
    given = [{**entry.features, **entry.request} for entry in entries]
    rows = pd.DataFrame(
        [
            {
                DAY: entry.day,
                "event_id": entry.event_id,
                "prediction_id": entry.prediction_id,
                "at": entry.at,
                "answered_at": entry.answered_at,
                "model_version": entry.model_version,
                "model_as_of": entry.model_as_of,
                "missing_features": len(entry.missing),
                "stale_tables": len(entry.stale),
                "latency_ms": entry.latency_ms,
                **{name: values.get(name) for name in names},
                **entry.prediction,
            }
            for entry, values in zip(entries, given, strict=True)
        ]
    )
    timed = rows[[DAY, "at"]]
    if times.target_time:
        targets = [values.get(times.target_time) for values in given]
        timed = timed.assign(**{times.target_time: pd.to_datetime(pd.Series(targets), utc=True)})
    return rows.join(times.of(timed, rows["answered_at"]))


def ensemble_columns(entries: Sequence[LoggedPrediction]) -> pd.DataFrame:
    """How an ensemble came to the predictions of n entries.

    Returns:
        (n, …) the columns of ``ensemble_fields``; an entry of a time before the model was an ensemble
        has its prediction as the combined one.
    """
    predictions = [entry.prediction[PREDICTION] for entry in entries]
    rows = [
        entry.ensemble or plain_answer(cast("float | None", prediction))
        for entry, prediction in zip(entries, predictions, strict=True)
    ]
    return answer_columns(Answers(np.array(predictions, dtype=float), rows))


def logged_features(
    entries: Sequence[LoggedPrediction], contract: type[Contract], names: Sequence[str]
) -> pd.DataFrame:
    """The features of entries.

    Args:
        entries: entries of some days.
        contract: contract with all columns of the features.
        names: the features; one that an entry does not have is missing.

    Returns:
        (n, …) ``ds`` and the features, one row for each entry. Whole numbers that are missing make a
        column of floats.
    """
    known = columns(contract)
    return pd.DataFrame(
        {
            DAY: pd.Series([entry.day for entry in entries], dtype="str"),
            **{
                name: series([entry.features.get(name) for entry in entries], dtype(known[name]))
                for name in names
            },
        }
    )
