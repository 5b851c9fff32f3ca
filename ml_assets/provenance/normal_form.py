"""What of a module's text matters to its results: everything but comments, docstrings and layout.

It needs nothing but the standard library and does not depend on the interpreter: fields that are
empty are left out, as Python versions differ in which empty fields a syntax tree has.
"""

import ast
from typing import Any

LEFT_OUT = {"kind", "type_comment", "type_ignores"}
"""Fields that hold no code: a prefix like ``u""``, and comments that say types."""


def normal_form(text: str) -> str:
    """A module's text in normal form: equal for texts that compute the same in the same way."""
    return _shown(ast.parse(text))


def _shown(node: Any) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = [part for part in node.values if not _is_empty_text(part)]
        return f"JoinedStr([{', '.join(map(_shown, parts))}])"
    if isinstance(node, ast.AST):
        fields = sorted(
            (name, _shown(value))
            for name, value in ast.iter_fields(node)
            if name not in LEFT_OUT and not _is_empty(value)
        )
        return f"{type(node).__name__}({', '.join(f'{name}={text}' for name, text in fields)})"
    if isinstance(node, list):
        return f"[{', '.join(_shown(item) for item in node if not _is_text(item))}]"
    return ascii(node)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(_is_text(item) for item in value))


def _is_empty_text(node: ast.expr) -> bool:
    """Whether a part of an f-string is empty; some Python versions add such parts."""
    return isinstance(node, ast.Constant) and node.value == ""


def _is_text(node: Any) -> bool:
    """Whether a statement is a text alone, as docstrings are."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
