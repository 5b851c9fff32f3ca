"""Normal form of a module: its syntax tree without comments, docstrings and layout.

It is the same for all Python versions: empty fields are left out, as versions differ in which empty
fields a syntax tree has.
"""

import ast
from functools import cache
from typing import Any

IGNORED_FIELDS = {"kind", "type_comment", "type_ignores"}
"""Fields that contain no code: a prefix like ``u""``, and type comments."""


def normal_form(tree: ast.Module) -> str:
    """The normal form of a module; equal for modules with the same code."""
    parts: list[str] = []
    _write(tree, parts)
    return "".join(parts)


def _write(node: Any, parts: list[str]) -> None:
    """Append the normal form of a node, a list of nodes, or a value."""
    if isinstance(node, ast.AST):
        parts.append(f"{type(node).__name__}(")
        for name in _sorted(node._fields):
            value = getattr(node, name, None)
            if isinstance(value, list):
                value = [item for item in value if not _is_ignored(item, node)]
            if value is None or value == []:
                continue
            parts.append(f"{name}=")
            _write(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for item in node:
            _write(item, parts)
            parts.append(",")
        parts.append("]")
    else:
        parts.append(f"{node!a};")


@cache
def _sorted(fields: tuple[str, ...]) -> list[str]:
    return sorted({*fields} - IGNORED_FIELDS)


def _is_ignored(item: Any, parent: ast.AST) -> bool:
    """Whether an item of a list contains no code.

    It is a docstring or another string on its own, or an empty part of an f-string, which some
    Python versions add.
    """
    if isinstance(parent, ast.JoinedStr):
        return isinstance(item, ast.Constant) and item.value == ""
    return (
        isinstance(item, ast.Expr)
        and isinstance(item.value, ast.Constant)
        and isinstance(item.value.value, str)
    )
