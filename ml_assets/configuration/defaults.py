"""Defaults of a ``defs.yaml`` that follow from its other values, before these are validated."""

from collections.abc import Mapping
from typing import Any

from ml_assets.learning.objectives import fitting_metrics


def with_fitting_metrics(values: Any) -> Any:
    """Attributes of a model, with the metrics of a quantile or of counts if none are configured.

    Args:
        values: attributes of a document, which may be anything.
    """
    if not isinstance(values, Mapping):
        return values
    estimator, evaluation = values.get("estimator"), values.get("evaluation") or {}
    if not (isinstance(estimator, Mapping) and isinstance(evaluation, Mapping)):
        return values
    path, parameters = estimator.get("path"), estimator.get("hyperparameters") or {}
    is_known = isinstance(path, str) and isinstance(parameters, Mapping)
    names = fitting_metrics(str(path), parameters) if is_known else ()
    if not names or evaluation.get("metrics"):
        return values
    return {**values, "evaluation": {**evaluation, "metrics": names}}
