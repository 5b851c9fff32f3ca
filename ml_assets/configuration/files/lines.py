"""Lines of a ``defs.yaml``, so that an error says where the value is."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

IDENTITIES = ("pipeline", "key", "name", "features")
"""Attributes whose first one identifies a document in its file; ``Defaults`` have none."""


def line_of(file: Path, attributes: Mapping[str, Any], path: Sequence[str | int]) -> int | None:
    """The line of a value, or of the nearest section around it that the document has.

    Args:
        file: the file.
        attributes: attributes of the document.
        path: keys and numbers that lead to the value.

    Returns:
        The line, from 1; None if the document is not in the file, or lacks the first key.
    """
    best: tuple[int, int] | None = None
    for document in _documents(file):
        found = _child(document, "attributes")
        if found is None or not _is_of(found, attributes):
            continue
        line, depth = _deepest(found, path)
        if line is not None and (best is None or depth > best[0]):
            best = depth, line
    return best[1] if best else None


def line_of_key(file: Path, path: Sequence[str | int]) -> int | None:
    """The line of a value of a file with one document, or of the nearest section around it.

    Args:
        file: the file.
        path: keys and numbers that lead to the value.
    """
    return next((found for node in _documents(file) if (found := _deepest(node, path)[0])), None)


def line_of_text(file: Path, text: str) -> int | None:
    """The line, from 1, of the first value that is a text; None if there is none."""
    nodes = _documents(file)
    while nodes:
        node, *nodes = nodes
        if isinstance(node, yaml.MappingNode):
            nodes = [*(each for entry in node.value for each in entry), *nodes]
        elif isinstance(node, yaml.SequenceNode):
            nodes = [*node.value, *nodes]
        elif node.value == text:
            return int(node.start_mark.line) + 1
    return None


@lru_cache(4)
def _composed(text: str) -> list[yaml.Node]:
    return [node for node in yaml.compose_all(text, yaml.CSafeLoader) if node is not None]


def _documents(file: Path) -> list[yaml.Node]:
    try:
        return _composed(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return []


def _deepest(node: yaml.Node, path: Sequence[str | int]) -> tuple[int | None, int]:
    """Line of the last part of a path that a node has, and the number of parts that it has."""
    line, depth = None, 0
    for part in path:
        below = _entry(node, part)
        if below is None:
            break
        named, node = below
        line, depth = named.start_mark.line + 1, depth + 1
    return line, depth


def _is_of(node: yaml.Node, attributes: Mapping[str, Any]) -> bool:
    """Whether a node has the identity of a document, or both have none."""
    for name in IDENTITIES:
        own = _child(node, name)
        if own is not None:
            return own.value == attributes.get(name)
    return not any(name in attributes for name in IDENTITIES)


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    found = _entry(node, part)
    return found[1] if found else None


def _entry(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """What names a value in its section, its key or the item itself, and the value."""
    if isinstance(node, yaml.MappingNode):
        return next((entry for entry in node.value if entry[0].value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and str(part).isdigit() and int(part) < len(node.value):
        return node.value[int(part)], node.value[int(part)]
    return None
