"""Fitting a model, and the fingerprint by which two fits are told to be the same."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.errors import TrainingError
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.specification import ModelSpecification, build

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PROBE_ROWS = 256


@dataclass(frozen=True)
class TrainedModel:
    """A fitted model and what identifies it.

    Attributes:
        pipeline: the fitted scikit-learn pipeline.
        fingerprint: hash of what it learned and of its predictions on ``probe``.
        probe: fixed rows of its training data, input columns only.
        rows: number of rows it was fitted on.
    """

    pipeline: "Pipeline"
    fingerprint: str
    probe: pd.DataFrame
    rows: int


def train(specification: ModelSpecification, dataset: pd.DataFrame) -> TrainedModel:
    """Fit a model on the training split of a dataset.

    Args:
        specification: what to fit.
        dataset: (n, …) rows with ``split``, the input columns and the label.

    Raises:
        TrainingError: no training row, a label with a single class, or too little to fit.
    """
    is_train = dataset[SPLIT] == "train"
    labels = dataset.loc[is_train, specification.label]
    if labels.empty:
        raise TrainingError("the training split has no rows: the window begins too late")
    if specification.task == "classification" and labels.nunique() < 2:
        raise TrainingError(
            f"every one of the {len(labels)} training rows has {specification.label} = "
            f"{labels.iloc[0]}: there is nothing to tell apart"
        )
    inputs = dataset.loc[is_train, specification.features]
    try:
        pipeline = build(specification).fit(inputs, labels)
    except ValueError as error:
        raise TrainingError(
            f"{specification.estimator} cannot be fitted on these {len(labels)} rows: {error}"
        ) from error
    step = max(1, len(inputs) // PROBE_ROWS)
    probe = inputs.iloc[::step].head(PROBE_ROWS).reset_index(drop=True)
    return TrainedModel(pipeline, fingerprint(specification, pipeline, probe), probe, len(labels))


def predict(
    specification: ModelSpecification, pipeline: "Pipeline", rows: pd.DataFrame
) -> np.ndarray:
    """(n,) probabilities of the positive class, or predicted numbers."""
    inputs = rows[specification.features]
    if specification.task == "classification":
        return np.asarray(pipeline.predict_proba(inputs)[:, 1])
    return np.asarray(pipeline.predict(inputs))


def fingerprint(
    specification: ModelSpecification, pipeline: "Pipeline", probe: pd.DataFrame
) -> str:
    """Hash of everything a fitted model learned, the same in every process.

    A model file differs at every dump, so it cannot serve. Hashed are the parameters, the arrays
    the estimator learned (trees, coefficients, categories) and the predictions on ``probe``.
    """
    state = hashlib.sha256(specification.canonical().encode())
    encoder = pipeline.named_steps["columns"].named_transformers_["categorical"]
    for name, array in [
        *((f"category {i}", c) for i, c in enumerate(getattr(encoder, "categories_", []))),
        *_learned(pipeline.named_steps["estimator"]),
        ("predictions", predict(specification, pipeline, probe)),
    ]:
        state.update(f"{name}:{array.dtype}:{array.shape}".encode())
        state.update(_bytes(array))
    return state.hexdigest()[:32]


def _learned(estimator: Any) -> Iterator[tuple[str, np.ndarray]]:
    for name in ("coef_", "intercept_", "classes_"):
        if hasattr(estimator, name):
            yield name, np.asarray(getattr(estimator, name))
    for i, tree in enumerate(np.ravel(getattr(estimator, "_predictors", []))):
        yield f"tree {i}", tree.nodes
    for i, tree in enumerate(np.ravel(getattr(estimator, "estimators_", []))):
        for part in ("feature", "threshold", "children_left", "children_right", "value"):
            yield f"{part} {i}", getattr(tree.tree_, part)


def _bytes(array: np.ndarray) -> bytes:
    if array.dtype.names:  # padding between the fields of a record is not defined
        return b"".join(np.ascontiguousarray(array[name]).tobytes() for name in array.dtype.names)
    if array.dtype == object:
        return "\x1f".join(map(str, array)).encode()
    return np.ascontiguousarray(array).tobytes()
