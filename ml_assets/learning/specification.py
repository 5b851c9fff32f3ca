"""Specification of a model, and the scikit-learn pipeline that is built from it."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Task = Literal["classification", "multiclass", "regression"]
Classes = tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True)
class ModelSpecification:
    """Specification of a scikit-learn model.

    Attributes:
        task: classification (label 0 or 1), multiclass (label one of ``classes``) or regression.
        estimator: import path of a scikit-learn estimator.
        hyperparameters: keyword arguments of the estimator.
        checkpoint_every: iterations after which training writes a checkpoint; None for never. The
            model does not depend on it, so the canonical text does not contain it.
        numeric: numeric input columns; missing values stay missing.
        categorical: text input columns; categories that do not occur in training count as missing.
        label: label column.
        classes: classes of a multiclass task in the order of their probabilities; otherwise empty.
            The canonical text of a model without classes does not contain them.
    """

    task: Task
    estimator: str
    label: str
    numeric: Sequence[str]
    categorical: Sequence[str] = ()
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_every: int | None = field(default=None, repr=False)
    classes: Classes = ()

    def __hash__(self) -> int:
        """Equal specifications have equal canonical texts."""
        return hash(self.canonical())

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> "ModelSpecification":
        """The specification from its fields as JSON, which do not include checkpoints."""
        columns = {name: tuple(values[name]) for name in ("numeric", "categorical")}
        return cls(**{**values, **columns, "classes": tuple(values.get("classes", ()))})

    def canonical(self) -> str:
        """The specification as text, independent of the order of the hyperparameters."""
        text = repr(replace(self, hyperparameters=sorted(self.hyperparameters.items())))  # type: ignore[arg-type]
        return text if self.classes else text.replace(", classes=()", "")

    @property
    def features(self) -> list[str]:
        """Input columns, categorical ones first."""
        return [*self.categorical, *self.numeric]


def build(specification: ModelSpecification) -> "Pipeline":
    """An unfitted pipeline: an encoder of categories, then the estimator.

    Raises:
        ConfigurationError: the estimator cannot be imported or refuses its arguments.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=float("nan"), min_frequency=20
    )
    columns = ColumnTransformer(
        [
            ("categorical", encoder, list(specification.categorical)),
            ("numeric", "passthrough", list(specification.numeric)),
        ],
        verbose_feature_names_out=False,
    )
    return Pipeline([("columns", columns), ("estimator", _estimator(specification))])


def slices(specification: ModelSpecification, estimator: Any) -> tuple[str, list[int]]:
    """The slices of iterations in which an estimator is fitted.

    Returns:
        Name of the parameter with the number of iterations, and its value at the end of each slice.

    Raises:
        ConfigurationError: the estimator cannot be fitted in slices, or a slice is empty.
    """
    parameters = estimator.get_params(deep=False)
    is_boosting = type(estimator).__name__.startswith("HistGradientBoosting")
    parameter = "max_iter" if is_boosting else "n_estimators"
    if parameter not in parameters or "warm_start" not in parameters:
        raise ConfigurationError(
            f"'checkpoint_every' is set, but {specification.estimator} cannot resume from a "
            "checkpoint: expected HistGradientBoosting*, or an estimator with 'n_estimators' and "
            "'warm_start'. Remove 'checkpoint_every'."
        )
    stops_early = "early_stopping" if is_boosting else "n_iter_no_change"
    if parameters.get(stops_early) not in (None, False):
        raise ConfigurationError(
            f"'checkpoint_every' is set, but with '{stops_early}' {specification.estimator} would "
            f"stop at another iteration than without checkpoints. Set '{stops_early}' to false or "
            "null, or remove 'checkpoint_every'."
        )
    every, total = specification.checkpoint_every, parameters[parameter]
    if every is None or every < 1:
        raise ConfigurationError(f"'checkpoint_every' is {every}. Expected a number from 1.")
    return parameter, [*range(every, total, every), total]


def _estimator(specification: ModelSpecification) -> Any:
    module, _, name = specification.estimator.rpartition(".")
    if not module.startswith("sklearn."):
        raise ConfigurationError(
            f"Estimator '{specification.estimator}' is not from scikit-learn. Other models cannot "
            "be stored without pickle. Choose an estimator 'sklearn.…'."
        )
    try:
        cls = getattr(importlib.import_module(module), name)
        arguments = dict(specification.hyperparameters)
        if "categorical_features" in cls().get_params():
            arguments["categorical_features"] = list(range(len(specification.categorical)))
        return cls(**arguments)
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"Estimator '{specification.estimator}' cannot be built: {error}."
        ) from None
