"""Contracts of predictions; a pipeline's own derive from them."""

import pandera.pandas as pa

from ml_assets.contracts.contract import Contract

SERVING = ["champion.fingerprint", "champion.serves_from"]
"""What a contract's ``from`` says of the model that serves on a day."""


class ModelPrediction(Contract):
    """What a model makes of a row: the one column by which it, being no table, has its lineage."""

    prediction: float = pa.Field(
        description="Probability of the positive class, or the predicted number.",
        metadata={
            "from": [
                "training_dataset.{features}",
                "training_dataset.{label}",
                "training_dataset.split",
            ]
        },
    )


class Prediction(Contract):
    """What every prediction says of itself; a pipeline adds its key and its segments."""

    prediction_id: str = pa.Field(
        description="Day and hash of the key: what a label is joined by.",
        metadata={"from": ["{feature_table}.{key}"]},
    )
    prediction: float = pa.Field(
        description="Probability of the positive class, or the predicted number.",
        metadata={"from": ["{feature_table}.{features}", *SERVING]},
    )
    model_version: str = pa.Field(
        description="Fingerprint of the model that made it.", metadata={"from": SERVING}
    )
    model_as_of: str = pa.Field(
        description="As-of day of that model.", metadata={"from": ["champion.serves_from"]}
    )
    feature_version: str = pa.Field(
        description="Data version of the feature day it was made from.",
        metadata={"from": ["{feature_table}.{feature_columns}"]},
    )
    is_late: bool = pa.Field(
        description="The row came after its day was scored: it was not predicted in time.",
        metadata={"from": []},
    )
