"""How a pipeline's datasets and models are made today, as its ``defs.yaml`` and the settings say."""

import importlib

from ml_assets.contracts.contract import Contract
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import DatasetSpecification, Windows, training_dataset
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import train
from ml_assets.lineage.pipelines import model_pipeline
from ml_assets.provenance.code import Code, code_version, remembered
from ml_assets.settings import PipelineOverrides, settings


def dataset_specification(pipeline: str) -> DatasetSpecification:
    """How training datasets are made.

    Raises:
        ConfigurationError: there is no such pipeline; the nearest name is given.
    """
    said = model_pipeline(pipeline)
    labels = said["labels"]
    overrides = settings().pipelines.get(pipeline, PipelineOverrides())
    delay = overrides.label_delay_days
    return DatasetSpecification(
        features=said["features"],
        labels=labels["asset"],
        key=tuple(said["key"]),
        label=labels["column"],
        known_at=labels.get("known_at", "known_at"),
        timezone=said["as_of_days"].get("timezone", "UTC"),
        windows=Windows(
            said["window_days"],
            said["validation_days"],
            overrides.test_days or said["test_days"],
            labels.get("delay_days", 0) if delay is None else delay,
        ),
        contract=said["contracts"]["training_dataset"],
    )


def model_specification(pipeline: str) -> ModelSpecification:
    """What is fitted.

    Raises:
        ConfigurationError: there is no such pipeline; the nearest name is given.
    """
    said = model_pipeline(pipeline)
    estimator = said["estimator"]
    return ModelSpecification(
        task="regression" if estimator["task"] == "regression" else "classification",
        estimator=estimator["path"],
        label=said["labels"]["column"],
        numeric=tuple(estimator["numeric"]),
        categorical=tuple(estimator.get("categorical", ())),
        hyperparameters=dict(sorted(estimator.get("hyperparameters", {}).items())),
        checkpoint_every=estimator.get("checkpoint_every"),
    )


def dataset_code(specification: DatasetSpecification) -> Code:
    """What makes a dataset now, as it would be recorded.

    Raises:
        ConfigurationError: the contract cannot be imported.
    """
    return _code(training_dataset, contract_of(specification), specification)


def model_code(specification: ModelSpecification) -> Code:
    """What fits a model now, as it would be recorded."""
    return _code(train, specification)


def contract_of(specification: DatasetSpecification) -> type[Contract]:
    """The contract of a dataset.

    Raises:
        ConfigurationError: it cannot be imported.
    """
    module, _, name = specification.contract.rpartition(".")
    try:
        contract: type[Contract] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"The dataset's contract {specification.contract} cannot be imported ({error}). Was it "
            "moved? Expected package.module.Class."
        ) from None
    return contract


def _code(*parts: object) -> Code:
    found = remembered(code_version(*parts))
    assert found is not None
    return found
