"""One entry of the prediction log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ml_assets.learning.ensembles.answers import Answer
from ml_assets.online.values import Plain


@dataclass(frozen=True)
class LoggedPrediction:
    """A prediction that a service answered, with everything it was computed from.

    Attributes:
        event_id: identifies the event; the same id is logged once.
        pipeline: name of the pipeline.
        day: partition of ``predictions`` that the row belongs to.
        prediction_id: identifies the row, as in batch predictions, see ``scoring.prediction_ids``.
        at: time as of which features were looked up, in UTC.
        answered_at: time of the answer by the clock of the service, in UTC.
        request: column → value, as requested.
        features: input column of the model → value that was predicted with.
        ages: table of the online store → age of the values in seconds at ``at``; None where the store
            has no values of the entity.
        missing: input columns without a value.
        stale: tables whose values were older than their ttl.
        prediction: column of the prediction → value, see ``predictions.prediction_columns``; None if an
            ensemble refused the row.
        model_version: fingerprint of the model.
        model_as_of: its as-of day.
        latency_ms: time from the request's arrival to its prediction, without the log.
        ensemble: how an ensemble came to its prediction; None for other models.
    """

    event_id: str
    pipeline: str
    day: str
    prediction_id: str
    at: datetime
    answered_at: datetime
    request: Mapping[str, Plain]
    features: Mapping[str, Plain]
    ages: Mapping[str, float | None]
    missing: Sequence[str]
    stale: Sequence[str]
    prediction: Mapping[str, Plain]
    model_version: str
    model_as_of: str
    latency_ms: float
    ensemble: Answer | None = None
