"""Fitting a model, and the fingerprint by which two fits are messages to be the same."""

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.errors import ConfigurationError, TrainingError
from ml_assets.learning.checkpoints import Checkpoint, Checkpoints
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import PROBE_ROWS, fingerprint, predict, train
from ml_assets_tests.learning.elsewhere import Train

ESTIMATORS = [
    pytest.param({}, id="boosted trees"),
    pytest.param(
        {
            "estimator": "sklearn.ensemble.RandomForestClassifier",
            "hyperparameters": {"n_estimators": 3, "random_state": 0, "min_samples_leaf": 5},
        },
        id="forest",
    ),
    pytest.param(
        {
            "estimator": "sklearn.linear_model.LogisticRegression",
            "hyperparameters": {"max_iter": 500},
            "numeric": ["minute"],
            "categorical": [],
        },
        id="linear",
    ),
    pytest.param(
        {
            "task": "regression",
            "estimator": "sklearn.ensemble.HistGradientBoostingRegressor",
            "label": "amount",
        },
        id="boosted regression",
    ),
]


@pytest.mark.parametrize("changes", ESTIMATORS)
def test_same_data_gives_the_same_fingerprint(
    specification: ModelSpecification, dataset: pd.DataFrame, changes: dict[str, Any]
) -> None:
    wanted = replace(specification, **changes)

    assert train(wanted, dataset).fingerprint == train(wanted, dataset.copy()).fingerprint


@pytest.mark.parametrize("threads", ["1", "3"], ids="threads={}".format)
def test_fingerprint_is_the_same_in_another_process(
    specification: ModelSpecification, dataset: pd.DataFrame, trained_elsewhere: Train, threads: str
) -> None:
    elsewhere = trained_elsewhere(specification, dataset, threads)

    assert elsewhere == train(specification, dataset).fingerprint


@pytest.mark.parametrize("changes", ESTIMATORS)
def test_one_changed_row_changes_the_fingerprint(
    specification: ModelSpecification, dataset: pd.DataFrame, changes: dict[str, Any]
) -> None:
    wanted = replace(specification, **changes)
    changed = dataset.copy()
    changed.loc[150, wanted.label] = 1 - changed.loc[150, wanted.label]

    assert train(wanted, dataset).fingerprint != train(wanted, changed).fingerprint


def test_a_row_that_is_not_fitted_changes_nothing(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    changed = dataset.copy()
    changed.loc[dataset[SPLIT] != "train", "late"] = 1

    assert train(specification, dataset).fingerprint == train(specification, changed).fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"numeric": ["delay", "minute"]}, id="order of the columns"),
        pytest.param({"categorical": []}, id="fewer columns"),
        pytest.param(
            {"hyperparameters": {"max_iter": 5, "random_state": 0, "max_leaf_nodes": 3}},
            id="hyperparameters",
        ),
    ],
)
def test_another_specification_gives_another_fingerprint(
    specification: ModelSpecification, dataset: pd.DataFrame, changes: dict[str, Any]
) -> None:
    other = replace(specification, **changes)

    assert train(specification, dataset).fingerprint != train(other, dataset).fingerprint


