"""What scikit-learn offers, read from its source: importing it takes longer than loading everything else."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

TASKS = {"ClassifierMixin": "classification", "RegressorMixin": "regression"}
"""Base class of scikit-learn → what an estimator with it is for."""


@dataclass(frozen=True)
class Signature:
    """What is known of an estimator.

    Attributes:
        parameters: names of its keyword arguments.
        task: what it is for; None where it neither classifies nor regresses.
    """

    parameters: tuple[str, ...]
    task: str | None


@dataclass(frozen=True)
class _Class:
    """What is kept of a class, as syntax trees are large: bases, and arguments of its own ``__init__``."""

    bases: tuple[str, ...]
    parameters: tuple[str, ...] | None


def estimators_of(module: str) -> list[str]:
    """Names of the classes that a module offers.

    Args:
        module: its dotted name; one that is not there offers nothing.
    """
    return [name for name in _names(module) if name[:1].isupper()]


@cache
def signature(path: str) -> Signature:
    """Parameters and task of an estimator.

    Args:
        path: import path of a class, ``sklearn.module.Class``.
    """
    found = dict(_with_bases(path))
    parameters = (one.parameters for one in found.values() if one.parameters is not None)
    tasks = (TASKS[name] for name in found if name in TASKS)
    return Signature(next(parameters, ()), next(tasks, None))


def _with_bases(path: str) -> Iterator[tuple[str, _Class]]:
    """A class and those it derives from, in the order of the source; each is looked up where it is."""
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
    """Name → the class that a module defines, or the path of what it imports by that name."""
    file = _file(module)
    if file is None:
        return {}
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names: dict[str, _Class | str] = {}
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            bases = tuple(ast.unparse(base) for base in node.bases)
            names.setdefault(node.name, _Class(bases, _parameters(node)))
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                names.setdefault(alias.asname or alias.name, f"{origin}.{alias.name}")
    return names


def _parameters(of: ast.ClassDef) -> tuple[str, ...] | None:
    for node in of.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            arguments = [*node.args.args[1:], *node.args.kwonlyargs]
            return tuple(argument.arg for argument in arguments)
    return None


def _file(module: str) -> Path | None:
    package, *rest = module.split(".")
    spec = find_spec(package) if package == "sklearn" else None
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return file if file.is_file() else None
