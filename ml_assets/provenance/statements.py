"""Which statements of a module a function or class of it depends on.

A name depends on the statements that bind it, and on all names of the module in these. Statements that
may do more than bind names, such as a call or a decorator, count for every name. Where a module looks
names up while it runs, such as with ``globals()``, its statements cannot be told apart.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

OPAQUE = {"globals", "vars", "locals", "eval", "exec", "__import__", "__init_subclass__"}
"""Names with which code reaches or changes names that it does not mention."""

_MAY_BE_OPAQUE = re.compile(rf"\b(?:global|{'|'.join(sorted(OPAQUE))})\b|import[\s\\]*\*")
"""What the text of a module contains that may be opaque; most do not, and are not searched further."""

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Statements:
    """The statements of a module.

    Attributes:
        text: its source.
    """

    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    def needed_by(self, name: str) -> frozenset[int] | None:
        """Positions of the statements that a name depends on.

        Args:
            name: a function, class or constant of the module.

        Returns:
            None if it depends on all of them, or the module does not bind it.
        """
        if self._is_opaque or name not in self._binding:
            return None
        found: set[int] = set()
        waiting = [*self._always, *self._binding[name]]
        while waiting:
            position = waiting.pop()
            if position not in found:
                found.add(position)
                used = _names(self.tree.body[position]) & self._binding.keys()
                waiting += [one for each in used for one in self._binding[each]]
        return frozenset(found)

    def part(self, positions: frozenset[int]) -> ast.Module:
        """A module of some of the statements."""
        return ast.Module([self.tree.body[position] for position in sorted(positions)], [])

    @cached_property
    def _is_opaque(self) -> bool:
        return _MAY_BE_OPAQUE.search(self.text) is not None and any(
            isinstance(node, ast.Global)
            or (isinstance(node, ast.Name) and node.id in OPAQUE)
            or (isinstance(node, ast.FunctionDef) and node.name in OPAQUE)
            or (isinstance(node, ast.alias) and node.name == "*")
            for node in ast.walk(self.tree)
        )

    @cached_property
    def _binding(self) -> dict[str, list[int]]:
        """Name → positions of the statements that bind it."""
        found: dict[str, list[int]] = {}
        for position, statement in enumerate(self.tree.body):
            for name in _bound(statement):
                found.setdefault(name, []).append(position)
        return found

    @cached_property
    def _always(self) -> Sequence[int]:
        return [
            position
            for position, statement in enumerate(self.tree.body)
            if not _is_text(statement)
            and not is_for_types(statement)
            and not _only_binds(statement)
        ]


def is_for_types(statement: ast.AST) -> bool:
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


@cache
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
        waiting += [child for child in ast.iter_child_nodes(current) if not _is_text(child)]


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
