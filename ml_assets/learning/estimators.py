"""What scikit-learn offers, read from its source: importing it takes longer than loading everything else."""

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import resolve_name
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


def estimators_of(module: str) -> list[str]:
    """Names of the classes that a module offers.

    Args:
        module: its dotted name; one that is not there offers nothing.
    """
    names: list[str] = []
    for node in _body(module):
        if isinstance(node, ast.ImportFrom):
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.ClassDef):
            names.append(node.name)
    return [name for name in names if name[:1].isupper()]


@cache
def signature(path: str) -> Signature:
    """Parameters and task of an estimator.

    Args:
        path: import path of a class, ``sklearn.module.Class``.
    """
    module, _, name = path.rpartition(".")
    parameters: tuple[str, ...] | None = None
    task: str | None = None
    for found in _with_bases(module, name):
        if parameters is None:
            parameters = _parameters(found)
        task = task or TASKS.get(found.name)
    return Signature(parameters or (), task)


def _with_bases(module: str, name: str) -> Iterator[ast.ClassDef]:
    """A class and those it derives from, in the order of the source; each is looked up where it is."""
    for node in _body(module):
        if isinstance(node, ast.ClassDef) and node.name == name:
            yield node
            for base in node.bases:
                yield from _with_bases(module, ast.unparse(base))
            return
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    yield from _with_bases(_imported_from(node, module), alias.name)
                    return


def _imported_from(node: ast.ImportFrom, module: str) -> str:
    file = _file(module)
    is_package = file is not None and file.name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    return resolve_name("." * node.level + (node.module or ""), package)


def _parameters(of: ast.ClassDef) -> tuple[str, ...] | None:
    for node in of.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            arguments = [*node.args.args[1:], *node.args.kwonlyargs]
            return tuple(argument.arg for argument in arguments)
    return None


@cache
def _body(module: str) -> list[ast.stmt]:
    file = _file(module)
    return ast.parse(file.read_text("utf-8")).body if file else []


def _file(module: str) -> Path | None:
    package, *rest = module.split(".")
    if package != "sklearn":
        return None
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return file if file.is_file() else None
