"""Building a model from its specification."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from ml_assets.errors import ConfigurationError
from ml_assets.learning.specification import Classes, ModelSpecification, build


def test_inputs_are_the_categorical_columns_and_then_the_numeric(
    specification: ModelSpecification,
) -> None:
    assert specification.features == ["carrier", "minute", "delay"]


def test_hyperparameters_reach_the_estimator(specification: ModelSpecification) -> None:
    estimator = build(specification).named_steps["estimator"]

    assert type(estimator).__name__ == "HistGradientBoostingClassifier"
    assert (estimator.max_iter, estimator.random_state) == (5, 0)


def test_text_columns_are_passed_to_an_estimator_as_categories(
    specification: ModelSpecification,
) -> None:
    assert build(specification).named_steps["estimator"].categorical_features == [0]


def test_estimator_without_categories_is_built_too(specification: ModelSpecification) -> None:
    forest = replace(
        specification,
        estimator="sklearn.ensemble.RandomForestClassifier",
        hyperparameters={"n_estimators": 2},
    )

    assert build(forest).named_steps["estimator"].n_estimators == 2


@pytest.mark.parametrize(
    ("estimator", "problem"),
    [
        pytest.param("lightgbm.LGBMClasifier", "cannot be built", id="unknown name of LightGBM"),
        pytest.param("sklearn.ensembles.Forest", "cannot be built", id="unknown module"),
        pytest.param("sklearn.ensemble.Forest", "cannot be built", id="unknown name"),
        pytest.param("sklearn.metrics.roc_auc_score", "cannot be built", id="a function"),
    ],
)
def test_unusable_estimator_is_refused_by_name(
    specification: ModelSpecification, estimator: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"'{estimator}' {problem}"):
        build(replace(specification, estimator=estimator))


def test_unknown_hyperparameter_is_refused(specification: ModelSpecification) -> None:
    with pytest.raises(ConfigurationError, match="max_iters"):
        build(replace(specification, hyperparameters={"max_iters": 5}))


@pytest.mark.parametrize(
    ("carrier", "is_missing"),
    [
        pytest.param("UA", False, id="usual"),
        pytest.param("new", True, id="unseen"),
        pytest.param(None, True, id="null"),
    ],
)
def test_category_that_training_did_not_see_is_missing(
    specification: ModelSpecification,
    dataset: pd.DataFrame,
    carrier: str | None,
    is_missing: bool,
) -> None:
    columns = build(specification).named_steps["columns"].fit(dataset[specification.features])
    row = dataset[specification.features].head(1).assign(carrier=pd.Series([carrier], dtype="str"))

    code = np.asarray(columns.transform(row), dtype="float64")[0, 0]

    assert np.isnan(code) == is_missing


def test_missing_numbers_stay_missing(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    columns = build(specification).named_steps["columns"]

    numbers = np.asarray(columns.fit_transform(dataset[specification.features]))[:, 2]

    np.testing.assert_array_equal(numbers.astype("float64"), dataset["delay"].to_numpy())


@pytest.mark.parametrize("classes", [(), ("small", "large", "medium"), (3, 1, 2)])
def test_specification_is_the_same_after_it_was_recorded(
    specification: ModelSpecification, classes: Classes
) -> None:
    """Records of models without classes may be older than classes."""
    wanted = replace(specification, numeric=("minute",), categorical=(), classes=classes)
    record = json.loads(json.dumps(asdict(wanted)))
    del record["checkpoint_every"]
    del record["text"]
    if not classes:
        del record["classes"]

    assert ModelSpecification.from_record(record) == wanted
    assert ("classes" in wanted.canonical()) == bool(classes)


def test_canonical_text_without_free_text_is_what_it_was(
    specification: ModelSpecification,
) -> None:
    """Fingerprints of stored models are made of it."""
    assert specification.canonical() == (
        "ModelSpecification(task='classification', "
        "estimator='sklearn.ensemble.HistGradientBoostingClassifier', label='late', "
        "numeric=['minute', 'delay'], categorical=['carrier'], hyperparameters=[('early_stopping', "
        "False), ('max_iter', 5), ('random_state', 0)])"
    )


def test_free_text_is_recorded(specification: ModelSpecification) -> None:
    with_text = replace(specification, numeric=("minute",), categorical=(), text=("remark",))

    found = ModelSpecification.from_record(json.loads(json.dumps(asdict(with_text))))

    assert found.text == ("remark",)
    assert found.features == ["minute", "remark"]
    assert found.canonical() == with_text.canonical()
    assert "text=('remark',)" in found.canonical()
