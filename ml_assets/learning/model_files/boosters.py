"""Boosters of LightGBM and XGBoost inside a model: taken out of it, stored as text, put back.

A model is stored with skops. An estimator of these libraries has a booster, the trees, in its
attribute ``_Booster``; it is replaced by the name of a file in the library's own text format.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from ml_assets.errors import UnsafeModel
from ml_assets.learning.estimators import EXTRAS
from ml_assets.learning.model_files.lightgbm_files import refuse_lightgbm, trees_only
from ml_assets.learning.model_files.skops_files import MATERIALIZE, packed
from ml_assets.learning.model_files.xgboost_files import refuse_xgboost

ATTRIBUTE = "_Booster"
MODEL_FILE = "model.skops"
"""Name of the file of everything else."""
BOOSTER_FILE = re.compile(r"booster_[0-9]{1,4}\.(txt|json)")
"""Name of a booster's file."""

REPEATABLE: Mapping[str, Mapping[str, Any]] = {
    "lightgbm": {"n_jobs": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1},
    "xgboost": {"n_jobs": 1},
}
"""Parameters with which a fit is the same on every machine; those that are set are kept."""

FORGOTTEN: Mapping[str, Any] = {"_best_score": {}, "_evals_result": {}}
"""Attributes of LightGBM about the progress of a fit, which need types outside the allow-list."""


@dataclass(frozen=True)
class _Format:
    """How the boosters of a library are stored.

    Attributes:
        suffix: of the file.
        write: from a booster to the bytes of its file.
        refuse: raises ValueError for bytes that are not such a file.
        read: from the bytes of a file to a booster.
    """

    suffix: str
    write: Callable[[Any], bytes]
    refuse: Callable[[bytes], None]
    read: Callable[[bytes], Any]


def model_files(model: Any) -> tuple[dict[str, bytes], frozenset[str]]:
    """The files of a fitted model, and the types in them that are not on the general allow-list.

    Returns:
        File name → content, and the types.

    Raises:
        TypeError: it cannot be stored without pickle.
        ValueError: a booster uses something that its file may not contain.
    """
    without_boosters, files = detached(model)
    content, types = packed(without_boosters)
    return {**files, MODEL_FILE: content}, types


def detached(model: Any) -> tuple[Any, dict[str, bytes]]:
    """A model without its boosters, and their files.

    Returns:
        A copy that shares everything else with ``model``, and file name → content.

    Raises:
        ValueError: a booster uses something that its file may not contain.
    """
    files: dict[str, bytes] = {}
    names: dict[bytes, str] = {}

    def without_booster(value: Any) -> Any:
        library, state = _library(value), getattr(value, "__dict__", {})
        if library is None or state.get(ATTRIBUTE) is None:
            return value
        known = _FORMATS[library]
        content = known.write(state[ATTRIBUTE])
        known.refuse(content)
        # an ensemble refers to the same booster by name and by number
        name = names.setdefault(content, f"booster_{len(names)}{known.suffix}")
        files[name] = content
        kept = {each: FORGOTTEN.get(each, item) for each, item in state.items()}
        return _copied(value, {**kept, ATTRIBUTE: name})

    return _replaced(model, without_booster), files


def attached(model: Any, read: Callable[[str], bytes], what: str) -> Any:
    """The model of ``detached``, with its boosters.

    Args:
        model: the model without boosters.
        read: from a file name to its content.
        what: name of the model in messages.

    Raises:
        UnsafeModel: a file is missing, or is not a valid booster of its library.
    """
    boosters: dict[str, Any] = {}

    def with_booster(value: Any) -> Any:
        library, state = _library(value), getattr(value, "__dict__", {})
        if library is None or state.get(ATTRIBUTE) is None:
            return value
        known, name = _FORMATS[library], state[ATTRIBUTE]
        if not (isinstance(name, str) and BOOSTER_FILE.fullmatch(name)):
            raise UnsafeModel(
                f"The model file of {what} names {name!r:.100} as the file of a booster. Expected "
                f"booster_0{known.suffix} or the like. It was not loaded. {MATERIALIZE}"
            )
        try:
            if name not in boosters:
                content = read(name)
                known.refuse(content)
                boosters[name] = known.read(content)
        except Exception as error:  # a malicious file can raise anything
            raise UnsafeModel(
                f"Booster file {name} of {what} cannot be read ({type(error).__name__}: "
                f"{str(error)[:200]}). Expected a model of {library}. {MATERIALIZE}"
            ) from error
        return _copied(value, {**state, ATTRIBUTE: boosters[name]})

    return _replaced(model, with_booster)


def repeatable(model: Any) -> Any:
    """An unfitted model whose boosters have the parameters of ``REPEATABLE``; changed in place."""
    for estimator in _estimators(model):
        library = _library(estimator)
        known = estimator.get_params(deep=False)
        for name, value in REPEATABLE.get(library or "", {}).items():
            is_other = name == "force_row_wise" and known.get("force_col_wise")
            if known.get(name) is None and not is_other:
                estimator.set_params(**{name: value})
    return model


def libraries_of(model: Any) -> list[str]:
    """Optional libraries that a model needs."""
    return sorted({library for each in _estimators(model) if (library := _library(each))})


def _estimators(model: Any) -> Iterator[Any]:
    yield model
    for value in model.get_params(deep=True).values():
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield value


def _library(value: Any) -> str | None:
    """The library of an estimator with a booster."""
    if isinstance(value, type) or not hasattr(value, "get_params"):
        return None
    roots = (cls.__module__.partition(".")[0] for cls in type(value).__mro__)
    return next((root for root in roots if root in EXTRAS), None)


def _replaced(value: Any, change: Callable[[Any], Any]) -> Any:
    """A value in which everything that ``change`` changes is changed; other parts are shared."""
    if (changed := change(value)) is not value:
        return changed
    if type(value) in {list, tuple}:
        items = [_replaced(item, change) for item in value]
        is_same = all(new is old for new, old in zip(items, value, strict=True))
        return value if is_same else type(value)(items)
    if isinstance(value, dict):
        found = {key: _replaced(item, change) for key, item in value.items()}
        if all(found[key] is item for key, item in value.items()):
            return value
        other = copy.copy(value)
        other.update(found)
        return other
    if isinstance(value, (type, FunctionType)) or not _is_part(value):
        return value
    state = vars(value)
    found = {key: _replaced(item, change) for key, item in state.items()}
    is_same = all(found[key] is item for key, item in state.items())
    return value if is_same else _copied(value, found)


def _is_part(value: Any) -> bool:
    """Whether an object may contain estimators: an estimator, or an object of scikit-learn."""
    is_sklearn = type(value).__module__.startswith("sklearn.")
    has_state = isinstance(getattr(value, "__dict__", None), dict)
    return has_state and (is_sklearn or hasattr(value, "get_params"))


def _copied(value: Any, state: Mapping[str, Any]) -> Any:
    found = object.__new__(type(value))
    found.__dict__.update(state)
    return found


def _write_lightgbm(booster: Any) -> bytes:
    return trees_only(booster.model_to_string(num_iteration=-1))


def _read_lightgbm(content: bytes) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=content.decode())


def _write_xgboost(booster: Any) -> bytes:
    return bytes(booster.save_raw(raw_format="json"))


def _read_xgboost(content: bytes) -> Any:
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    return booster


_FORMATS = {
    "lightgbm": _Format(".txt", _write_lightgbm, refuse_lightgbm, _read_lightgbm),
    "xgboost": _Format(".json", _write_xgboost, refuse_xgboost, _read_xgboost),
}
