"""Texts of other errors within messages."""

import ast
from pathlib import Path

import pytest

import ml_assets
from ml_assets.errors import sentence

FOREIGN = {"error", "problem", "cause", "reason", "listed"}
"""Names of what holds the text of another error, which may end with a full stop or not."""


@pytest.mark.parametrize("text", ["it broke", "it broke.", "it broke. ", ValueError("it broke.")])
def test_a_sentence_has_one_full_stop(text: object) -> None:
    assert sentence(text) == "it broke."


def full_stops(text: ast.JoinedStr) -> list[int]:
    """Lines on which the text of another error is followed by a full stop of our own."""
    pairs = zip(text.values, text.values[1:], strict=False)
    return [
        value.lineno
        for value, following in pairs
        if isinstance(value, ast.FormattedValue)
        and {one.id for one in ast.walk(value) if isinstance(one, ast.Name)} & FOREIGN
        and not (isinstance(value.value, ast.Call) and ast.unparse(value.value.func) == "sentence")
        and isinstance(following, ast.Constant)
        and str(following.value).startswith(".")
        and not str(following.value)[1:2].isalnum()
    ]


def test_no_message_adds_a_full_stop_to_the_text_of_another_error() -> None:
    found = [
        f"{path.name}:{line}"
        for path in Path(ml_assets.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr)
        for line in full_stops(node)
    ]
    assert found == []
