"""Base contracts of predictions; pipelines derive their own from them."""

from ml_assets.contracts.contract import Contract, computed

SERVING = ["champion.fingerprint", "champion.serves_from"]
"""Source columns of the champion of a day, for ``from``."""


class ModelPrediction(Contract):
    """The prediction of a model, the column that stands for the model in column lineage."""

    prediction: float = computed(
        "Probability of the positive class, or the predicted number.",
        [
            "training_dataset.{features}",
            "training_dataset.{label}",
            "training_dataset.split",
        ],
    )


class Prediction(Contract):
    """Columns of every prediction; a pipeline adds its key and its segments."""

    prediction_id: str = computed(
        "Day and hash of the key; labels are joined by it.", ["{feature_table}.{key}"]
    )
    prediction: float = computed(
        "Probability of the positive class, or the predicted number.",
        ["{feature_table}.{features}", *SERVING],
    )
    model_version: str = computed(
        "Fingerprint of the model, not its number in the registry.", SERVING
    )
    model_as_of: str = computed("As-of day of the model.", ["champion.serves_from"])
    feature_version: str = computed(
        "Data version of the features on this day.", ["{feature_table}.{feature_columns}"]
    )
    is_late: bool = computed("The row arrived after its day was scored, so it was scored late.", [])
