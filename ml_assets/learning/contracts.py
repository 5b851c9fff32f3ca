"""Contracts of predictions; a pipeline's own derive from them."""

from ml_assets.contracts.contract import Contract, made

SERVING = ["champion.fingerprint", "champion.serves_from"]
"""What a contract's ``from`` says of the model that serves on a day."""


class ModelPrediction(Contract):
    """What a model makes of a row: the one column by which it, being no table, has its lineage."""

    prediction: float = made(
        "Probability of the positive class, or the predicted number.",
        [
            "training_dataset.{features}",
            "training_dataset.{label}",
            "training_dataset.split",
        ],
    )


class Prediction(Contract):
    """What every prediction says of itself; a pipeline adds its key and its segments."""

    prediction_id: str = made(
        "Day and hash of the key: what a label is joined by.", ["{feature_table}.{key}"]
    )
    prediction: float = made(
        "Probability of the positive class, or the predicted number.",
        ["{feature_table}.{features}", *SERVING],
    )
    model_version: str = made("Fingerprint of the model that made it.", SERVING)
    model_as_of: str = made("As-of day of that model.", ["champion.serves_from"])
    feature_version: str = made(
        "Data version of the feature day it was made from.", ["{feature_table}.{feature_columns}"]
    )
    is_late: bool = made("The row came after its day was scored: it was not predicted in time.", [])
