"""Fitting a model, and the fingerprint that identifies it."""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.errors import TrainingError
from ml_assets.learning.checkpoints import Checkpoint, Checkpoints, training_key
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.specification import ModelSpecification, build, slices

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PROBE_ROWS = 256

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittedModel:
    """A fitted model with its fingerprint.

    Attributes:
        pipeline: the fitted scikit-learn pipeline.
        fingerprint: hash of the fitted state and of the predictions on ``probe``.
        probe: fixed rows of the training data, input columns only.
        rows: number of training rows.
    """

    pipeline: "Pipeline"
    fingerprint: str
    probe: pd.DataFrame
    rows: int


def train(
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    checkpoints: Checkpoints | None = None,
    code_version: str = "",
) -> FittedModel:
    """Fit a model on the training split of a dataset.

    Args:
        specification: specification of the model.
        dataset: (n, …) rows with ``split``, the input columns and the label.
        checkpoints: folder of checkpoints, to resume an interrupted training from and to write to;
            used only if the specification sets ``checkpoint_every``.
        code_version: version of the training code; checkpoints of other versions are ignored.

    Raises:
        ConfigurationError: the estimator cannot be built, or cannot be fitted in slices.
        TrainingError: no training row, a label with a single class, or too few rows.
    """
    is_train = dataset[SPLIT] == "train"
    labels = dataset.loc[is_train, specification.label]
    if labels.empty:
        raise TrainingError(
            "the training split has no rows: no labelled row is older than the validation window. "
            "Choose a later as-of day, or increase 'window'"
        )
    if specification.task == "classification" and labels.nunique() < 2:
        raise TrainingError(
            f"all {len(labels)} training rows have {specification.label} = {labels.iloc[0]}: "
            "expected two classes"
        )
    inputs = dataset.loc[is_train, specification.features]
    try:
        if specification.checkpoint_every is None:
            pipeline = build(specification).fit(inputs, labels)
        else:
            pipeline = _fit_in_slices(specification, dataset[is_train], checkpoints, code_version)
    except ValueError as error:
        raise TrainingError(
            f"{specification.estimator} cannot be fitted on these {len(labels)} rows: {error}"
        ) from error
    step = max(1, len(inputs) // PROBE_ROWS)
    probe = inputs.iloc[::step].head(PROBE_ROWS).reset_index(drop=True)
    return FittedModel(pipeline, fingerprint(specification, pipeline, probe), probe, len(labels))


def _fit_in_slices(
    specification: ModelSpecification,
    rows: pd.DataFrame,
    checkpoints: Checkpoints | None,
    code_version: str,
) -> "Pipeline":
    """Fit slice by slice with a checkpoint after each; the model is the same as without slices."""
    inputs, labels = rows[specification.features], rows[specification.label]
    pipeline, done = build(specification), 0
    as_specified = pipeline.named_steps["estimator"].get_params(deep=False)
    parameter, ends = slices(specification, pipeline.named_steps["estimator"])
    key = training_key(specification, rows, code_version)
    if checkpoints and (checkpoint := checkpoints.load(key)):
        pipeline, done = checkpoint.pipeline, checkpoint.iterations
        log.info(f"resumed at {done} of {ends[-1]} iterations")
    else:
        pipeline.named_steps["columns"].fit(inputs)
    begun = time.monotonic()
    columns, estimator = pipeline.named_steps["columns"], pipeline.named_steps["estimator"]
    matrix = columns.transform(inputs)
    for number, end in enumerate(ends, start=1):
        if end <= done:
            continue
        estimator.set_params(**{parameter: end}, warm_start=True).fit(matrix, labels)
        if checkpoints:
            checkpoints.save(key, Checkpoint(end, pipeline))
        log.info(_progress(ends, number, done, time.monotonic() - begun))
    estimator.set_params(**as_specified)
    return pipeline


def _progress(ends: Sequence[int], number: int, resumed_at: int, seconds: float) -> str:
    end, total = ends[number - 1], ends[-1]
    left = seconds / (end - resumed_at) * (total - end)
    return (
        f"slice {number} of {len(ends)}: {end} of {total} iterations, {seconds:.0f} s so far, "
        f"about {left:.0f} s left"
    )


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
    """Hash of a fitted model, the same in every process.

    It covers the parameters, the fitted arrays (trees, coefficients, categories) and the
    predictions on ``probe``. The model file cannot be hashed, as it differs at every dump.
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
