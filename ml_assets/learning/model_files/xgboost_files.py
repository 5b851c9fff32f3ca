"""XGBoost's JSON format: which files are refused.

XGBoost trusts the numbers in a file: a wrong length or index makes it read memory that is not its
own. So everything that it uses is checked before it reads a file.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

ROOT_PARENT = 2**31 - 1
"""Parent of the first node of a tree."""

MAX_NUMBER = 1_000_000
"""Largest number of features, targets, trees of an iteration, and nodes of a tree in a file."""

OF_NODES = (
    "base_weights",
    "default_left",
    "left_children",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
OF_CATEGORIES = ("categories_nodes", "categories_segments", "categories_sizes")

CATEGORICAL = 1
"""Type of a split by categories."""


def refuse_xgboost(content: bytes) -> None:
    """Refuse a file that is not a model of XGBoost with trees or a linear model.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, RecursionError: a part is missing, has
            another type or length, or is not within its limits.
    """
    model = json.loads(content.decode())
    _expect(model.keys() == {"learner", "version"}, "it has not the parts of a model")
    version = _integers(model["version"], 3, 0, 10_000)
    _expect(version[0] >= 2, "it is of an old version")
    learner = model["learner"]
    parameters = learner["learner_model_param"]
    features = _number(parameters["num_feature"], 1)
    classes, targets = _number(parameters["num_class"], 0), _number(parameters["num_target"], 1)
    outputs = max(classes, targets)
    _expect(_is_score(parameters["base_score"], outputs), "its base_score is not usable")
    _expect(isinstance(learner["objective"]["name"], str), "its objective is not usable")
    for name in ("feature_names", "feature_types"):
        found = learner.get(name, [])
        _expect(all(isinstance(each, str) for each in found), f"{name} are not texts")
        _expect(len(found) in {0, features}, f"{name} has {len(found)} values, not {features}")
    _refuse_texts(learner.get("attributes", {}))
    _refuse_booster(learner["gradient_booster"], features, outputs)


def _refuse_booster(booster: Mapping[str, Any], features: int, outputs: int) -> None:
    name = booster["name"]
    if name == "gblinear":
        _floats(booster["model"]["weights"], (features + 1) * outputs)
    elif name == "dart":
        _refuse_trees(booster["gbtree"]["model"], features, outputs)
        _floats(booster["weight_drop"], len(booster["gbtree"]["model"]["trees"]))
    elif name == "gbtree":
        _refuse_trees(booster["model"], features, outputs)
    else:
        raise ValueError(f"its booster {name!r:.40} is unknown")


def _refuse_trees(model: Mapping[str, Any], features: int, outputs: int) -> None:
    trees = model["trees"]
    width = outputs * _number(model["gbtree_model_param"]["num_parallel_tree"], 1)
    count = _number(model["gbtree_model_param"]["num_trees"], 0)
    _expect(count == len(trees), f"it has {len(trees)} trees, not {count}")
    _integers(model["tree_info"], count, 0, outputs - 1)
    ends = _integers(model["iteration_indptr"], None, 0, count)
    _expect(ends == [*range(0, count + 1, width)], "iteration_indptr does not fit its trees")
    categories = model.get("cats", {})
    _expect(not any(categories.values()), "categories of a data frame are not supported")
    for number, tree in enumerate(trees):
        _expect(tree["id"] == number, f"tree {number} has another id")
        _refuse_tree(tree, number, features)


def _refuse_tree(tree: Mapping[str, Any], number: int, features: int) -> None:
    parameters = tree["tree_param"]
    nodes = _number(parameters["num_nodes"], 1)
    _number(parameters["num_deleted"], 0)
    _expect(_number(parameters["num_feature"], 1) == features, f"tree {number} has other features")
    _expect(parameters["size_leaf_vector"] in {"0", "1"}, f"leaves of tree {number} are vectors")
    for name in ("base_weights", "loss_changes", "split_conditions", "sum_hessian"):
        _floats(tree[name], nodes)
    _integers(tree["default_left"], nodes, 0, 1)
    _integers(tree["split_indices"], nodes, 0, features - 1)
    kinds = _integers(tree["split_type"], nodes, 0, CATEGORICAL)
    _refuse_children(tree, number, nodes)
    _refuse_categories(tree, number, {node for node, kind in enumerate(kinds) if kind})


def _refuse_children(tree: Mapping[str, Any], number: int, nodes: int) -> None:
    """Refuse children that do not make a tree; pruned nodes are in no place of it."""
    left = _integers(tree["left_children"], nodes, -1, nodes - 1)
    right = _integers(tree["right_children"], nodes, -1, nodes - 1)
    parents = _integers(tree["parents"], nodes, -1, ROOT_PARENT)
    _expect(parents[0] == ROOT_PARENT, f"tree {number} has no root")
    waiting, seen = [0], {0}
    while waiting:
        node = waiting.pop()
        children = [left[node], right[node]]
        if children == [-1, -1]:
            continue
        for child in children:
            is_own = child > 0 and child not in seen and parents[child] == node
            _expect(is_own, f"tree {number} is no tree")
            seen.add(child)
            waiting.append(child)
    is_complete = len(seen) == nodes - int(tree["tree_param"]["num_deleted"])
    _expect(is_complete, f"tree {number} has nodes outside of it")


def _refuse_categories(tree: Mapping[str, Any], number: int, nodes: set[int]) -> None:
    values = tree["categories"]
    _integers(values, None, 0, MAX_NUMBER, may_be_empty=True)
    lists = [
        _integers(tree[name], None, 0, MAX_NUMBER, may_be_empty=True) for name in OF_CATEGORIES
    ]
    is_used = {node for node in nodes if tree["left_children"][node] != -1}
    _expect(is_used <= {*lists[0]}, f"tree {number} has a categorical split without categories")
    _expect(lists[0] == sorted({*lists[0]}), f"categories of tree {number} are not in order")
    _expect({*lists[0]} <= nodes, f"tree {number} has categories of another split")
    _expect(len({len(each) for each in lists}) == 1, f"categories of tree {number} are incomplete")
    is_within = all(first + size <= len(values) for _, first, size in zip(*lists, strict=True))
    _expect(is_within, f"tree {number} has a split without its categories")


def _refuse_texts(values: Mapping[str, Any]) -> None:
    _expect(all(isinstance(value, str) for value in values.values()), "attributes are not texts")


def _number(text: Any, least: int) -> int:
    """A number that XGBoost writes as text."""
    _expect(isinstance(text, str) and text.isascii() and text.isdigit(), "a number is not usable")
    found = int(text)
    _expect(least <= found <= MAX_NUMBER, f"{found} is not within {least}..{MAX_NUMBER}")
    return found


def _is_score(text: Any, outputs: int) -> bool:
    """Whether a text is a number, or a list of one or ``outputs`` numbers."""
    found = json.loads(text)
    values = found if isinstance(found, list) else [found]
    is_number = all(isinstance(each, int | float) and math.isfinite(each) for each in values)
    return is_number and len(values) in {1, outputs}


def _integers(
    values: Sequence[Any], length: int | None, least: int, most: int, *, may_be_empty: bool = False
) -> list[int]:
    _expect(isinstance(values, list), "a list is missing")
    _expect(all(type(each) is int for each in values), "a list is not of integers")
    _expect(length in {None, len(values)}, f"a list has {len(values)} values, not {length}")
    if not values:
        _expect(may_be_empty, "a list is empty")
        return []
    _expect(least <= min(values) and max(values) <= most, f"a value is not in {least}..{most}")
    return list(values)


def _floats(values: Any, length: int) -> None:
    _expect(isinstance(values, list), "a list is missing")
    _expect(all(type(each) in {int, float} for each in values), "a list is not of numbers")
    _expect(len(values) == length, f"a list has {len(values)} values, not {length}")


def _expect(is_right: bool, problem: str) -> None:
    if not is_right:
        raise ValueError(problem)
