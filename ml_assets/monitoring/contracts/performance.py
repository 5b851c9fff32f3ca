"""Contracts of arrived labels and of performance.

The lists contain source columns for ``from``, see ``contracts.lineage``.
"""

from typing import ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract, computed
from ml_assets.contracts.derived import Fields
from ml_assets.learning.contracts import class_fields
from ml_assets.learning.specification import Classes, Task

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

    prediction_id: str = computed(
        "Identifier of its prediction.",
        [
            "{label_table}.{key}",
            "{label_table}.{known_at}",
            "{label_table}.{label_day}",
        ],
    )
    prediction_day: str = computed("Day of the prediction.", [])
    label: float = computed("The actual value.", ["{label_table}.{label}"])
    known_at: pd.DatetimeTZDtype = computed(
        "Time at which the label was known at its source; it arrives labels.delay later.",
        ["{label_table}.{known_at}"],
        unit="UTC",
        dtype_kwargs={"unit": "us", "tz": "UTC"},
    )
    prediction: float = computed(
        "The prediction; a label without one is rejected.",
        [*JOINED, "predictions.prediction"],
    )
    model_version: str = computed(
        "Fingerprint of the model.", [*JOINED, "predictions.model_version"]
    )
    model_as_of: str = computed("As-of day of the model.", [*JOINED, "predictions.model_as_of"])
    is_late: bool = computed(
        "The row arrived after its day was scored, so it was scored late.",
        [*JOINED, "predictions.is_late"],
        nullable=True,
    )


def label_fields(task: Task, classes: Classes) -> Fields:
    """Columns of a label and its prediction that differ from those of ``Label``, by the task."""
    if task == "classification":
        meaning = "Actual label: 1 if the predicted event happened, otherwise 0."
        return {"label": (float, pa.Field(isin=[0, 1], description=meaning))}
    if not classes:
        return {}
    return {
        "label": (
            type(classes[0]),
            computed("The actual class.", ["{label_table}.{label}"], isin=list(classes)),
        ),
        **class_fields(classes, lambda column: [*JOINED, f"predictions.{column}"]),
    }


class Performance(Contract):
    """One metric of the predictions of a day, from the labels that have arrived so far."""

    segment_column: str = computed("Segment column; 'all' for all rows.", MATCHED)
    segment: str = computed("Value of the segment column; 'all' for all rows.", LABELLED)
    metric: str = computed("Name of the metric.", MATCHED)
    value: float = computed(
        "Value; null if undefined.",
        [*LABELLED, "labels.label", "predictions.{predicted}"],
        nullable=True,
    )
    rows: int = computed("Number of labelled predictions.", LABELLED, ge=0)
    mean_label: float = computed(
        "Mean of their labels.", [*LABELLED, "labels.label"], nullable=True
    )
    note: str = computed("Why the value is null; or empty.", [*LABELLED, "labels.label"])

    class Config:
        """Never empty: without labels there is still a row for the coverage."""

        unique: ClassVar = ["segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
