"""Base class of the four parts of a model pipeline: configuration and contracts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from ml_assets.components.configured import Configured
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.configuration.documents import pipeline_of
from ml_assets.configuration.objects import (
    dataset_contract_of,
    load_contract,
    load_object,
)
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, columns, limits
from ml_assets.contracts.derived import label_contract, prediction_contract
from ml_assets.errors import ConfigurationError
from ml_assets.learning.contracts import Prediction
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.monitoring.contracts.performance import Label
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
        named, is_classification = config.contracts, config.estimator.task == "classification"
        shown = dict.fromkeys([*config.join_keys, *config.segments])
        return cls(
            training_dataset=dataset,
            predictions=load_contract(named.predictions)
            if named.predictions
            else prediction_contract(
                Prediction,
                dataset,
                [*shown],
                is_probability=is_classification,
                may_be_empty=named.features is not None
                and limits(load_contract(named.features)).may_be_empty,
                day=_load_optional(named.predictions_day),
            ),
            labels=load_contract(named.labels)
            if named.labels
            else label_contract(
                Label,
                dataset,
                config.segments,
                config.join_keys,
                is_binary=is_classification,
                day=_load_optional(named.labels_day),
            ),
        )


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
        _refuse(where, name, config, columns(contract), labels.asset)


def refuse_unknown_columns(config: ModelConfiguration, contract: type[Contract]) -> None:
    """Refuse column names that the training dataset does not have.

    Raises:
        ConfigurationError: a column is unknown; the message suggests the most similar one.
    """
    known = list(columns(contract))
    named = {
        "join_keys": config.join_keys,
        "segments": config.segments,
        "estimator.numeric": config.estimator.numeric,
        "estimator.categorical": config.estimator.categorical,
        "labels.column": (config.labels.column,),
        "labels.known_at": (config.labels.known_at,),
    }
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
            refuse_unknown_column(where, name, config, known)


def refuse_unknown_column(
    where: str, name: str, config: ModelConfiguration, known: Collection[str]
) -> None:
    """Refuse a column name that the training dataset does not have.

    Raises:
        ConfigurationError: the column is unknown; the message suggests the most similar one.
    """
    _refuse(where, name, config, known, f"the training dataset ({config.dataset.contract})")


def _refuse(
    where: str, name: str, config: ModelConfiguration, known: Collection[str], table: str
) -> None:
    if name not in known:
        raise ConfigurationError(
            f"'{where}' of {config.pipeline} in defs.yaml names '{name}', which is no column of "
            f"{table}.{suggestion(name, known)}"
        )
