"""Contracts of arrived labels and of performance.

The lists contain source columns for ``from``, see ``contracts.lineage``.
"""

from typing import ClassVar

import pandas as pd

from ml_assets.contracts.contract import Contract, made

JOINED = ["predictions.prediction_id", "{label_table}.{key}"]
"""Source columns of the prediction of a label."""
MATCHED = [
    "predictions.prediction_id",
    "predictions.is_late",
    "labels.prediction_id",
    "labels.prediction_day",
]
"""Source columns of the labelled predictions of a day, and below of a segment."""
LABELLED = [*MATCHED, "predictions.{segments}"]


class Label(Contract):
    """Columns of every arrived label; a pipeline adds its segments."""

    prediction_id: str = made(
        "Identifier of its prediction.",
        [
            "{label_table}.{key}",
            "{label_table}.{known_at}",
            "{label_table}.{label_day}",
        ],
    )
    prediction_day: str = made("Day of the prediction.", [])
    label: float = made("The actual value.", ["{label_table}.{label}"])
    known_at: pd.DatetimeTZDtype = made(
        "Time at which it was known at its source; the label arrives label_delay_days later.",
        ["{label_table}.{known_at}"],
        unit="UTC",
        dtype_kwargs={"unit": "us", "tz": "UTC"},
    )
    prediction: float = made(
        "The prediction; a label without one is rejected.",
        [*JOINED, "predictions.prediction"],
    )
    model_version: str = made("Fingerprint of the model.", [*JOINED, "predictions.model_version"])
    model_as_of: str = made("As-of day of the model.", [*JOINED, "predictions.model_as_of"])
    is_late: bool = made(
        "The row arrived after its day was scored, so it was scored late.",
        [*JOINED, "predictions.is_late"],
        nullable=True,
    )


class Performance(Contract):
    """One metric of the predictions of a day, from the labels that have arrived so far."""

    segment_column: str = made("Segment column; 'all' for all rows.", MATCHED)
    segment: str = made("Value of the segment column; 'all' for all rows.", LABELLED)
    metric: str = made("Name of the metric.", MATCHED)
    value: float = made(
        "Value; null if undefined.",
        [*LABELLED, "labels.label", "predictions.prediction"],
        nullable=True,
    )
    rows: int = made("Number of labelled predictions.", LABELLED, ge=0)
    mean_label: float = made("Mean of their labels.", [*LABELLED, "labels.label"], nullable=True)
    note: str = made("Why the value is null; or empty.", [*LABELLED, "labels.label"])

    class Config:
        """Never empty: without labels there is still a row for the coverage."""

        unique: ClassVar = ["segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
