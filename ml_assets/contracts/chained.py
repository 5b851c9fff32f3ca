"""Contracts of features with predictions of other models."""

from functools import cache

from ml_assets.contracts.contract import Contract, columns, computed, key_columns, limits
from ml_assets.contracts.derived import column_from, derived_contract
from ml_assets.errors import ConfigurationError


@cache
def chained_contract(
    features: type[Contract], predictions: tuple[tuple[str, str], ...]
) -> type[Contract]:
    """The contract of features with predictions of other models.

    Args:
        features: contract of the features.
        predictions: columns with a prediction, each with the pipeline that predicts it.

    Raises:
        ConfigurationError: the features have such a column.
    """
    for column, pipeline in predictions:
        if column in columns(features):
            raise ConfigurationError(
                f"The prediction of {pipeline} is the column '{column}', which {features.__name__} has "
                "already. Give it another name under 'predictions'."
            )
    of_features = limits(features)
    passed_on = {
        name: column_from(features, name, [f"{{feature_table}}.{name}"])
        for name in columns(features)
    }
    predicted = {
        column: (
            float,
            computed(
                f"The prediction of {pipeline}; missing for rows without one that was known in time.",
                [f"{pipeline}/predictions.prediction"],
                nullable=True,
            ),
        )
        for column, pipeline in predictions
    }
    named = ", ".join(pipeline for _, pipeline in predictions)
    return derived_contract(
        features.__name__,
        f"{features.__doc__ or ''} With predictions of {named}.".strip(),
        (features,),
        passed_on | predicted,
        (features,),
        unique=key_columns(features),
        may_be_empty=of_features.may_be_empty,
        empty_on=of_features.empty_on,
        max_dead_letter_share=0.0,
    )
