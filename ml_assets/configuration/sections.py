"""Parts of a ``defs.yaml`` that templates share: types of values, labels, estimator."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from ml_assets.cadence import Calendar
from ml_assets.content import DAY
from ml_assets.durations import Duration, DurationOrNone, partitions
from ml_assets.errors import ConfigurationError
from ml_assets.learning.estimators import (
    EXTRAS,
    LIBRARIES,
    Signature,
    install_command,
    is_installed,
    library_of,
    offered_estimators,
    signature,
)
from ml_assets.learning.factories import SEED, refuse_factory
from ml_assets.learning.specification import (
    Classes,
    ModelSpecification,
    Task,
    refuse_checkpoints,
)
from ml_assets.names import suggestion

MIN_CLASSES = 3
"""Least number of classes of a multiclass task."""
CLASS = re.compile(r"-?\w[\w-]*")
"""A class of a multiclass task."""


def _is_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):
        near = suggestion(name, available_timezones())
        raise ValueError(
            f"'{name}' is no time zone, expected for example 'Europe/Berlin'.{near}"
        ) from None


def _are_classes(values: Any) -> Any:
    """Refuse values that are not classes; their names are part of column names."""
    if not isinstance(values, list | tuple) or len(values) < MIN_CLASSES:
        raise ValueError(
            f"{values!r} are not classes: expected a list of at least {MIN_CLASSES}; two are task "
            "classification, with labels 0 and 1"
        )
    if {type(value) for value in values} not in ({str}, {int}):
        raise ValueError(
            f"{list(values)} are not all texts or all whole numbers; YAML reads yes, no, on and off "
            "as booleans unless they are in quotes"
        )
    names = [str(value).casefold() for value in values]
    if twice := [value for value in values if names.count(str(value).casefold()) > 1]:
        raise ValueError(f"{twice[0]!r} occurs more than once, if its case is ignored")
    if wrong := [value for value in values if not CLASS.fullmatch(str(value))]:
        raise ValueError(
            f"{wrong[0]!r} is no class: expected letters, digits, '_' and '-', as classes are part of "
            "column names"
        )
    return tuple(values)


Zone = Annotated[str, AfterValidator(_is_zone)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""A column, or the first part of asset keys."""
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$")]
"""An asset key, ``pipeline/noun``."""
DottedPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
"""A dotted path, ``package.module.Name``."""
_PREDICTION = r"[A-Za-z_]\w* of [A-Za-z_]\w*"
ContractName = Annotated[
    str,
    StringConstraints(
        pattern=rf"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+( \+ {_PREDICTION}( and {_PREDICTION})*)*$"
    ),
]
"""A dotted path of a contract, and predictions that a table has besides, see ``ChainedFeatures``."""
Owner = Annotated[
    str, StringConstraints(pattern=r"^(team:[\w.-]+|[\w.+-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,})$")
]
"""``team:name`` or an e-mail address, as in Dagster."""
ClassNames = Annotated[Classes, BeforeValidator(_are_classes)]
"""The classes of a multiclass task."""


class Section(BaseModel, extra="forbid", frozen=True, allow_inf_nan=False):
    """A part of a ``defs.yaml``; unknown keys and numbers that are not finite are refused."""


def may_lack(*names: str) -> Callable[[dict[str, Any]], None]:
    """Changes a section's JSON schema: documents may lack these keys, as they are completed.

    Args:
        names: the keys.
    """

    def change(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema.get("required", ()) if name not in names]

    return change


class Labels(Section):
    """The source of labels.

    Attributes:
        asset: asset key of the label table: a computed table, or a source table.
        column: column with the label.
        known_at: column with the time at which the label was known; of a source table without this
            column its time column when omitted.
        day: column with the day of the labelled row, if it is not the label's partition: an outcome
            may be stored days later.
        delay: time between that day and the availability of the label.
        arrive_within: time after ``delay`` by which each label has arrived.
    """

    asset: Key
    column: Name
    known_at: Name = "known_at"
    day: Name = DAY
    delay: DurationOrNone = Duration.parse("0d")
    arrive_within: DurationOrNone = Duration.parse("3d")

    def arrives_within(self, calendar: Calendar) -> int:
        """Partitions after that of a prediction by which its label has arrived."""
        return sum(partitions(self, name, calendar) for name in ("delay", "arrive_within"))


