"""Base contracts of predictions; pipelines derive their own from them."""

from collections.abc import Callable, Sequence

import pandera.pandas as pa

from ml_assets.contracts.contract import Contract, computed
from ml_assets.contracts.derived import Fields
from ml_assets.learning.predictions import PREDICTION, SCORE, probability_column
from ml_assets.learning.specification import Classes, Task

SERVING = ["champion.fingerprint", "champion.serves_from"]
"""Source columns of the champion of a day, for ``from``."""


PREDICTED = ["{feature_table}.{features}", *SERVING]
"""Source columns of a prediction."""


class ModelPrediction(Contract):
    """The prediction of a model, the column that stands for the model in column lineage."""

    prediction: float = computed(
        "Probability of the positive class, or the predicted number.",
        [
            "training_dataset.{features}",
            "training_dataset.{label}",
            "training_dataset.split",
            "{member_models}.prediction",
        ],
    )


class Prediction(Contract):
    """Columns of every prediction; a pipeline adds its key and its segments."""

    prediction_id: str = computed(
        "Day and hash of the key; labels are joined by it.", ["{feature_table}.{key}"]
    )
    prediction: float = computed(
        "Probability of the positive class, or the predicted number.",
        PREDICTED,
    )
    model_version: str = computed(
        "Fingerprint of the model, not its number in the registry.", SERVING
    )
    model_as_of: str = computed("As-of day of the model.", ["champion.serves_from"])
    feature_version: str = computed(
        "Data version of the features on this day.", ["{feature_table}.{feature_columns}"]
    )
    is_late: bool = computed(
        "The row arrived after its day was scored, and too late to be predicted in time.", []
    )
    horizon_hours: float = computed(
        "Time from the last moment that the features know of to the time that is predicted; "
        "negative when they know more.",
        ["{feature_table}.{times}"],
        unit="h",
        nullable=True,
    )
    is_replayed: bool = computed(
        "The row was predicted after the time that is predicted, as in a replay of history.",
        ["{feature_table}.{target_time}"],
    )


def predicted_fields(task: Task, classes: Classes) -> Fields:
    """Columns of a prediction that differ from those of ``Prediction``, by the task."""
    if task == "classification":
        return {
            PREDICTION: (
                float,
                pa.Field(ge=0, le=1, description="Probability of the positive class."),
            )
        }
    return class_fields(classes, lambda _: PREDICTED)


def class_fields(classes: Classes, sources: Callable[[str], Sequence[str]]) -> Fields:
    """Columns of the prediction of a class; none without classes.

    Args:
        classes: classes of a multiclass task; empty for other tasks.
        sources: returns the source columns of a column.
    """
    if not classes:
        return {}
    return {
        PREDICTION: (
            type(classes[0]),
            computed("The most probable class.", sources(PREDICTION), isin=list(classes)),
        ),
        SCORE: (
            float,
            computed("Probability of the predicted class.", sources(SCORE), ge=0, le=1),
        ),
        **{
            (column := probability_column(name)): (
                float,
                computed(f"Probability of class {name}.", sources(column), ge=0, le=1),
            )
            for name in classes
        },
    }
