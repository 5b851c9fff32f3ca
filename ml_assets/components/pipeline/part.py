"""What the four parts of a model pipeline have in common: reading their configuration, and contracts."""

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
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.derived import label_contract, prediction_contract
from ml_assets.errors import ConfigurationError
from ml_assets.learning.contracts import Prediction
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.monitoring.contracts.performance import Label
from ml_assets.names import suggestion

P = TypeVar("P", bound=ModelConfiguration)


class ModelPart(Configured[P]):
    """A template of which a model pipeline is made.

    Args:
        config: what its ``defs.yaml`` says.
    """

    @classmethod
    def read(cls, attributes: Mapping[str, Any], file: Path) -> P:
        """What a ``defs.yaml`` says, with what the feature table and the environment say.

        Raises:
            ConfigurationError: a key is missing or unknown, or a value is outside its limits.
        """
        return pipeline_of(attributes, file, cast("type[P]", cls.configuration))

    @cached_property
    def pipeline(self) -> PipelineContext:
        """What the stages share."""
        return PipelineContext.of(self.config)

    @cached_property
    def contracts(self) -> "PipelineContracts":
        """Contracts of the tables that carry the pipeline's own columns.

        Raises:
            ConfigurationError: one cannot be imported or derived, or the configuration names a
                column that there is not.
        """
        return PipelineContracts.of(self.config)


@dataclass(frozen=True)
class PipelineContracts:
    """Contracts of the tables that carry a pipeline's own columns; those not said are derived.

    Attributes:
        training_dataset: of the training dataset.
        predictions: of the predictions.
        labels: of the arrived labels.
    """

    training_dataset: type[Contract]
    predictions: type[Contract]
    labels: type[Contract]

    @classmethod
    def of(cls, config: ModelConfiguration) -> Self:
        """The contracts of a configuration.

        Raises:
            ConfigurationError: one cannot be imported or derived, or the configuration names a
                column that there is not.
        """
        if not config.contracts.training_dataset:
            refuse_unknown_label_columns(config, load_contract(str(config.contracts.outcomes)))
        dataset = dataset_contract_of(config.dataset)
        refuse_unknown_columns(config, dataset)
        named, is_classification = config.contracts, config.estimator.task == "classification"
        shown = dict.fromkeys([*config.key, *config.segments])
        return cls(
            training_dataset=dataset,
            predictions=load_contract(named.predictions)
            if named.predictions
            else prediction_contract(
                Prediction,
                dataset,
                [*shown],
                is_probability=is_classification,
                day=_loaded(named.predictions_day),
            ),
            labels=load_contract(named.labels)
            if named.labels
            else label_contract(
                Label,
                dataset,
                config.segments,
                config.key,
                is_binary=is_classification,
                day=_loaded(named.labels_day),
            ),
        )


def _loaded(path: str | None) -> Any:
    return load_object(path) if path else None


def refuse_unknown_label_columns(config: ModelConfiguration, contract: type[Contract]) -> None:
    """Refuse names that are no columns of the table that labels come from.

    Raises:
        ConfigurationError: one is none; the nearest column is named.
    """
    labels = config.labels
    named = {"labels.column": labels.column, "labels.known_at": labels.known_at}
    if labels.day != DAY:
        named["labels.day"] = labels.day
    for where, name in [*named.items(), *(("key", name) for name in config.key)]:
        _refuse(where, name, config, columns(contract), labels.asset)


def refuse_unknown_columns(config: ModelConfiguration, contract: type[Contract]) -> None:
    """Refuse names that are no columns of the training dataset.

    Raises:
        ConfigurationError: one is none; the nearest column is named.
    """
    known = list(columns(contract))
    named = {
        "key": config.key,
        "segments": config.segments,
        "estimator.numeric": config.estimator.numeric,
        "estimator.categorical": config.estimator.categorical,
        "labels.column": (config.labels.column,),
        "labels.known_at": (config.labels.known_at,),
    }
    told_later = {config.labels.column, config.labels.known_at, FEATURE_DAY, SPLIT, DAY}
    if leaking := [name for name in config.specification.features if name in told_later]:
        raise ConfigurationError(
            f"'estimator' of {config.pipeline} in defs.yaml names {', '.join(leaking)} as a feature, "
            "which is the label or says when a row was known. Remove it."
        )
    if wrong := [name for name in config.segments if name in told_later]:
        raise ConfigurationError(
            f"'segments' of {config.pipeline} in defs.yaml names {', '.join(wrong)}, which is the "
            "label or says when or for what a row is used. Name columns of the features."
        )
    for where, names in named.items():
        for name in names:
            refuse_unknown_column(where, name, config, known)


def refuse_unknown_column(
    where: str, name: str, config: ModelConfiguration, known: Collection[str]
) -> None:
    """Refuse a name that is no column of the training dataset.

    Raises:
        ConfigurationError: it is none; the nearest column is named.
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
