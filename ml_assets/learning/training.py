"""Fitting a model, and the fingerprint that identifies it."""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.errors import TrainingError, sentence
from ml_assets.learning.checkpoints import Checkpoint, Checkpoints, training_key
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.estimators import library_of
from ml_assets.learning.factories import imported_factory
from ml_assets.learning.model_files.boosters import model_files
from ml_assets.learning.model_files.state import array_bytes, fitted_state
from ml_assets.learning.predictions import class_numbers
from ml_assets.learning.specification import ModelSpecification, allowed_types, build, slices

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
        specification: what it was trained by.
        files: name → content of the files that it is stored in.
    """

    pipeline: "Pipeline"
    fingerprint: str
    probe: pd.DataFrame
    rows: int
    specification: ModelSpecification
    files: Mapping[str, bytes]


def training_code(specification: ModelSpecification) -> list[object]:
    """Functions and parameters that determine a model, for its code version.

    Raises:
        ConfigurationError: the factory of the estimator cannot be imported.
    """
    path = specification.estimator
    factories = [] if library_of(path) else [imported_factory(path)]
    return [train, *factories, specification]


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
        TrainingError: no training row, a label with a single class, a class without rows, too few
            rows, or a model that cannot be stored.
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
    if absent := [name for name in specification.classes if not (labels == name).any()]:
        raise TrainingError(
            f"none of the {len(labels)} training rows has {specification.label} = "
            f"{', '.join(map(str, absent))}, so a model could never predict it. Increase "
            "'window', choose a later as-of day, or remove it from 'classes' in defs.yaml"
        )
    inputs = dataset.loc[is_train, specification.features]
    try:
        if specification.checkpoint_every is None:
            pipeline = build(specification).fit(inputs, _targets(specification, labels))
        else:
            pipeline = _fit_in_slices(specification, dataset[is_train], checkpoints, code_version)
    except ValueError as error:
        raise TrainingError(
            f"{specification.estimator} cannot be fitted on these {len(labels)} rows: {error}"
        ) from error
    return fitted_model(specification, pipeline, inputs)


def fitted_model(
    specification: ModelSpecification, pipeline: "Pipeline", inputs: pd.DataFrame
) -> FittedModel:
    """A fitted pipeline with its fingerprint.

    Args:
        specification: what it was trained by.
        pipeline: the pipeline.
        inputs: (n, …) input columns of the rows that it is made from, some of which are its probe.

    Raises:
        TrainingError: it is a model that cannot be stored.
    """
    step = max(1, len(inputs) // PROBE_ROWS)
    probe = inputs.iloc[::step].head(PROBE_ROWS).reset_index(drop=True)
    files = _usable_files(specification, pipeline, probe)
    found = fingerprint(specification, pipeline, probe)
    return FittedModel(pipeline, found, probe, len(inputs), specification, files)


def _fit_in_slices(
    specification: ModelSpecification,
    rows: pd.DataFrame,
    checkpoints: Checkpoints | None,
    code_version: str,
) -> "Pipeline":
    """Fit slice by slice with a checkpoint after each; the model is the same as without slices."""
    inputs = rows[specification.features]
    labels = _targets(specification, rows[specification.label])
    pipeline, done = build(specification), 0
    as_specified = pipeline[-1].get_params(deep=False)
    parameter, ends = slices(specification, pipeline[-1])
    key = training_key(specification, rows, code_version)
    allowed = allowed_types(specification)
    if checkpoints and (checkpoint := checkpoints.load(key, allowed)):
        pipeline, done = checkpoint.pipeline, checkpoint.iterations
        log.info(f"resumed at {done} of {ends[-1]} iterations")
    else:
        pipeline[0].fit(inputs)
    begun = time.monotonic()
    columns, estimator = pipeline[0], pipeline[-1]
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


def _targets(specification: ModelSpecification, labels: pd.Series) -> pd.Series | np.ndarray:
    """The target of the estimator: labels, or the numbers of their classes.

    Numbers keep the probabilities in the declared order; estimators would sort names.
    """
    return class_numbers(labels, specification.classes) if specification.classes else labels


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
    """(n,) probabilities of the positive class or predicted numbers; (n, k) of k classes."""
    inputs = rows[specification.features]
    if specification.classes:
        probabilities = np.asarray(pipeline.predict_proba(inputs), dtype=float)
        return probabilities / probabilities.sum(axis=1, keepdims=True)
    if specification.task == "classification":
        return np.asarray(pipeline.predict_proba(inputs)[:, 1])
    return np.asarray(pipeline.predict(inputs))


def fingerprint(
    specification: ModelSpecification, pipeline: "Pipeline", probe: pd.DataFrame
) -> str:
    """Hash of a fitted model, the same in every process.

    It covers the parameters, the fitted state (trees, coefficients, categories) and the predictions
    on ``probe``. The model file cannot be hashed, as it differs at every dump.
    """
    state = hashlib.sha256(specification.canonical().encode())
    for name, content in fitted_state(pipeline):
        state.update(f"{name}:".encode())
        state.update(content)
    state.update(b"predictions:")
    state.update(array_bytes(predict(specification, pipeline, probe)))
    return state.hexdigest()[:32]


def _usable_files(
    specification: ModelSpecification, pipeline: "Pipeline", probe: pd.DataFrame
) -> dict[str, bytes]:
    """The files of a fitted model.

    Raises:
        TrainingError: they could not be loaded again, or it predicts several numbers for a row.
    """
    name = specification.estimator
    shape = predict(specification, pipeline, probe).shape
    if specification.task == "regression" and shape != (len(probe),):
        raise TrainingError(
            f"{name} predicts {shape[-1]} numbers for each row. Expected one: train a model for each"
        )
    try:
        files, types = model_files(pipeline)
    except (TypeError, ValueError) as error:
        raise TrainingError(
            f"{name} cannot be stored without pickle: {sentence(error)} Choose another estimator, or another "
            "transformer"
        ) from error
    if forbidden := types - allowed_types(specification):
        raise TrainingError(
            f"{name} contains {', '.join(sorted(forbidden))} after it was fitted, which a model file "
            "may not contain. Choose another estimator, or have the factory return one that "
            "contains these types from the beginning"
        )
    return files
