"""Contracts of arrived labels and of performance.

Each column says what it is made from (``from``, see ``contracts.lineage``); the named lists hold what
several columns share.
"""

from typing import ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract

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

    prediction_id: str = pa.Field(
        description="The prediction it belongs to.",
        metadata={
            "from": [
                "{label_table}.{key}",
                "{label_table}.{known_at}",
                "{label_table}.{label_day}",
            ]
        },
    )
    prediction_day: str = pa.Field(description="Day of that prediction.", metadata={"from": []})
    label: float = pa.Field(
        description="What really happened.", metadata={"from": ["{label_table}.{label}"]}
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When it was known at its source; the label arrives label_delay_days later.",
        metadata={"unit": "UTC", "from": ["{label_table}.{known_at}"]},
        dtype_kwargs={"unit": "us", "tz": "UTC"},
    )
    prediction: float = pa.Field(
        description="What was predicted; a label without a prediction has none and is rejected.",
        metadata={"from": [*JOINED, "predictions.prediction"]},
    )
    model_version: str = pa.Field(
        description="Fingerprint of the model that predicted it.",
        metadata={"from": [*JOINED, "predictions.model_version"]},
    )
    model_as_of: str = pa.Field(
        description="As-of day of that model.",
        metadata={"from": [*JOINED, "predictions.model_as_of"]},
    )
    is_late: bool = pa.Field(
        nullable=True,
        description="The row came after its day was scored: it was not predicted in time.",
        metadata={"from": [*JOINED, "predictions.is_late"]},
    )


class Performance(Contract):
    """One metric of the predictions of a day, by the labels that have arrived so far."""

    segment_column: str = pa.Field(
        description="Column that cuts the segments; 'all' for none.", metadata={"from": MATCHED}
    )
    segment: str = pa.Field(
        description="Value of that column; 'all' for none.", metadata={"from": LABELLED}
    )
    metric: str = pa.Field(description="Name of the metric.", metadata={"from": MATCHED})
    value: float = pa.Field(
        nullable=True,
        description="The metric; null where it is undefined.",
        metadata={"from": [*LABELLED, "labels.label", "predictions.prediction"]},
    )
    rows: int = pa.Field(
        ge=0, description="Labelled predictions it was measured on.", metadata={"from": LABELLED}
    )
    mean_label: float = pa.Field(
        nullable=True,
        description="Mean of their labels.",
        metadata={"from": [*LABELLED, "labels.label"]},
    )
    note: str = pa.Field(
        description="Why the metric is null; empty when it is not.",
        metadata={"from": [*LABELLED, "labels.label"]},
    )

    class Config:
        """Even without a label there is a row that says so."""

        unique: ClassVar = ["segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
