"""What of a module's text matters to its results: everything but comments, docstrings and layout.

It needs nothing but the standard library and does not depend on the interpreter: fields that are
empty are left out, as Python versions differ in which empty fields a syntax tree has.
"""

import ast
from functools import cache
from typing import Any

LEFT_OUT = {"kind", "type_comment", "type_ignores"}
"""Fields that hold no code: a prefix like ``u""``, and comments that say types."""


def normal_form(tree: ast.Module) -> str:
    """A module in normal form: equal for texts that compute the same in the same way."""
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
                value = [item for item in value if not _is_left_out(item, node)]
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
    return sorted({*fields} - LEFT_OUT)


def _is_left_out(item: Any, parent: ast.AST) -> bool:
    """Whether an item of a list holds no code.

    It is a statement that is a text alone, as docstrings are, or an empty part of an f-string, which
    some Python versions add.
    """
    if isinstance(parent, ast.JoinedStr):
        return isinstance(item, ast.Constant) and item.value == ""
    return (
        isinstance(item, ast.Expr)
        and isinstance(item.value, ast.Constant)
        and isinstance(item.value.value, str)
    )
