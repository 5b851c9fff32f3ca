"""Specification of a model, and the scikit-learn pipeline that is built from it."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ml_assets.errors import ConfigurationError, sentence
from ml_assets.learning.estimators import EXTRAS, install_command, is_installed, library_of
from ml_assets.learning.factories import made_by, product_types
from ml_assets.learning.model_files.boosters import repeatable
from ml_assets.learning.preprocessing import preprocessing

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Task = Literal["classification", "multiclass", "regression"]
Classes = tuple[str, ...] | tuple[int, ...]

ENSEMBLE = "ml_assets.learning.ensembles.members.ensemble"
"""The factory of ensembles, whose argument ``members`` has the specifications of the members."""

LATER = ("classes", "text")
"""Fields that older records lack; if they are empty, the canonical text does not contain them."""


@dataclass(frozen=True)
class ModelSpecification:
    """Specification of a model.

    Attributes:
        task: classification (label 0 or 1), multiclass (label one of ``classes``) or regression.
        estimator: import path of an estimator of scikit-learn, LightGBM or XGBoost, or of a
            factory, see ``factories``.
        hyperparameters: keyword arguments of the estimator or factory.
        checkpoint_every: iterations after which training writes a checkpoint; None for never. The
            model does not depend on it, so the canonical text does not contain it.
        numeric: numeric input columns; missing values stay missing.
        categorical: text input columns with categories; those that do not occur in training count
            as missing.
        label: label column.
        classes: classes of a multiclass task in the order of their probabilities; otherwise empty.
        text: input columns with free text; missing text counts as empty.
    """

    task: Task
    estimator: str
    label: str
    numeric: Sequence[str]
    categorical: Sequence[str] = ()
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_every: int | None = field(default=None, repr=False)
    classes: Classes = ()
    text: Sequence[str] = ()

    def __hash__(self) -> int:
        """Equal specifications have equal canonical texts."""
        return hash(self.canonical())

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> "ModelSpecification":
        """The specification from its fields as JSON, which do not include checkpoints."""
        columns = {name: tuple(values[name]) for name in ("numeric", "categorical")}
        later = {name: tuple(values.get(name, ())) for name in LATER}
        return cls(**{**values, **columns, **later})

    def canonical(self) -> str:
        """The specification as text, independent of the order of the hyperparameters."""
        found = repr(replace(self, hyperparameters=sorted(self.hyperparameters.items())))  # type: ignore[arg-type]
        for name in LATER:
            found = found if getattr(self, name) else found.replace(f", {name}=()", "")
        return found

    @property
    def features(self) -> list[str]:
        """Input columns: categorical ones, numeric ones, free text."""
        return [*self.categorical, *self.numeric, *self.text]

    @property
    def members(self) -> "dict[str, ModelSpecification]":
        """Member of an ensemble → its specification; empty for any other model."""
        records = self.hyperparameters["members"] if self.estimator == ENSEMBLE else {}
        return {name: ModelSpecification.from_record(record) for name, record in records.items()}


def build(specification: ModelSpecification) -> "Pipeline":
    """An unfitted pipeline: the default preprocessing, then the estimator.

    A Pipeline of a factory is used as it is, on the input columns.

    Raises:
        ConfigurationError: the estimator cannot be imported or refuses its arguments.
    """
    from sklearn.pipeline import Pipeline

    estimator = repeatable(_estimator(specification))
    if isinstance(estimator, Pipeline):
        return estimator
    if estimator.get_params(deep=False).get("categorical_features") == "from_dtype":
        estimator.set_params(categorical_features=list(range(len(specification.categorical))))
    first = preprocessing(
        estimator, specification.numeric, specification.categorical, specification.text
    )
    return Pipeline([first, ("estimator", estimator)])


def refuse_checkpoints(specification: ModelSpecification) -> None:
    """Refuse checkpoints of an estimator of a factory that cannot resume from them.

    Raises:
        ConfigurationError: it is a Pipeline, or cannot be fitted in slices.
    """
    from sklearn.pipeline import Pipeline

    if isinstance(made_by(specification.estimator, specification.hyperparameters), Pipeline):
        raise ConfigurationError(
            f"'checkpoint_every' is set, but {specification.estimator} returns a Pipeline, which "
            "cannot resume from a checkpoint. Remove 'checkpoint_every'."
        )
    slices(specification, build(specification)[-1])


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


def allowed_types(specification: ModelSpecification) -> frozenset[str]:
    """Types that a model file may contain because the factory of the model returns them.

    Raises:
        ConfigurationError: the factory cannot be used.
    """
    path, arguments = specification.estimator, specification.hyperparameters
    own = frozenset() if library_of(path) else product_types(path, arguments)
    return own.union(*map(allowed_types, specification.members.values()))


def _estimator(specification: ModelSpecification) -> Any:
    path, arguments = specification.estimator, specification.hyperparameters
    if (library := library_of(path)) is None:
        return made_by(path, arguments)
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)(**arguments)
    except (ImportError, AttributeError, TypeError, OSError) as error:
        is_missing = library in EXTRAS and not is_installed(library)
        remedy = f" To install {library}, run: {install_command(library)}" if is_missing else ""
        raise ConfigurationError(
            f"Estimator '{path}' cannot be built: {sentence(error)}{remedy}"
        ) from None