class Estimator(Section):
    """The model; see ``ModelSpecification``.

    Attributes:
        task: classification, multiclass or regression.
        classes: for task multiclass only: the classes, at least three, all texts or all whole
            numbers. Their order is that of the probabilities, and belongs to the model.
        path: import path of an estimator of scikit-learn, LightGBM or XGBoost.
        factory: dotted path of a function that makes the estimator, instead of ``path``.
        numeric: numeric input columns.
        categorical: text input columns that are categories.
        text: input columns with free text. If neither ``numeric`` nor ``categorical`` nor ``text`` is
            given, they are the columns of the features' contract with these roles, without key and
            label, see ``contracts.roles``.
        hyperparameters: keyword arguments of the estimator or the factory.
        checkpoint_every: iterations after which training writes a checkpoint.
    """

    task: Task
    classes: ClassNames = ()
    path: DottedPath | None = None
    factory: DottedPath | None = None
    numeric: tuple[Name, ...] = ()
    categorical: tuple[Name, ...] = ()
    text: tuple[Name, ...] = ()
    hyperparameters: dict[str, Any] = {}
    checkpoint_every: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _has_classes_of_task(self) -> Self:
        if self.task != "multiclass" and "classes" in self.model_fields_set:
            raise ValueError(f"classes are for task multiclass and have no effect with {self.task}")
        if self.task == "multiclass" and not self.classes:
            raise ValueError(
                "task multiclass needs the classes, as in 'classes: [small, medium, large]'"
            )
        return self

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.path is None) == (self.factory is None):
            both = "both are given" if self.path else "neither is given"
            raise ValueError(f"expected 'path' or 'factory', {both}")
        if self.factory:
            self._is_made_by(self.factory)
        else:
            self._is_built_by(str(self.path))
        names = [*self.numeric, *self.categorical, *self.text]
        if not names:
            raise ValueError(
                "'numeric', 'categorical' and 'text' contain no feature. If all are left out, they are "
                "the numbers and texts of the features' contract, other than key and label"
            )
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"{', '.join(twice)} occurs more than once in 'numeric', 'categorical' and 'text'"
            )
        return self

    @property
    def specification(self) -> ModelSpecification:
        """Specification of the model without its label."""
        return ModelSpecification(
            task=self.task,
            estimator=self.factory or str(self.path),
            label="",
            numeric=self.numeric,
            categorical=self.categorical,
            hyperparameters=dict(sorted(self.hyperparameters.items())),
            checkpoint_every=self.checkpoint_every,
            classes=self.classes,
            text=self.text,
        )

    def _is_made_by(self, factory: str) -> None:
        if library_of(factory):
            raise ValueError(f"'factory' is '{factory}', which is no function of yours: use 'path'")
        try:
            refuse_factory(factory, self.hyperparameters, self.task)
            if self.checkpoint_every:
                refuse_checkpoints(self.specification)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error

    def _is_built_by(self, path: str) -> None:
        module, _, estimator = path.rpartition(".")
        library = library_of(path)
        if library is None:
            near = suggestion(path.partition(".")[0], LIBRARIES)
            raise ValueError(
                f"'path' is '{path}', expected one of {', '.join(LIBRARIES)}.{near} For another "
                "estimator write a function that returns it, and name it as 'factory'"
            )
        if library in EXTRAS and not is_installed(library):
            raise ValueError(
                f"'path' is '{path}', and {library} is not installed. To install it, run: "
                f"{install_command(library)}"
            )
        offered = offered_estimators(module)
        if estimator not in offered:
            raise ValueError(f"{module} has no {estimator}.{suggestion(estimator, offered)}")
        self._fits(signature(path), estimator)

    def _fits(self, known: Signature, estimator: str) -> None:
        if known.task != ("classification" if self.classes else self.task):
            what = f"is for {known.task}" if known.task else "neither classifies nor regresses"
            raise ValueError(f"{estimator} {what}, but the task is {self.task}")
        if self.task != "regression" and not known.has_probabilities:
            raise ValueError(f"{estimator} predicts no probabilities, which scores require")
        if missing := [name for name in known.required if name not in self.hyperparameters]:
            raise ValueError(f"hyperparameters lack {', '.join(missing)}, which {estimator} needs")
        steps = {"max_iter", "n_estimators"} & {*known.parameters}
        if self.checkpoint_every and not (steps and "warm_start" in known.parameters):
            raise ValueError(
                f"{estimator} cannot resume from a checkpoint: leave checkpoint_every out"
            )
        for name in self.hyperparameters:
            if known.parameters and name not in known.parameters:
                raise ValueError(
                    f"{estimator} has no parameter '{name}'.{suggestion(name, known.parameters)}"
                )
        if SEED in known.parameters and type(self.hyperparameters.get(SEED)) is not int:
            raise ValueError(
                f"hyperparameters contain no seed, so models cannot be rebuilt: add '{SEED}: 0'"
            )
