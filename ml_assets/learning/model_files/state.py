"""The fitted state of a model as bytes that are the same at every fit and in every process."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from ml_assets.learning.model_files.boosters import detached
from ml_assets.learning.preprocessing import COLUMNS, TEXT

IDENTITIES = frozenset({"__id__", "_skops_version"})
"""Keys of skops's schema that differ at every dump."""

DURATIONS = frozenset(
    {"mean_fit_time", "mean_score_time", "refit_time_", "std_fit_time", "std_score_time"}
)
"""Attributes of fitted searches that differ at every fit."""

ADDRESSES = frozenset({"_stop_words_id"})
"""Attributes of vectorizers of text that are addresses in memory, which differ in every process."""


def fitted_state(pipeline: Any) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each part of a fitted model.

    Of encoded columns followed by trees or a linear model of scikit-learn, these are the categories,
    what free text is multiplied with, trees and coefficients. Of all other models it is everything
    that is stored; of ensembles, the state of each member.

    Args:
        pipeline: the fitted pipeline; it has to be one that can be stored.
    """
    if members := getattr(
        pipeline[-1], "members_", None
    ):  # an ensemble; its specification has the rest
        for member, fitted in sorted(members.items()):
            for name, content in fitted_state(fitted):
                yield f"{member} {name}", content
    elif _only_encodes(pipeline) and (learned := list(_learned(pipeline[-1]))):
        encoder = pipeline[0].named_transformers_["categorical"]
        categories = getattr(encoder, "categories_", [])
        named = [(f"category {i}", c) for i, c in enumerate(categories)]
        for name, array in [*named, *_of_texts(pipeline[0]), *learned]:
            yield name, array_bytes(array)
    else:
        yield from _stored(pipeline)


def _only_encodes(pipeline: Any) -> bool:
    """Whether the estimator of a pipeline is preceded by an encoder of categories alone."""
    if list(getattr(pipeline, "named_steps", {})) != [COLUMNS, "estimator"]:
        return False
    transformers = getattr(pipeline[0], "transformers", [])
    parts = {name: part for name, part, _ in transformers if not name.startswith(TEXT)}
    return parts.keys() == {"categorical", "numeric"} and parts["numeric"] == "passthrough"


def _of_texts(columns: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Weights of words and components of each column of free text."""
    for name, encoder in columns.named_transformers_.items():
        if name.startswith(TEXT):
            yield f"{name} weights", encoder[-2].idf_
            yield f"{name} components", encoder[-1].components_


def array_bytes(array: np.ndarray) -> bytes:
    """Type, shape and values of an array."""
    return f"{array.dtype}:{array.shape}".encode() + _values(array)


def _learned(estimator: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Coefficients or trees; nothing if the estimator has neither."""
    found = [
        *((f"tree {i}", t.nodes) for i, t in enumerate(_trees(estimator, "_predictors"))),
        *(
            (f"{part} {i}", getattr(tree.tree_, part))
            for i, tree in enumerate(_trees(estimator, "estimators_"))
            if hasattr(tree, "tree_")
            for part in ("feature", "threshold", "children_left", "children_right", "value")
        ),
    ]
    linear = [name for name in ("coef_", "intercept_", "classes_") if hasattr(estimator, name)]
    if found or "coef_" in linear:
        yield from ((name, np.asarray(getattr(estimator, name))) for name in linear)
        yield from found


def _trees(estimator: Any, attribute: str) -> np.ndarray:
    return np.ravel(getattr(estimator, attribute, []))


def _stored(pipeline: Any) -> Iterator[tuple[str, bytes]]:
    """The content of a skops file, without the parts that differ at every dump, and the files of boosters."""
    import skops.io

    without_boosters, files = detached(pipeline)
    content = skops.io.dumps(without_boosters)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = _canonical(json.loads(archive.read("schema.json")), archive)
    yield "skops", json.dumps(schema, sort_keys=True).encode()
    yield from sorted(files.items())


def _canonical(node: Any, archive: zipfile.ZipFile) -> Any:
    if isinstance(node, list):
        return [_canonical(each, archive) for each in node]
    if not isinstance(node, dict):
        return node
    found = {
        key: _member(archive, value) if key == "file" else _canonical(value, archive)
        for key, value in node.items()
        if key not in IDENTITIES | DURATIONS | ADDRESSES
    }
    if node.get("__loader__") == "SetNode":
        found["content"] = sorted(found["content"], key=json.dumps)
    return found


def _member(archive: zipfile.ZipFile, name: Any) -> Any:
    """Hash of a file in skops's archive; of arrays, of their values."""
    if not isinstance(name, str):  # an attribute of an estimator that is called 'file'
        return _canonical(name, archive)
    content = archive.read(name)
    if name.endswith(".npy"):
        content = array_bytes(np.load(io.BytesIO(content), allow_pickle=False))
    elif name.endswith(".npz"):
        arrays = np.load(io.BytesIO(content), allow_pickle=False)
        content = b"".join(key.encode() + array_bytes(arrays[key]) for key in sorted(arrays))
    return hashlib.sha256(content).hexdigest()


def _values(array: np.ndarray) -> bytes:
    if array.dtype.names:  # padding between the fields of a record is not defined
        return b"".join(np.ascontiguousarray(array[name]).tobytes() for name in array.dtype.names)
    if array.dtype == object:
        return "\x1f".join(map(str, array)).encode()
    return np.ascontiguousarray(array).tobytes()
