"""What dotted paths of a ``defs.yaml`` name, and the contracts that are derived from it."""

import importlib
from typing import Any

from ml_assets.contracts.contract import Contract
from ml_assets.contracts.derived import dataset_contract
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import DatasetSpecification

WITH = " with "
"""Between the features' and the outcomes' contract in the name of a derived contract."""


def load_object(path: str) -> Any:
    """Import what a dotted path in a ``defs.yaml`` names.

    Raises:
        ConfigurationError: there is no such module or attribute.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"'{path}' in defs.yaml cannot be imported ({error}). Expected package.module.name."
        ) from None


def dataset_contract_of(specification: DatasetSpecification) -> type[Contract]:
    """The contract of a training dataset: one of its own, or derived from features and outcomes.

    Raises:
        ConfigurationError: it cannot be imported or derived.
    """
    first, _, outcomes = specification.contract.partition(WITH)
    if not outcomes:
        return _contract(first)
    return dataset_contract(
        _contract(first),
        _contract(outcomes),
        label=specification.label,
        known_at=specification.known_at,
    )


def _contract(path: str) -> type[Contract]:
    found = load_object(path)
    if not (isinstance(found, type) and issubclass(found, Contract)):
        raise ConfigurationError(
            f"'{path}' in defs.yaml is no contract; expected a subclass of Contract."
        )
    return found
