"""How a pipeline's datasets and models are made today, as its ``defs.yaml`` and the settings say."""

import importlib

from ml_assets.contracts.contract import Contract
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import DatasetSpecification, training_dataset
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import train
from ml_assets.provenance.code import Code, code_version, remembered


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
