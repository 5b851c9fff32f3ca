"""Which statements of a module a function or class of it depends on.

A name depends on the statements that bind it, and on all names of the module in these. Statements that
may do more than bind names, such as a call or a decorator, count for every name. Where a module looks
names up while it runs, such as with ``globals()``, its statements cannot be told apart.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ml_assets.provenance.normal_form import is_text, statement_form

OPAQUE = {"globals", "vars", "locals", "eval", "exec", "__import__", "__init_subclass__"}
"""Names with which code reaches or changes names that it does not mention."""

_MAY_BE_OPAQUE = re.compile(rf"\b(?:global|{'|'.join(sorted(OPAQUE))})\b|import[\s\\]*\*")
"""What the text of a module contains that may be opaque; most do not, and are not searched further."""

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Import(NamedTuple):
    """``import module``, or ``from module import names``.

    Attributes:
        level: number of dots before the module.
        module: the module without them.
        names: what is imported from it; none for ``import module``.
    """

    level: int
    module: str
    names: Sequence[str]


class Statement(NamedTuple):
    """A statement of a module, as far as code versions depend on it; without syntax tree, so that it can be stored.

    Attributes:
        form: its normal form.
        bound: names of the module that it may bind.
        used: names of the module that it mentions.
        imports: imports in it that may run.
        is_import: whether it is a single ``from module import names``.
        always: whether it counts for every name.
    """

    form: str
    bound: Sequence[str]
    used: Sequence[str]
    imports: Sequence[Import]
    is_import: bool
    always: bool


@dataclass(frozen=True)
class Statements:
    """The statements of a module.

    Attributes:
        each: them, in their order.
        is_opaque: whether they cannot be told apart.
    """

    each: Sequence[Statement]
    is_opaque: bool

    def needed_by(self, name: str) -> frozenset[int] | None:
        """Positions of the statements that a name depends on.

        Args:
            name: a function, class or constant of the module.

        Returns:
            None if it depends on all of them, or the module does not bind it.
        """
        if self.is_opaque or name not in self._binding:
            return None
        found: set[int] = set()
        waiting = [*self._always, *self._binding[name]]
        while waiting:
            position = waiting.pop()
            if position not in found:
                found.add(position)
                used = self.each[position].used
                waiting += [one for each in used for one in self._binding[each]]
        return frozenset(found)

    def part(self, positions: frozenset[int]) -> Sequence[Statement]:
        """Some of the statements, in their order."""
        return [self.each[position] for position in sorted(positions)]

    @cached_property
    def _binding(self) -> dict[str, list[int]]:
        """Name → positions of the statements that bind it."""
        found: dict[str, list[int]] = {}
        for position, statement in enumerate(self.each):
            for name in statement.bound:
                found.setdefault(name, []).append(position)
        return found

    @cached_property
    def _always(self) -> Sequence[int]:
        return [position for position, statement in enumerate(self.each) if statement.always]


def statements_in(text: str) -> Statements:
    """The statements of a module with this source."""
    tree = ast.parse(text)
    bound = [_bound(statement) for statement in tree.body]
    names = {name for each in bound for name in each}
    each = [
        Statement(
            form=statement_form(statement),
            bound=sorted(binds),
            used=sorted(_names(statement) & names),
            imports=[*imports_in(statement)],
            is_import=isinstance(statement, ast.ImportFrom),
            always=not (is_text(statement) or _is_for_types(statement) or _only_binds(statement)),
        )
        for statement, binds in zip(tree.body, bound, strict=True)
    ]
    return Statements(each, _is_opaque(text, tree))


def imports_in(node: ast.AST) -> Iterator[Import]:
    """Every import in a node that may run; expressions contain none."""
    if isinstance(node, ast.Import):
        yield from (Import(0, alias.name, []) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        yield Import(node.level, node.module or "", [alias.name for alias in node.names])
    blocks = (
        ("orelse",) if _is_for_types(node) else ("body", "orelse", "finalbody", "handlers", "cases")
    )
    for block in blocks:
        found = getattr(node, block, None)
        for child in found if isinstance(found, list) else ():
            yield from imports_in(child)


def _is_opaque(text: str, tree: ast.Module) -> bool:
    return _MAY_BE_OPAQUE.search(text) is not None and any(
        isinstance(node, ast.Global)
        or (isinstance(node, ast.Name) and node.id in OPAQUE)
        or (isinstance(node, ast.FunctionDef) and node.name in OPAQUE)
        or (isinstance(node, ast.alias) and node.name == "*")
        for node in ast.walk(tree)
    )


def _is_for_types(statement: ast.AST) -> bool:
    """Whether a statement runs for type checkers only."""
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)


def _only_binds(statement: ast.stmt) -> bool:
    if isinstance(statement, DEFINITIONS):
        return not statement.decorator_list
    if isinstance(statement, ast.Assign):
        return all(
            isinstance(one, ast.Name) for target in statement.targets for one in _each(target)
        )
    if isinstance(statement, ast.AnnAssign):
        return isinstance(statement.target, ast.Name)
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _each(target: ast.expr) -> Sequence[ast.expr]:
    return target.elts if isinstance(target, ast.Tuple | ast.List) else [target]


def _bound(statement: ast.stmt) -> set[str]:
    """Names of the module that a statement may bind."""
    if isinstance(statement, DEFINITIONS):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return {
        name
        for node in _nodes(statement)
        for name in (
            [node.id]
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            else [*_bound(node)]
            if node is not statement and isinstance(node, ast.stmt)
            else []
        )
    }


def _names(statement: ast.stmt) -> set[str]:
    """Names that a statement mentions, also in texts, such as types in quotes."""
    found: set[str] = set()
    for node in _nodes(statement):
        if isinstance(node, ast.Name):
            found.add(node.id)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {*re.findall(r"\w+", node.value)}
    return found


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all in it, without texts on their own such as docstrings."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += [child for child in ast.iter_child_nodes(current) if not is_text(child)]
