"""Base class of the four parts of a model pipeline: configuration and contracts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import pandas as pd

from ml_assets.components.configured import Configured
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.configuration.ensemble.section import EnsembleConfiguration
from ml_assets.configuration.models import pipeline_of
from ml_assets.configuration.objects import (
    dataset_contract_of,
    load_contract,
    load_object,
)
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, Limits, columns, dtype, limits, type_name
from ml_assets.contracts.derived import Fields, label_contract, prediction_contract
from ml_assets.contracts.roles import is_text
from ml_assets.errors import ConfigurationError
from ml_assets.learning.contracts import Prediction, predicted_fields
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.ensembles.columns import ensemble_fields
from ml_assets.learning.predictions import prediction_columns
from ml_assets.learning.specification import Classes
from ml_assets.monitoring.contracts.performance import Label, label_fields
from ml_assets.names import suggestion

P = TypeVar("P", bound=ModelConfiguration)


class ModelPart(Configured[P]):
    """A template for one part of a model pipeline.

    Args:
        config: validated attributes of its ``defs.yaml``.
    """

    @classmethod
    def read(cls, attributes: Mapping[str, Any], file: Path) -> P:
        """Validate attributes, completed from the feature table's ``defs.yaml`` and the environment.

        Raises:
            ConfigurationError: a key is missing or unknown, or a value is outside its limits.
        """
        return pipeline_of(attributes, file, cast("type[P]", cls.configuration))

    @cached_property
    def pipeline(self) -> PipelineContext:
        """The context shared by all stages."""
        return PipelineContext.of(self.config)

    @cached_property
    def contracts(self) -> "PipelineContracts":
        """Contracts of the tables with pipeline-specific columns.

        Raises:
            ConfigurationError: a contract cannot be imported or derived, or the configuration
                names an unknown column.
        """
        return PipelineContracts.of(self.config)


@dataclass(frozen=True)
class PipelineContracts:
    """Contracts of the tables with pipeline-specific columns; derived unless configured.

    Attributes:
        training_dataset: contract of the training dataset.
        predictions: contract of the predictions.
        labels: contract of the arrived labels.
    """

    training_dataset: type[Contract]
    predictions: type[Contract]
    labels: type[Contract]

    @classmethod
    def of(cls, config: ModelConfiguration) -> Self:
        """The contracts of a configuration.

        Raises:
            ConfigurationError: a contract cannot be imported or derived, or the configuration
                names an unknown column.
        """
        if not config.contracts.training_dataset:
            refuse_unknown_label_columns(config, load_contract(str(config.contracts.outcomes)))
        dataset = dataset_contract_of(config.dataset)
        refuse_unknown_columns(config, dataset)
        refuse_numbers_as_text(config, dataset)
        named, task, classes = config.contracts, config.estimator.task, config.estimator.classes
        shown = dict.fromkeys([*config.join_keys, *config.segments])
        answered = _answered(config)
        found = cls(
            training_dataset=dataset,
            predictions=load_contract(named.predictions)
            if named.predictions
            else prediction_contract(
                Prediction,
                dataset,
                [*shown],
                predicted={**predicted_fields(task, classes), **answered},
                of_features=limits(load_contract(named.features)) if named.features else Limits(),
                day=_load_optional(named.predictions_day),
                max_dead_letter_share=_max_refused_share(config),
            ),
            labels=load_contract(named.labels)
            if named.labels
            else label_contract(
                Label,
                dataset,
                config.segments,
                config.join_keys,
                labelled=label_fields(task, classes),
                day=_load_optional(named.labels_day),
            ),
        )
        if classes:
            refuse_other_classes(config, dataset)
            for contract in (found.predictions, found.labels):
                refuse_missing_probabilities(contract, classes)
        return found


def _answered(config: ModelConfiguration) -> Fields:
    """Further columns of an ensemble's predictions.

    Raises:
        ConfigurationError: a key or a segment has the name of one.
    """
    if not isinstance(config, EnsembleConfiguration):
        return {}
    found = ensemble_fields()
    if taken := [name for name in (*config.join_keys, *config.segments) if name in found]:
        raise ConfigurationError(
            f"{', '.join(taken)} of {config.pipeline} in defs.yaml is a column of an ensemble's "
            "predictions. Give this key or segment another name."
        )
    return found


def _max_refused_share(config: ModelConfiguration) -> float:
    """Share of rows without a prediction above which a day is quarantined: those that a rule refuses."""
    if isinstance(config, EnsembleConfiguration):
        return config.prediction_limits.max_refused_share
    return 0.0


def _load_optional(path: str | None) -> Any:
    return load_object(path) if path else None


def refuse_unknown_label_columns(config: ModelConfiguration, contract: type[Contract]) -> None:
    """Refuse column names that the label table does not have.

    Raises:
        ConfigurationError: a column is unknown; the message suggests the most similar one.
    """
    labels = config.labels
    named = {"labels.column": labels.column, "labels.known_at": labels.known_at}
    if labels.day != DAY:
        named["labels.day"] = labels.day
    for where, name in [*named.items(), *(("join_keys", name) for name in config.join_keys)]:
        refuse_unknown_column(where, name, config, columns(contract), labels.asset)


def refuse_unknown_columns(config: ModelConfiguration, contract: type[Contract]) -> None:
    """Refuse column names that the training dataset does not have.

    Raises:
        ConfigurationError: a column is unknown; the message suggests the most similar one.
    """
    known, table = list(columns(contract)), training_table(config)
    named = {
        "join_keys": config.join_keys,
        "segments": config.segments,
        "estimator.numeric": config.estimator.numeric,
        "estimator.categorical": config.estimator.categorical,
        "estimator.text": config.estimator.text,
        "labels.column": (config.labels.column,),
        "labels.known_at": (config.labels.known_at,),
    }
    predicted = prediction_columns(config.estimator.classes)
    features = config.specification.features if config.estimator.classes else []
    copied = [*config.join_keys, *config.segments, config.labels.column, config.labels.known_at]
    taken = [name for name in features if name in predicted]
    taken += [name for name in copied if name in {*predicted, *columns(Prediction)}]
    if taken:
        raise ConfigurationError(
            f"{', '.join(taken)} of {config.pipeline} in defs.yaml is a column of the predictions. "
            "Give this key, segment, feature or label another name."
        )
    not_features = {config.labels.column, config.labels.known_at, FEATURE_DAY, SPLIT, DAY}
    if leaking := [name for name in config.specification.features if name in not_features]:
        raise ConfigurationError(
            f"'estimator' of {config.pipeline} in defs.yaml names {', '.join(leaking)} as a feature, "
            "which is the label or the time at which a row was known. Remove it."
        )
    if wrong := [name for name in config.segments if name in not_features]:
        raise ConfigurationError(
            f"'segments' of {config.pipeline} in defs.yaml names {', '.join(wrong)}, which "
            "is the label, its time, a day or the split. Name columns of the features."
        )
    for where, names in named.items():
        for name in names:
            refuse_unknown_column(where, name, config, known, table)


def refuse_numbers_as_text(config: ModelConfiguration, contract: type[Contract]) -> None:
    """Refuse features of free text that are no texts in a training dataset.

    Raises:
        ConfigurationError: a column has another type.
    """
    known = columns(contract)
    for name in config.estimator.text:
        if not is_text(known[name]):
            raise ConfigurationError(
                f"'estimator.text' of {config.pipeline} in defs.yaml names '{name}', which is of type "
                f"{type_name(known[name])} in its contract. Expected texts: name it under 'numeric'."
            )


def refuse_other_classes(config: ModelConfiguration, contract: type[Contract]) -> None:
    """Refuse classes that the label column of a training dataset does not have.

    Raises:
        ConfigurationError: the column has another type, or its contract lists other values.
    """
    name, classes = config.labels.column, config.estimator.classes
    column = columns(contract)[name]
    place = f"'estimator.classes' of {config.pipeline} in defs.yaml"
    if isinstance(dtype(column), pd.StringDtype) != isinstance(classes[0], str):
        raise ConfigurationError(
            f"{place} has {'texts' if isinstance(classes[0], str) else 'numbers'}, and the label "
            f"'{name}' is of type {type_name(column)} in its contract. Write the classes as they "
            "occur there."
        )
    values = [
        value
        for check in column.checks
        if check.name == "isin"
        for value in (check.statistics or {})["allowed_values"]
    ]
    if values and (different := {*values} ^ {*classes}):
        raise ConfigurationError(
            f"{place} and the contract of the label '{name}' differ in "
            f"{', '.join(sorted(map(str, different)))}: the contract allows "
            f"{', '.join(map(str, values))}. List these classes, or change the contract."
        )


def refuse_missing_probabilities(contract: type[Contract], classes: Classes) -> None:
    """Refuse a contract without the columns of a prediction of classes.

    Raises:
        ConfigurationError: a column is missing.
    """
    if missing := [name for name in prediction_columns(classes) if name not in columns(contract)]:
        raise ConfigurationError(
            f"{contract.__name__} has no column {', '.join(missing)}, which predictions of classes "
            "have. Add them, or leave the contract out of defs.yaml to have it derived."
        )


def training_table(config: ModelConfiguration) -> str:
    """The training dataset of a pipeline for a message."""
    return f"the training dataset ({config.dataset.contract})"


def refuse_unknown_column(
    where: str, name: str, config: ModelConfiguration, known: Collection[str], table: str
) -> None:
    """Refuse a column name that a table does not have.

    Args:
        where: key of the configuration that names the column.
        name: the column.
        config: the configuration.
        known: columns of the table.
        table: the table for the message.

    Raises:
        ConfigurationError: the column is unknown; the message suggests the most similar one.
    """
    if name not in known:
        raise ConfigurationError(
            f"'{where}' of {config.pipeline} in defs.yaml names '{name}', which is no column of "
            f"{table}.{suggestion(name, known)}"
        )