def test_order_in_which_hyperparameters_are_written_does_not_matter(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    backwards = dict(reversed(specification.hyperparameters.items()))

    same = replace(specification, hyperparameters=backwards)

    assert train(specification, dataset).fingerprint == train(same, dataset).fingerprint


def test_fingerprint_is_that_of_the_pipeline_on_its_probe(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    model = train(specification, dataset)

    assert fingerprint(specification, model.pipeline, model.probe) == model.fingerprint


def test_only_the_training_split_is_fitted(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    model = train(specification, dataset)

    assert model.rows == 300
    assert [*model.probe.columns] == specification.features
    assert len(model.probe) == PROBE_ROWS


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_are_refused(
    specification: ModelSpecification, dataset: pd.DataFrame, label: int
) -> None:
    with pytest.raises(TrainingError, match=f"300 training rows have late = {label}"):
        train(specification, dataset.assign(late=label))


def test_no_training_row_is_refused(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    with pytest.raises(TrainingError, match="no rows"):
        train(specification, dataset[dataset[SPLIT] == "test"])


def test_predictions_of_a_class_are_probabilities(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    rows = dataset[dataset[SPLIT] == "test"]

    predictions = predict(specification, train(specification, dataset).pipeline, rows)

    assert predictions.shape == (50,)
    assert ((predictions >= 0) & (predictions <= 1)).all()
    late = rows["late"].to_numpy() == 1
    assert predictions[late].mean() > predictions[~late].mean()


def test_predictions_of_a_regression_are_numbers(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    wanted = replace(
        specification,
        task="regression",
        estimator="sklearn.linear_model.LinearRegression",
        label="amount",
        numeric=["minute"],
        categorical=[],
        hyperparameters={},
    )
    rows = dataset.assign(amount=dataset["minute"] * 2.0 + 1)

    predictions = predict(wanted, train(wanted, rows).pipeline, rows)

    np.testing.assert_allclose(predictions, rows["amount"])


@pytest.mark.parametrize(
    "carrier", [pytest.param("new", id="unseen carrier"), pytest.param("rare", id="rare carrier")]
)
def test_unusual_category_is_predicted_alike(
    specification: ModelSpecification, dataset: pd.DataFrame, carrier: str
) -> None:
    model = train(specification, dataset)

    predictions = predict(specification, model.pipeline, dataset.assign(carrier=carrier))

    assert np.isfinite(predictions).all()


BOOSTED = {"max_iter": 10, "random_state": 0, "early_stopping": False}
RESUMABLE = [
    pytest.param({"hyperparameters": BOOSTED}, id="boosted trees"),
    pytest.param(
        {"hyperparameters": BOOSTED | {"max_features": 0.5, "l2_regularization": 1.0}},
        id="boosted trees on random columns",
    ),
    pytest.param(
        {
            "task": "regression",
            "estimator": "sklearn.ensemble.HistGradientBoostingRegressor",
            "label": "amount",
            "hyperparameters": BOOSTED,
        },
        id="boosted regression",
    ),
    pytest.param(
        {
            "estimator": "sklearn.ensemble.RandomForestClassifier",
            "hyperparameters": {"n_estimators": 10, "random_state": 0, "min_samples_leaf": 5},
        },
        id="forest",
    ),
    pytest.param(
        {
            "estimator": "sklearn.ensemble.GradientBoostingClassifier",
            "numeric": ["minute"],
            "hyperparameters": {"n_estimators": 10, "random_state": 0, "subsample": 0.5},
        },
        id="gradient boosting",
    ),
]


class Interrupted(Exception):
    """Exception that ends a training in a test."""


@dataclass(frozen=True)
class EndingAfter(Checkpoints):
    """Checkpoints of a training that ends right after the one with some iterations."""

    iterations: int

    def save(self, key: str, checkpoint: Checkpoint) -> None:
        super().save(key, checkpoint)
        if checkpoint.iterations == self.iterations:
            raise Interrupted


@pytest.mark.parametrize("every", [4, 5, 99])
@pytest.mark.parametrize("changes", RESUMABLE)
def test_slices_change_nothing_that_is_learned(
    specification: ModelSpecification, dataset: pd.DataFrame, changes: dict[str, Any], every: int
) -> None:
    wanted = replace(specification, **changes)
    in_one_go = train(wanted, dataset)

    sliced = train(replace(wanted, checkpoint_every=every), dataset)

    assert sliced.fingerprint == in_one_go.fingerprint
    parameters = in_one_go.pipeline.named_steps["estimator"].get_params()
    assert sliced.pipeline.named_steps["estimator"].get_params() == parameters


@pytest.mark.parametrize("iterations", [4, 8, 10])
@pytest.mark.parametrize("changes", RESUMABLE)
def test_resumed_training_ends_as_an_uninterrupted_one(
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    iterations: int,
) -> None:
    caplog.set_level(logging.INFO)
    wanted = replace(specification, **changes, checkpoint_every=4)
    with pytest.raises(Interrupted):
        train(wanted, dataset, EndingAfter(tmp_path, iterations))
    caplog.clear()

    model = train(wanted, dataset, Checkpoints(tmp_path))

    assert caplog.messages[0] == f"resumed at {iterations} of 10 iterations"
    assert model.fingerprint == train(wanted, dataset).fingerprint


@pytest.mark.parametrize(
    ("changes", "code_version"),
    [
        pytest.param({}, "other code", id="code"),
        pytest.param({"hyperparameters": BOOSTED | {"max_iter": 11}}, "code", id="parameters"),
        pytest.param({"label": "noisy"}, "code", id="data"),
    ],
)
def test_training_that_is_not_the_interrupted_one_starts_anew(
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    code_version: str,
) -> None:
    rows = dataset.assign(noisy=dataset["late"].where(dataset.index != 150, 1 - dataset["late"]))
    interrupted = replace(specification, hyperparameters=BOOSTED, checkpoint_every=4)
    with pytest.raises(Interrupted):
        train(interrupted, rows, EndingAfter(tmp_path, 4), "code")
    wanted = replace(interrupted, **changes)

    model = train(wanted, rows, Checkpoints(tmp_path), code_version)

    [message] = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert "training restarts: it belongs to other data, parameters or code" in message
    assert model.fingerprint == train(wanted, rows).fingerprint


def test_progress_is_logged_with_the_time_left(
    specification: ModelSpecification, dataset: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    train(replace(specification, checkpoint_every=2), dataset)

    messages = [re.sub(r"\d+ s", "_ s", message) for message in caplog.messages]
    assert messages == [
        "slice 1 of 3: 2 of 5 iterations, _ s so far, about _ s left",
        "slice 2 of 3: 4 of 5 iterations, _ s so far, about _ s left",
        "slice 3 of 3: 5 of 5 iterations, _ s so far, about _ s left",
    ]
    assert caplog.messages[-1].endswith("about 0 s left")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param(
            {
                "estimator": "sklearn.linear_model.LogisticRegression",
                "hyperparameters": {"max_iter": 500},
            },
            "LogisticRegression cannot resume from a checkpoint",
            id="linear",
        ),
        pytest.param(
            {"estimator": "sklearn.neural_network.MLPClassifier", "hyperparameters": {}},
            "MLPClassifier cannot resume from a checkpoint",
            id="network",
        ),
        pytest.param(
            {"estimator": "sklearn.ensemble.AdaBoostClassifier", "hyperparameters": {}},
            "AdaBoostClassifier cannot resume from a checkpoint",
            id="no warm start",
        ),
        pytest.param(
            {"hyperparameters": {"max_iter": 5}}, "with 'early_stopping'", id="may stop early"
        ),
        pytest.param(
            {
                "estimator": "sklearn.ensemble.GradientBoostingClassifier",
                "hyperparameters": {"n_iter_no_change": 2},
            },
            "with 'n_iter_no_change'",
            id="stops early",
        ),
        pytest.param({"checkpoint_every": 0}, "'checkpoint_every' is 0", id="empty slices"),
    ],
)
def test_training_that_cannot_be_cut_into_slices_is_refused(
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    changes: dict[str, Any],
    problem: str,
) -> None:
    wanted = replace(specification, **{"checkpoint_every": 2} | changes)

    with pytest.raises(ConfigurationError, match=problem):
        train(wanted, dataset)
