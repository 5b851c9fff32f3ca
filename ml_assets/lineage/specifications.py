"""Current code and parameters of a pipeline's datasets and models, from ``defs.yaml``."""

from ml_assets.configuration.objects import dataset_contract_of
from ml_assets.contracts.derived import contract_sources
from ml_assets.learning.dataset import DatasetSpecification, training_dataset
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import training_code
from ml_assets.provenance.code import Code, code_version, known_code


def dataset_code(specification: DatasetSpecification) -> Code:
    """The current code of a dataset, as a run records it.

    Raises:
        ConfigurationError: the contract cannot be imported.
    """
    contract = dataset_contract_of(specification)
    return _code(training_dataset, *contract_sources(contract), specification)


def model_code(specification: ModelSpecification) -> Code:
    """The current code of a model, as a run records it.

    Raises:
        ConfigurationError: the factory of its estimator cannot be imported.
    """
    return _code(*training_code(specification))


def _code(*parts: object) -> Code:
    found = known_code(code_version(*parts))
    assert found is not None
    return found
