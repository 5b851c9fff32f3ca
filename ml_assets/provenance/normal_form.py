"""Normal form of a module: its syntax tree without comments, docstrings and layout.

It is the same for all Python versions: empty fields are left out, as versions differ in which empty
fields a syntax tree has.
"""

import ast
from collections.abc import Iterable
from functools import cache
from typing import Any

IGNORED_FIELDS = {"kind", "type_comment", "type_ignores"}
"""Fields that contain no code: a prefix like ``u""``, and type comments."""


def statement_form(statement: ast.stmt) -> str:
    """The normal form of a statement of a module; empty for a text on its own."""
    parts: list[str] = []
    if not is_text(statement):
        _write(statement, parts)
    return "".join(parts)


def joined(forms: Iterable[str]) -> str:
    """The normal form of a module of statements with these normal forms; equal for modules with the same code."""
    code = [f"{form}," for form in forms if form]
    return f"Module(body=[{''.join(code)}])" if code else "Module()"


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
    return is_text(item)


def is_text(node: Any) -> bool:
    """Whether a node is a string on its own, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
