"""Estimators that a function of the user makes, ``estimator: {factory: my.module.build}``.

A factory is called with the hyperparameters as keyword arguments. It returns an unfitted estimator
that follows scikit-learn's conventions, or a Pipeline, which does its own preprocessing.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ml_assets.errors import ConfigurationError
from ml_assets.learning.estimators import EXTRAS, install_command
from ml_assets.learning.model_files.skops_files import packed
from ml_assets.names import suggestion

SEED = "random_state"
"""The parameter of an estimator that makes its fits repeatable."""


def made_by(path: str, arguments: Mapping[str, Any]) -> Any:
    """A new, unfitted estimator or Pipeline of a factory.

    Args:
        path: dotted path of the factory.
        arguments: its keyword arguments.

    Raises:
        ConfigurationError: the factory cannot be imported or called, or returns something else.
    """
    factory = imported_factory(path)
    _refuse_arguments(path, factory, arguments)
    from sklearn.base import clone

    try:
        found = factory(**arguments)
    except ImportError as error:
        raise ConfigurationError(_missing_module(path, error)) from error
    except Exception as error:  # a function of a user may raise anything
        raise ConfigurationError(f"{path} raised {type(error).__name__}: {error}") from error
    if not (hasattr(found, "fit") and hasattr(found, "predict") and hasattr(found, "get_params")):
        raise ConfigurationError(
            f"{path} returned {_shown(found)}. Expected an estimator of scikit-learn, one that "
            "follows its conventions, or a Pipeline that ends in one"
        )
    try:
        return clone(found)
    except Exception as error:  # a class of a user may raise anything
        raise ConfigurationError(
            f"{path} returned {_shown(found)}, which scikit-learn cannot clone "
            f"({type(error).__name__}: {error}). Expected a class whose __init__ only sets "
            "attributes of the names of its arguments"
        ) from error


def refuse_factory(path: str, arguments: Mapping[str, Any], task: str) -> None:
    """Refuse a factory whose product cannot be trained, stored or rebuilt.

    Args:
        path: dotted path of the factory.
        arguments: its keyword arguments.
        task: task of the model, see ``ModelSpecification``.

    Raises:
        ConfigurationError: it cannot be imported or called; its product is for another task, has
            no seed, or contains types that cannot be stored without pickle.
    """
    from sklearn.base import is_classifier, is_regressor

    found = made_by(path, arguments)
    is_regression = task == "regression"
    try:
        is_fitting = is_regressor(found) if is_regression else is_classifier(found)
    except Exception as error:  # a class of a user may raise anything
        raise ConfigurationError(
            f"{path} returned {_shown(found)}, of which scikit-learn cannot tell what it is for "
            f"({type(error).__name__}: {error})"
        ) from error
    if not is_fitting:
        raise ConfigurationError(
            f"{path} returned {_shown(found)}, which is no estimator for the task {task}"
        )
    if not (is_regression or hasattr(found, "predict_proba")):
        raise ConfigurationError(
            f"{path} returned {_shown(found)}, which predicts no probabilities, which scores "
            "require"
        )
    if unseeded := sorted(_without_seed(found)):
        raise ConfigurationError(
            f"{path} returned {_shown(found)} without a seed, so models cannot be rebuilt: set "
            f"{', '.join(unseeded)} to a number"
        )
    product_types(path, arguments)


def product_types(path: str, arguments: Mapping[str, Any]) -> frozenset[str]:
    """Types in the product of a factory that are not on the general allow-list.

    They are part of the project's code, so a model file of this factory may contain them.

    Raises:
        ConfigurationError: the product cannot be stored.
    """
    key = path, repr(sorted(arguments.items()))
    if key not in _product_types:
        try:
            _product_types[key] = packed(made_by(path, arguments))[1]
        except TypeError as error:
            raise ConfigurationError(
                f"{path} returned an estimator that cannot be stored without pickle: {error}"
            ) from error
    return _product_types[key]


_product_types: dict[tuple[str, str], frozenset[str]] = {}


@lru_cache
def imported_factory(path: str) -> Callable[..., Any]:
    """The function at a dotted path.

    Raises:
        ConfigurationError: its module or the function does not exist or cannot be imported.
    """
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(_missing_module(module_name, error)) from error
    except Exception as error:  # a module of a user may raise anything
        raise ConfigurationError(
            f"{module_name} cannot be imported ({type(error).__name__}: {error})"
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        known = [each for each, value in vars(module).items() if callable(value)]
        raise ConfigurationError(f"{module_name} has no function {name}.{suggestion(name, known)}")
    return found


def _missing_module(module: str, error: ImportError) -> str:
    missing = error.name or ""
    if missing in EXTRAS:
        return (
            f"{module} needs {missing}, which is not installed. To install it, run: "
            f"{install_command(missing)}"
        )
    if missing and (module == missing or module.startswith(f"{missing}.")):
        parent, _, last = missing.rpartition(".")
        return f"there is no module {missing}.{suggestion(last, list(_modules(parent)))}"
    return f"{module} cannot be imported ({type(error).__name__}: {error})"


def _modules(package: str) -> Iterator[str]:
    """Names of the modules in a package; without a package, of the top-level ones."""
    folders = importlib.import_module(package).__path__ if package else None
    for each in pkgutil.iter_modules(folders):
        yield each.name


def _refuse_arguments(path: str, factory: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    known = inspect.signature(factory).parameters
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())
    for name in arguments:
        if name not in known and not takes_any:
            raise ConfigurationError(
                f"{path} has no argument '{name}'.{suggestion(name, list(known))}"
            )
    try:
        inspect.signature(factory).bind(**arguments)
    except TypeError as error:
        raise ConfigurationError(f"hyperparameters do not fit {path}: {error}") from error


def _without_seed(estimator: Any) -> Iterator[str]:
    for name, value in estimator.get_params(deep=True).items():
        if name.rpartition("__")[2] == SEED and value is None:
            yield name


def _shown(value: Any) -> str:
    return type(value).__name__
