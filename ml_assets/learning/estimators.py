"""Estimators of scikit-learn and their parameters, parsed from its source (importing is slow)."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

TASKS = {"ClassifierMixin": "classification", "RegressorMixin": "regression"}
"""Base class of scikit-learn → task of its estimators."""


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


def estimators_of(module: str) -> list[str]:
    """Names of the classes in a module.

    Args:
        module: dotted name of the module; an unknown module has none.
    """
    return [name for name in _names(module) if name[:1].isupper()]


@cache
def signature(path: str) -> Signature:
    """Parameters and task of an estimator.

    Args:
        path: import path of a class, ``sklearn.module.Class``.
    """
    found = dict(_with_bases(path))
    built_by = next((one for one in found.values() if "__init__" in one.methods), None)
    bases = [name for name in found if name != path.rpartition(".")[2]]
    return Signature(
        built_by.parameters if built_by else (),
        built_by.required if built_by else (),
        next((TASKS[name] for name in bases if name in TASKS), None),
        any("predict_proba" in one.methods for one in found.values()),
    )


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
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names.setdefault(node.name, _class(node))
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                names.setdefault(alias.asname or alias.name, f"{origin}.{alias.name}")
    return names


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
    )


def _file(module: str) -> Path | None:
    package, *rest = module.split(".")
    spec = find_spec(package) if package == "sklearn" else None
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return file if file.is_file() else None
