"""Estimators that a ``path`` may name, and their parameters, parsed from the libraries' source.

Importing a library takes seconds, so loading the definitions only parses it.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

LIBRARIES = ("sklearn", "lightgbm", "xgboost")
"""Packages whose estimators a ``path`` may name."""

EXTRAS = ("lightgbm", "xgboost")
"""Those that are optional; each is an extra of the same name."""

DISTRIBUTIONS = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost", "xgboost-cpu")}
"""Optional library → names of the packages of which one contains it."""

STORED = {
    "lightgbm": ("LGBMClassifier", "LGBMRegressor"),
    "xgboost": ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"),
}
"""Optional library → its estimators whose models can be stored."""

PASSED_ON: dict[str, tuple[str, ...]] = {
    "lightgbm": (
        "alpha",
        "bagging_seed",
        "boost_from_average",
        "cat_l2",
        "cat_smooth",
        "deterministic",
        "extra_trees",
        "fair_c",
        "feature_fraction_bynode",
        "force_col_wise",
        "force_row_wise",
        "is_unbalance",
        "max_bin",
        "max_delta_step",
        "min_data_in_bin",
        "min_data_per_group",
        "monotone_constraints",
        "other_rate",
        "path_smooth",
        "poisson_max_delta_step",
        "scale_pos_weight",
        "top_rate",
        "tweedie_variance_power",
        "verbosity",
    ),
    "xgboost": (
        "huber_slope",
        "quantile_alpha",
        "tweedie_variance_power",
    ),
}
"""Parameters that the estimators of a library pass on to it and do not declare."""

TASKS = {"ClassifierMixin": "classification", "RegressorMixin": "regression"}
"""Base class of scikit-learn → task of its estimators."""


def library_of(path: str) -> str | None:
    """The library of a dotted path, if its estimators may be named by path."""
    root = path.partition(".")[0]
    return root if root in LIBRARIES else None


def install_command(library: str) -> str:
    """The command that installs an optional library."""
    return f".venv/bin/uv pip install --python .venv/bin/python -e '.[{library}]'"


def is_installed(library: str) -> bool:
    """Whether a library is installed; it is not imported."""
    return find_spec(library) is not None


@dataclass(frozen=True)
class Signature:
    """Parameters and task of an estimator.

    Attributes:
        parameters: names of its keyword arguments.
        required: names of those without a default.
        task: 'classification' or 'regression'; None for neither.
        has_probabilities: whether it has ``predict_proba``.
    """

    parameters: tuple[str, ...]
    required: tuple[str, ...]
    task: str | None
    has_probabilities: bool


@dataclass(frozen=True)
class _Class:
    """A parsed class: bases, methods, and arguments of ``__init__``."""

    bases: tuple[str, ...]
    methods: frozenset[str]
    parameters: tuple[str, ...]
    required: tuple[str, ...]
    passes_on: bool = False


def estimators_of(module: str) -> list[str]:
    """Names of the classes in a module.

    Args:
        module: dotted name of the module; an unknown module has none.
    """
    return [name for name in _names(module) if name[:1].isupper()]


def offered_estimators(module: str) -> list[str]:
    """Names of the estimators that a path in a module may end with.

    Args:
        module: dotted name of a module of a library; an unknown module has none.
    """
    known = estimators_of(module)
    root = str(library_of(module))
    return [name for name in known if name in STORED[root]] if root in STORED else known


@cache
def signature(path: str) -> Signature:
    """Parameters and task of an estimator.

    Args:
        path: import path of a class, ``sklearn.module.Class``.
    """
    found = dict(_with_bases(path))
    built_by = list(_built_by(found.values()))
    declared = [name for one in built_by for name in one.parameters]
    passed_on = PASSED_ON.get(str(library_of(path)), ()) if declared else ()
    bases = [name for name in found if name != path.rpartition(".")[2]]
    return Signature(
        tuple(dict.fromkeys([*declared, *passed_on])),
        built_by[0].required if built_by else (),
        next((TASKS[name] for name in bases if name in TASKS), None),
        any("predict_proba" in one.methods for one in found.values()),
    )


def _built_by(classes: Iterable[_Class]) -> Iterator[_Class]:
    """The class whose ``__init__`` is called, and those to which it passes its arguments on."""
    for one in classes:
        if "__init__" in one.methods:
            yield one
            if not one.passes_on:
                return


def _with_bases(path: str) -> Iterator[tuple[str, _Class]]:
    """A class and its bases, depth first, with imports resolved."""
    module, _, name = path.rpartition(".")
    found = _names(module).get(name)
    if isinstance(found, _Class):
        yield name, found
        for base in found.bases:
            yield from _with_bases(f"{module}.{base}")
    elif found:
        yield from _with_bases(found)


@cache
def _names(module: str) -> dict[str, _Class | str]:
    """Name → the class that a module defines, or the import path of an imported name."""
    file = _file(module)
    if file is None:
        return {}
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names: dict[str, _Class | str] = {}
    for node in _statements(ast.parse(file.read_text("utf-8")).body):
        if isinstance(node, ast.ClassDef):
            names.setdefault(node.name, _class(node))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            for target in node.targets:
                names.setdefault(ast.unparse(target), f"{module}.{node.value.id}")
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                names.setdefault(alias.asname or alias.name, f"{origin}.{alias.name}")
    return names


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module; a ``try`` is replaced by what it tries."""
    for node in body:
        if isinstance(node, ast.Try):
            yield from _statements(node.body)
        else:
            yield node


def _class(node: ast.ClassDef) -> _Class:
    methods = {one.name: one.args for one in node.body if isinstance(one, ast.FunctionDef)}
    bases = tuple(ast.unparse(base) for base in node.bases)
    if (built := methods.get("__init__")) is None:
        return _Class(bases, frozenset(methods), (), ())
    positional = [one.arg for one in built.args[1:]]
    keywords = zip(built.kwonlyargs, built.kw_defaults, strict=True)
    return _Class(
        bases,
        frozenset(methods),
        (*positional, *(one.arg for one in built.kwonlyargs)),
        (
            *positional[: len(positional) - len(built.defaults)],
            *(one.arg for one, default in keywords if default is None),
        ),
        built.kwarg is not None,
    )


def _file(module: str) -> Path | None:
    package, *rest = module.split(".")
    spec = find_spec(package) if package in LIBRARIES else None
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return file if file.is_file() else None
