"""Code versions: hashes of the code and parameters that compute a table.

Of the modules in the package of a function or class, the version covers the statements that it depends
on, see ``statements``; of other modules of the project everything, as of one that it imports as a whole.

The modules and parameters of a version are cached in the process, so that ``provenance`` can store
them with the rows and a later difference can be reported by name.
"""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ml_assets.content import digest
from ml_assets.errors import ConfigurationError
from ml_assets.provenance.normal_form import joined
from ml_assets.provenance.source_files import statements_of
from ml_assets.provenance.statements import Import, Statement, Statements

EXCLUDED_MODULES = ("ml_assets.errors", "ml_assets.names", "ml_assets.settings")
"""Modules that change no result: error classes, error messages and settings. A setting that changes
a result is a parameter of the version."""


@dataclass(frozen=True)
class Code:
    """Modules and parameters of a code version.

    Attributes:
        version: hash of both.
        modules: name of each relevant module of this project → hash of the normal form of what is
            relevant of it.
        parameters: the parameters as JSON values, in the order in which they were given.
    """

    version: str
    modules: Mapping[str, str]
    parameters: Sequence[Any]


_known_codes: dict[str, Code] = {}


def code_version(*parts: object) -> str:
    """Version of functions, classes and parameters.

    Args:
        parts: functions and classes, versioned with what they use of this project; anything else is
            a parameter.

    Raises:
        ConfigurationError: a function or class has no source file.
    """
    modules = modules_of(*(part for part in parts if callable(part)))
    parameters = [as_json(part) for part in parts if not callable(part)]
    version = digest(json.dumps([modules, parameters], sort_keys=True))
    _known_codes[version] = Code(version, modules, parameters)
    return version


def known_code(version: str) -> Code | None:
    """Modules and parameters of a version; None if this process did not compute it."""
    return _known_codes.get(version)


def modules_of(*objects: object) -> Mapping[str, str]:
    """Module name → hash of the normal form of what functions and classes use of it.

    Raises:
        ConfigurationError: an object has no source file.
    """
    whole: dict[str, str] = {}
    parts: dict[str, frozenset[int]] = {}
    for obj in objects:
        module = inspect.getmodule(obj)
        if module is None or getattr(module, "__file__", None) is None:
            raise ConfigurationError(f"{obj!r} has no source file, so it cannot be versioned.")
        name = getattr(obj, "__qualname__", "").partition(".")[0]
        used = _used_by(module.__name__, name)
        whole |= used.whole
        parts |= {one: parts.get(one, frozenset()) | used.parts[one] for one in used.parts}
    return {**{one: _hash_of(one, parts[one]) for one in parts}, **whole}


@dataclass(frozen=True)
class _Used:
    """What a function or class uses of the project.

    Attributes:
        whole: module → hash of its normal form, of modules that count as a whole.
        parts: module → positions of the statements that count.
    """

    whole: Mapping[str, str]
    parts: Mapping[str, frozenset[int]]


@cache
def _used_by(module: str, name: str) -> _Used:
    """The code that a name of a module uses: single statements of modules in its package, other modules as a whole."""
    package = module.rpartition(".")[0]
    whole: set[str] = set()
    parts: dict[str, frozenset[int]] = {}
    waiting = [(module, name)]
    while waiting:
        current, wanted = waiting.pop()
        if not _is_included(current, module):
            continue
        parsed = _parsed_module(current)
        needed = parsed.statements.needed_by(wanted) if parsed else None
        if parsed is None or needed is None:
            whole.add(current)
            continue
        new = needed - parts.get(current, frozenset())
        parts[current] = needed | parts.get(current, frozenset())
        for position in new:
            statement = parsed.statements.each[position]
            named = set(_named_of_package(statement, package))
            waiting += named
            whole |= imported(statement.imports, parsed.package) - {one for one, _ in named}
    found = [_with_imports(one) for one in whole if _is_included(one, module)]
    return _Used({one: value for each in found for one, value in each.items()}, parts)


def _named_of_package(statement: Statement, package: str) -> Iterator[tuple[str, str]]:
    """Module and name of what a statement imports from modules in a package."""
    if statement.is_import and package:
        for one in statement.imports:
            base = _origin(one, package)
            if base.rpartition(".")[0] == package:
                yield from ((base, name) for name in one.names)


def _is_included(module: str, of: str) -> bool:
    """Whether a module belongs to the project of another one, and may change a result."""
    return module.partition(".")[0] == of.partition(".")[0] and module not in EXCLUDED_MODULES


@cache
def _with_imports(module: str) -> Mapping[str, str]:
    """Module → hash, of a module as a whole and all that it imports of the project."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        current = waiting.pop()
        is_new = current not in found and _is_included(current, module)
        if is_new and (parsed := _parsed_module(current)):
            found[current] = parsed.hash
            waiting += parsed.imports
    return found


@dataclass(frozen=True)
class _Parsed:
    """A module.

    Attributes:
        package: the package that its relative imports refer to.
        statements: its statements.
    """

    package: str
    statements: Statements

    @cached_property
    def hash(self) -> str:
        """Hash of its normal form."""
        return _digest_of(self.statements.each)

    @cached_property
    def imports(self) -> Sequence[str]:
        """Modules that it may import."""
        found = [one for statement in self.statements.each for one in statement.imports]
        return sorted(imported(found, self.package))


@cache
def _parsed_module(module: str) -> _Parsed | None:
    """A module of the project; None for an unknown one.

    Cached, because the process keeps running the code that it started with.
    """
    spec = _spec_of(module)
    if spec is None or spec.origin is None:
        return None
    statements = statements_of(Path(spec.origin))
    is_package = spec.submodule_search_locations is not None
    package = module if is_package else module.rpartition(".")[0]
    return _Parsed(package, statements)


@cache
def _hash_of(module: str, positions: frozenset[int]) -> str:
    """Hash of the normal form of some statements of a module."""
    parsed = _parsed_module(module)
    assert parsed is not None
    return _digest_of(parsed.statements.part(positions))


def _digest_of(statements: Iterable[Statement]) -> str:
    """Hash of the normal form of a module of these statements."""
    return digest(joined(statement.form for statement in statements))


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


def imported(imports: Iterable[Import], package: str) -> set[str]:
    """Names of the modules that a module may import, with their packages.

    Args:
        imports: its imports.
        package: the package that its relative imports refer to.

    Returns:
        Full names; for ``from a import b`` both ``a`` and ``a.b``, as ``b`` may be a module.
    """
    names: set[str] = set()
    for one in imports:
        base = _origin(one, package)
        names |= {base, *(f"{base}.{name}" for name in one.names)}
    parts = [name.split(".") for name in names]
    return {".".join(name[:end]) for name in parts for end in range(1, len(name) + 1)}


def _origin(one: Import, package: str) -> str:
    """Full name of the module of an import in a package."""
    return resolve_name("." * one.level + one.module, package)


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
