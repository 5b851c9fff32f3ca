"""Code versions: which of our modules, and which parameters, a table is computed by.

A version is a hash of both. What it stands for is remembered while the process lives, so that
``provenance`` can keep it beside the rows: a difference is then told by name.
"""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ml_assets.content import digest
from ml_assets.errors import ConfigurationError
from ml_assets.provenance.normal_form import normal_form

NEVER_COUNT = ("ml_assets.errors", "ml_assets.names", "ml_assets.settings")
"""Modules that change no result: what errors are called and say, and settings. A setting that changes a result
is a parameter of the version."""


@dataclass(frozen=True)
class Code:
    """What a code version stands for.

    Attributes:
        version: its hash.
        modules: name of each module of ours that matters → hash of its normal form.
        parameters: the parameters, as JSON has them, in the order in which they were given.
    """

    version: str
    modules: Mapping[str, str]
    parameters: Sequence[Any]


_remembered: dict[str, Code] = {}


def code_version(*parts: object) -> str:
    """Version of the modules of functions and classes, with what they import of ours, and of values.

    Args:
        parts: functions and classes, whose modules count; anything else is a parameter.

    Raises:
        ConfigurationError: a function or class has no source file.
    """
    modules: dict[str, str] = {}
    for part in parts:
        if callable(part):
            modules |= modules_of(part)
    parameters = [_plain(part) for part in parts if not callable(part)]
    version = digest(json.dumps([modules, parameters], sort_keys=True))
    _remembered[version] = Code(version, modules, parameters)
    return version


def remembered(version: str) -> Code | None:
    """What a version stands for; None for one that this process did not make."""
    return _remembered.get(version)


def modules_of(obj: object) -> Mapping[str, str]:
    """Module name → hash of its normal form: the module of a class or function, and ours that it imports.

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
        is_ours = current.partition(".")[0] == package and current not in NEVER_COUNT
        if is_ours and current not in found and (read := _read(current)):
            found[current], imports = read
            waiting += imports
    return found


@cache
def _read(module: str) -> tuple[str, Sequence[str]] | None:
    """Hash of a module's normal form, and modules that it may import; None where there is no such module.

    Read once for each process: what it runs is what was there when it began.
    """
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:  # a name in a module, not a module in a package
        return None
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    is_package = spec.submodule_search_locations is not None
    package = module if is_package else module.rpartition(".")[0]
    return digest(normal_form(tree)), sorted(imported(tree, package))


def imported(tree: ast.Module, package: str) -> set[str]:
    """Names of the modules that a module may import, with the packages they lie in.

    Args:
        tree: its text, parsed.
        package: the package that its relative imports begin at.

    Returns:
        Full names; of ``from a import b`` both ``a`` and ``a.b``, as it is not said whether
        ``b`` is a module.
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
    """Every statement in a node that may run; expressions, which hold no imports, are left out."""
    is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    blocks = ("orelse",) if is_for_types else ("body", "orelse", "finalbody", "handlers", "cases")
    for block in blocks:
        found = getattr(node, block, None)
        for child in found if isinstance(found, list) else ():
            if isinstance(child, ast.stmt):
                yield child
            yield from _statements(child)


def _plain(value: object) -> Any:
    """A parameter as JSON has it; fields that a class leaves out of its text do not count."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        shown = (field.name for field in fields(value) if field.repr)
        return {name: _plain(getattr(value, name)) for name in shown}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item) for item in value]
        return sorted(items) if isinstance(value, (set, frozenset)) else items
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
