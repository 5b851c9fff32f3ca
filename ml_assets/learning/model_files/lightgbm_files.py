"""LightGBM's text format: what is written of a model, and which files are refused.

LightGBM trusts the numbers in a file: a wrong length or index makes it read memory that is not its
own. So everything that it uses is checked before it reads a file.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

END = "end of trees\n"
CATEGORIES = "pandas_categorical:"

HEADER = frozenset(
    {
        "average_output",
        "feature_infos",
        "feature_names",
        "label_index",
        "max_feature_idx",
        "monotone_constraints",
        "num_class",
        "num_tree_per_iteration",
        "objective",
        "tree",
        "tree_sizes",
        "version",
    }
)

OF_NODES = (
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "internal_value",
    "internal_weight",
    "internal_count",
)
OF_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
OF_CATEGORIES = ("cat_boundaries", "cat_threshold")
TREE = frozenset(
    {"Tree", "num_leaves", "num_cat", "is_linear", "shrinkage"}.union(
        OF_NODES, OF_LEAVES, OF_CATEGORIES
    )
)

IS_CATEGORICAL = 1
"""Bit of a decision type."""
MISSING_TYPES = 3
MAX_FEATURES = 1_000_000
MAX_CLASSES = 10_000
NUMBER = re.compile(r"-?(inf|nan|[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?)")
"""Numbers as LightGBM writes them; it ends the process at others, also at some that Python reads."""


def trees_only(text: str) -> bytes:
    """The part of a model that predictions need; without parameters, which may contain paths.

    Args:
        text: LightGBM's text of the whole model.

    Raises:
        ValueError: the model has linear trees, which are not supported.
    """
    if "\nis_linear=1\n" in text:
        raise ValueError("LightGBM's linear trees cannot be stored: leave linear_tree out")
    trees, end, rest = text.partition(END)
    last = rest.rstrip().rpartition("\n")[2]
    has_categories = last.startswith(CATEGORIES) and last != f"{CATEGORIES}null"
    return (trees + end + (f"\n{last}\n" if has_categories else "")).encode()


def refuse_lightgbm(content: bytes) -> None:
    """Refuse a file that ``trees_only`` did not write.

    Raises:
        ValueError: a part is missing, has another length or is not within its limits.
    """
    header, _, trees = content.partition(b"\n\n")
    known = _values(header.decode(), HEADER)
    _expect(
        known.get("tree") == "" and content.startswith(b"tree\n"), "it does not begin with tree"
    )
    _expect(bool(re.fullmatch(r"v[34]", known.get("version", ""))), "its version is not v3 or v4")
    classes = _number(known, "num_class", 1, MAX_CLASSES)
    per_iteration = _number(known, "num_tree_per_iteration", 1, MAX_CLASSES)
    _expect(per_iteration == classes, "num_tree_per_iteration is not num_class")
    features = _number(known, "max_feature_idx", 0, MAX_FEATURES) + 1
    _number(known, "label_index", 0, MAX_FEATURES)
    for name in ("feature_names", "feature_infos", "monotone_constraints"):
        if name in known or name != "monotone_constraints":
            found = known.get(name, "").split(" ")
            _expect(len(found) == features, f"{name} has {len(found)} values, not {features}")
    _refuse_objective(known.get("objective", ""), classes)
    sizes = _integers(known, "tree_sizes", None, 1, len(content))
    _expect(len(sizes) % classes == 0, "its number of trees does not fit num_class")
    trees = trees.lstrip(b"\n")
    for number, size in enumerate(sizes):
        block, trees = trees[:size], trees[size:]
        _expect(block.startswith(b"Tree=%d\n" % number), f"tree {number} is not where it should be")
        _refuse_tree(_values(block.decode(), TREE), number, features)
    _refuse_rest(trees.decode())


def _refuse_objective(objective: str, classes: int) -> None:
    """Refuse an objective of another form, or of another number of classes, which sizes its output."""
    name, *parameters = objective.split(" ")
    _expect(bool(re.fullmatch(r"[a-z_0-9]+", name)), "its objective is not usable")
    for parameter in parameters:
        key, _, value = parameter.partition(":")
        is_usable = parameter == "sqrt" or (
            bool(re.fullmatch(r"[a-z_]+", key)) and bool(NUMBER.fullmatch(value))
        )
        _expect(is_usable, "its objective is not usable")
        _expect(key != "num_class" or value == str(classes), "its objective has other classes")


def _refuse_rest(text: str) -> None:
    trees, end, rest = text.partition(END)
    _expect(not trees and bool(end), "it has no end of trees")
    if rest:
        rest = rest.removeprefix("\n")
        _expect(
            rest.startswith(CATEGORIES) and rest.count("\n") == 1, "there is text after its trees"
        )
        found = json.loads(rest.removeprefix(CATEGORIES))
        _expect(
            isinstance(found, list) and all(isinstance(each, list) for each in found), "categories"
        )


def _refuse_tree(tree: Mapping[str, str], number: int, features: int) -> None:
    leaves = _number(tree, "num_leaves", 1, MAX_FEATURES)
    categorical = _number(tree, "num_cat", 0, MAX_FEATURES)
    _expect(tree.get("is_linear", "0") == "0", f"tree {number} is linear")
    if "shrinkage" in tree:
        _floats(tree, "shrinkage", 1)
    _floats(tree, "leaf_value", leaves)
    for name in OF_LEAVES:
        if tree.get(name):
            _floats(tree, name, leaves)
    nodes = leaves - 1
    if not nodes:
        return
    for name in OF_NODES:
        if tree.get(name) or name in {"threshold", "decision_type"}:
            _floats(tree, name, nodes)
    _integers(tree, "split_feature", nodes, 0, features - 1)
    decisions = _integers(tree, "decision_type", nodes, 0, 255)
    _expect(all((each >> 2) & MISSING_TYPES < MISSING_TYPES for each in decisions), "missing type")
    _refuse_categories(tree, number, decisions, categorical)
    _refuse_children(tree, number, nodes)


def _refuse_categories(
    tree: Mapping[str, str], number: int, decisions: Sequence[int], categorical: int
) -> None:
    where = tree["threshold"].split(" ")
    used = [where[i] for i, each in enumerate(decisions) if each & IS_CATEGORICAL]
    known = {str(i) for i in range(categorical)}
    _expect(known.issuperset(used), f"tree {number} has a categorical split without categories")
    if categorical:
        masks = _integers(tree, "cat_threshold", None, 0, 2**32 - 1)
        limits = _integers(tree, "cat_boundaries", categorical + 1, 0, len(masks))
        is_complete = limits[0] == 0 and limits[-1] == len(masks) and limits == sorted(limits)
        _expect(is_complete, f"cat_boundaries of tree {number} are not usable")


def _refuse_children(tree: Mapping[str, str], number: int, nodes: int) -> None:
    """Refuse children that do not make a tree: each node and leaf has one parent, an earlier one."""
    found: list[int] = []
    for name in ("left_child", "right_child"):
        children = _integers(tree, name, nodes, -nodes - 1, nodes - 1)
        is_later = all(child < 0 or child > node for node, child in enumerate(children))
        _expect(is_later, f"{name} of tree {number} leads back")
        found += children
    _expect(sorted(found) == [*range(-nodes - 1, 0), *range(1, nodes)], f"tree {number} is no tree")


def _values(text: str, known: frozenset[str]) -> dict[str, str]:
    """Key → value of lines ``key=value``; a line without value is a key."""
    found: dict[str, str] = {}
    for line in text.strip("\n").split("\n"):
        key, _, value = line.partition("=")
        _expect(key in known, f"it contains {key[:40]!r}")
        _expect(key not in found, f"it contains {key} twice")
        found[key] = value
    return found


def _number(values: Mapping[str, str], name: str, least: int, most: int) -> int:
    [found] = _integers(values, name, 1, least, most)
    return found


def _integers(
    values: Mapping[str, str], name: str, length: int | None, least: int, most: int
) -> list[int]:
    texts = _texts(values, name, length)
    _expect(
        all(re.fullmatch(r"-?[0-9]{1,10}", text) for text in texts), f"{name} is not of integers"
    )
    found = [int(text) for text in texts]
    _expect(least <= min(found) and max(found) <= most, f"{name} is not within {least}..{most}")
    return found


def _floats(values: Mapping[str, str], name: str, length: int) -> None:
    texts = _texts(values, name, length)
    _expect(all(NUMBER.fullmatch(text) for text in texts), f"{name} is not of numbers")


def _texts(values: Mapping[str, str], name: str, length: int | None) -> list[str]:
    _expect(bool(values.get(name)), f"{name} is missing")
    texts = values[name].split(" ")
    _expect(length in {None, len(texts)}, f"{name} has {len(texts)} values, not {length}")
    return texts


def _expect(is_right: bool, problem: Any) -> None:
    if not is_right:
        raise ValueError(problem)
