"""Contracts of arrived labels and of performance.

Each column says what it is made from (``from``, see ``contracts.lineage``); the named lists hold what
several columns share.
"""

from typing import ClassVar

import pandas as pd

from ml_assets.contracts.contract import Contract, made

JOINED = ["predictions.prediction_id", "{label_table}.{key}"]
"""What a contract's ``from`` says of the prediction of a label."""
MATCHED = [
    "predictions.prediction_id",
    "predictions.is_late",
    "labels.prediction_id",
    "labels.prediction_day",
]
"""What it says of the labelled predictions of a day, and of those of a segment."""
LABELLED = [*MATCHED, "predictions.{segments}"]


class Label(Contract):
    """What every arrived label says; a pipeline adds its segments."""

    prediction_id: str = made(
        "The prediction it belongs to.",
        [
            "{label_table}.{key}",
            "{label_table}.{known_at}",
            "{label_table}.{label_day}",
        ],
    )
    prediction_day: str = made("Day of that prediction.", [])
    label: float = made("What really happened.", ["{label_table}.{label}"])
    known_at: pd.DatetimeTZDtype = made(
        "When it was known at its source; the label arrives label_delay_days later.",
        ["{label_table}.{known_at}"],
        unit="UTC",
        dtype_kwargs={"unit": "us", "tz": "UTC"},
    )
    prediction: float = made(
        "What was predicted; a label without a prediction has none and is rejected.",
        [*JOINED, "predictions.prediction"],
    )
    model_version: str = made(
        "Fingerprint of the model that predicted it.", [*JOINED, "predictions.model_version"]
    )
    model_as_of: str = made("As-of day of that model.", [*JOINED, "predictions.model_as_of"])
    is_late: bool = made(
        "The row came after its day was scored: it was not predicted in time.",
        [*JOINED, "predictions.is_late"],
        nullable=True,
    )


class Performance(Contract):
    """One metric of the predictions of a day, by the labels that have arrived so far."""

    segment_column: str = made("Column that cuts the segments; 'all' for none.", MATCHED)
    segment: str = made("Value of that column; 'all' for none.", LABELLED)
    metric: str = made("Name of the metric.", MATCHED)
    value: float = made(
        "The metric; null where it is undefined.",
        [*LABELLED, "labels.label", "predictions.prediction"],
        nullable=True,
    )
    rows: int = made("Labelled predictions it was measured on.", LABELLED, ge=0)
    mean_label: float = made("Mean of their labels.", [*LABELLED, "labels.label"], nullable=True)
    note: str = made("Why the metric is null; empty when it is not.", [*LABELLED, "labels.label"])

    class Config:
        """Even without a label there is a row that says so."""

        unique: ClassVar = ["segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
