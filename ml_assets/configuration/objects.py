"""Import of dotted paths, and the contracts that a ``defs.yaml`` derives."""

import importlib
import pkgutil
from functools import cache
from typing import Any

from ml_assets.contracts.chained import chained_contract
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.derived import dataset_contract
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import DatasetSpecification
from ml_assets.names import most_similar

WITH = " with "
"""Separator of the features' and the outcomes' contract in the name of a derived contract."""

PLUS, AND, OF = " + ", " and ", " of "
"""Separators of a contract and the predictions that documents extend it by: ``column of pipeline``, and
others of the same document."""


def load_object(path: str) -> Any:
    """Import the object at a dotted path.

    Raises:
        ConfigurationError: the module or attribute does not exist or cannot be imported.
    """
    try:
        return pkgutil.resolve_name(":".join(path.rsplit(".", 1)))
    except Exception as error:  # a module of a user may raise anything
        raise ConfigurationError(
            f"'{path}' cannot be imported ({type(error).__name__}: {error}).{_similar(path)} Expected "
            "package.module.name."
        ) from error


def _similar(path: str) -> str:
    """A sentence that suggests the path whose first unknown name is similar to a known one."""
    known, (first, *rest) = "", path.split(".")
    names = [module.name for module in pkgutil.iter_modules()]
    while first in names and rest:
        known = f"{known}{first}."
        try:
            module = importlib.import_module(known[:-1])
        except Exception:  # that is what the error says
            return ""
        inside = pkgutil.iter_modules(module.__path__) if hasattr(module, "__path__") else ()
        names = [
            *(name for name, one in vars(module).items() if callable(one)),
            *(each.name for each in inside),
        ]
        first, *rest = rest
    near = most_similar(first, names) if first not in names else ""
    return f" Did you mean '{'.'.join([known + near, *rest])}'?" if near else ""


def load_contract(path: str) -> type[Contract]:
    """Import the contract at a dotted path, and extend it by predictions that follow it.

    Raises:
        ConfigurationError: the class does not exist or is not a contract.
    """
    base, *documents = path.split(PLUS)
    found = _imported_contract(base)
    for predictions in documents:
        named = (each.partition(OF)[::2] for each in predictions.split(AND))
        found = chained_contract(found, tuple(named))
    return found


def _imported_contract(path: str) -> type[Contract]:
    found = load_object(path)
    if not (isinstance(found, type) and issubclass(found, Contract)):
        raise ConfigurationError(f"'{path}' is not a contract; expected a subclass of Contract.")
    try:
        found.to_schema()
    except Exception as error:  # pandera raises several unrelated types
        raise ConfigurationError(f"Contract '{path}' cannot be used: {error}") from error
    return found


@cache
def dataset_contract_of(specification: DatasetSpecification) -> type[Contract]:
    """The contract of a training dataset: one of its own, or derived from features and outcomes.

    Raises:
        ConfigurationError: it cannot be imported or derived.
    """
    first, _, outcomes = specification.contract.partition(WITH)
    if not outcomes:
        return load_contract(first)
    return dataset_contract(
        load_contract(first),
        load_contract(outcomes),
        label=specification.label,
        known_at=specification.known_at,
    )
