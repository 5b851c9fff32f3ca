"""Code versions: hashes of the modules and parameters that compute a table.

The modules and parameters of a version are cached in the process, so that ``provenance`` can store
them with the rows and a later difference can be reported by name.
"""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ml_assets.content import digest
from ml_assets.errors import ConfigurationError
from ml_assets.provenance.normal_form import normal_form

EXCLUDED_MODULES = ("ml_assets.errors", "ml_assets.names", "ml_assets.settings")
"""Modules that change no result: error classes, error messages and settings. A setting that changes
a result is a parameter of the version."""


@dataclass(frozen=True)
class Code:
    """Modules and parameters of a code version.

    Attributes:
        version: hash of both.
        modules: name of each relevant module of this project → hash of its normal form.
        parameters: the parameters as JSON values, in the order in which they were given.
    """

    version: str
    modules: Mapping[str, str]
    parameters: Sequence[Any]


_known_codes: dict[str, Code] = {}


def code_version(*parts: object) -> str:
    """Version of functions, classes and parameters.

    Args:
        parts: functions and classes, versioned with their modules and the modules of this project
            that those import; anything else is a parameter.

    Raises:
        ConfigurationError: a function or class has no source file.
    """
    modules: dict[str, str] = {}
    for part in parts:
        if callable(part):
            modules |= modules_of(part)
    parameters = [as_json(part) for part in parts if not callable(part)]
    version = digest(json.dumps([modules, parameters], sort_keys=True))
    _known_codes[version] = Code(version, modules, parameters)
    return version


def known_code(version: str) -> Code | None:
    """Modules and parameters of a version; None if this process did not compute it."""
    return _known_codes.get(version)


def modules_of(obj: object) -> Mapping[str, str]:
    """Module name → hash of its normal form: an object's module and its imports of this project.

    Raises:
        ConfigurationError: the object has no source file.
    """
    module = inspect.getmodule(obj)
    if module is None or getattr(module, "__file__", None) is None:
        raise ConfigurationError(f"{obj!r} has no source file, so it cannot be versioned.")
    return _with_imports(module.__name__)


@cache
def _with_imports(module: str) -> Mapping[str, str]:
    package = module.partition(".")[0]
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        current = waiting.pop()
        is_included = current.partition(".")[0] == package and current not in EXCLUDED_MODULES
        if is_included and current not in found and (parsed := _parsed_module(current)):
            found[current], imports = parsed
            waiting += imports
    return found


@cache
def _parsed_module(module: str) -> tuple[str, Sequence[str]] | None:
    """Hash of a module's normal form, and modules that it may import; None for an unknown module.

    Cached, because the process keeps running the code that it started with.
    """
    spec = _spec_of(module)
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    is_package = spec.submodule_search_locations is not None
    package = module if is_package else module.rpartition(".")[0]
    return digest(normal_form(tree)), sorted(imported(tree, package))


@cache
def _spec_of(module: str) -> ModuleSpec | None:
    """Where a module is; None for an unknown one, and for a name in a module.

    ``find_spec`` imports the parent, so it is asked only if that is a package: code that is imported
    late, because it takes long, is not imported to be versioned.
    """
    parent = module.rpartition(".")[0]
    if parent:
        of_parent = _spec_of(parent)
        if of_parent is None or of_parent.submodule_search_locations is None:
            return None
    return find_spec(module)


def imported(tree: ast.Module, package: str) -> set[str]:
    """Names of the modules that a module may import, with their packages.

    Args:
        tree: its syntax tree.
        package: the package that its relative imports refer to.

    Returns:
        Full names; for ``from a import b`` both ``a`` and ``a.b``, as ``b`` may be a module.
    """
    names: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names]
    return {".".join(name[:end]) for name in parts for end in range(1, len(name) + 1)}


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement in a node that may run, without expressions, which contain no imports."""
    is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    blocks = ("orelse",) if is_for_types else ("body", "orelse", "finalbody", "handlers", "cases")
    for block in blocks:
        found = getattr(node, block, None)
        for child in found if isinstance(found, list) else ():
            if isinstance(child, ast.stmt):
                yield child
            yield from _statements(child)


def as_json(value: object) -> Any:
    """A parameter as a JSON value, without fields that a dataclass excludes from its ``repr``."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        shown = (field.name for field in fields(value) if field.repr)
        return {name: as_json(getattr(value, name)) for name in shown}
    if isinstance(value, Mapping):
        return {str(name): as_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [as_json(item) for item in value]
        return sorted(items) if isinstance(value, (set, frozenset)) else items
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
