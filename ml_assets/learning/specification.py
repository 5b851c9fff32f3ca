"""What a model is, as a ``defs.yaml`` says it, and building it."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class ModelSpecification:
    """A scikit-learn model, described by data.

    Attributes:
        task: what it predicts: a class (0 or 1) or a number.
        estimator: import path of a scikit-learn estimator.
        hyperparameters: its keyword arguments.
        checkpoint_every: iterations after which training writes a checkpoint; None: never. What
            is learned does not depend on it, so it is no part of the canonical text.
        numeric: columns it takes as they are; missing values stay missing.
        categorical: text columns; a category that training did not see counts as missing.
        label: the column it learns to predict.
    """

    task: Task
    estimator: str
    label: str
    numeric: Sequence[str]
    categorical: Sequence[str] = ()
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_every: int | None = field(default=None, repr=False)

    def __hash__(self) -> int:
        """Equal specifications have equal canonical texts."""
        return hash(self.canonical())

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> "ModelSpecification":
        """The specification whose fields were kept as JSON; checkpoints are not among them."""
        columns = {name: tuple(values[name]) for name in ("numeric", "categorical")}
        return cls(**{**values, **columns})

    def canonical(self) -> str:
        """The specification as text, the same whatever order the hyperparameters came in."""
        return repr(replace(self, hyperparameters=sorted(self.hyperparameters.items())))  # type: ignore[arg-type]

    @property
    def features(self) -> list[str]:
        """Input columns, categorical ones first."""
        return [*self.categorical, *self.numeric]


def build(specification: ModelSpecification) -> "Pipeline":
    """An unfitted pipeline: categories to codes, then the estimator.

    Raises:
        ConfigurationError: the estimator cannot be imported or does not take its arguments.
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
    """How an estimator is fitted slice by slice.

    Returns:
        The parameter that counts its iterations, and the iterations at the end of each slice.

    Raises:
        ConfigurationError: the estimator cannot go on from where it was, or a slice is empty.
    """
    parameters = estimator.get_params(deep=False)
    is_boosting = type(estimator).__name__.startswith("HistGradientBoosting")
    parameter = "max_iter" if is_boosting else "n_estimators"
    if parameter not in parameters or "warm_start" not in parameters:
        raise ConfigurationError(
            f"'checkpoint_every' is set, but {specification.estimator} cannot go on from a "
            "checkpoint: expected HistGradientBoosting*, or an estimator with 'n_estimators' and "
            "'warm_start'. Remove 'checkpoint_every'."
        )
    stops_early = "early_stopping" if is_boosting else "n_iter_no_change"
    if parameters.get(stops_early) not in (None, False):
        raise ConfigurationError(
            f"'checkpoint_every' is set, but with '{stops_early}' {specification.estimator} would "
            "stop elsewhere than in one go. Set it to false or null, or remove 'checkpoint_every'."
        )
    every, total = specification.checkpoint_every, parameters[parameter]
    if every is None or every < 1:
        raise ConfigurationError(f"'checkpoint_every' is {every}. Expected a number from 1.")
    return parameter, [*range(every, total, every), total]


def _estimator(specification: ModelSpecification) -> Any:
    module, _, name = specification.estimator.rpartition(".")
    if not module.startswith("sklearn."):
        raise ConfigurationError(
            f"Estimator '{specification.estimator}' is not scikit-learn's. Only those can be "
            "stored without pickle and loaded through the allow-list."
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
