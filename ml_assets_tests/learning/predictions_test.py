"""Predictions of classes as columns: names, order, types; and how a model of classes is trained."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml_assets.errors import TrainingError
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.checkpoints import Checkpoints
from ml_assets.learning.evaluation import EvaluationRules, evaluate
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.predictions import (
    class_numbers,
    prediction_columns,
    predictions_of,
    with_predictions,
)
from ml_assets.learning.scorer.scorer import build_scorer
from ml_assets.learning.scoring import score
from ml_assets.learning.specification import Classes, ModelSpecification
from ml_assets.learning.training import predict, train

SIZES: Classes = ("small", "medium", "large")
ESTIMATORS = {
    "boosted trees": ("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 5}),
    "forest": ("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 3}),
}


@pytest.fixture
def sized(dataset: pd.DataFrame) -> pd.DataFrame:
    """The dataset with a label of three classes that follows from a feature."""
    number = np.digitize(dataset["minute"], [600, 1000])
    return dataset.assign(size=pd.Series(np.take(SIZES, number), dtype="str"), level=number * 10)


@pytest.fixture
def multiclass(specification: ModelSpecification) -> ModelSpecification:
    """A model of these classes."""
    return replace(specification, task="multiclass", label="size", classes=SIZES)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("label", "classes"),
    [
        pytest.param("size", SIZES, id="texts, not in the order of the alphabet"),
        pytest.param("size", SIZES[::-1], id="texts the other way round"),
        pytest.param("level", (20, 0, 10), id="numbers, not ascending"),
    ],
)
def test_probabilities_are_in_the_declared_order(
    multiclass: ModelSpecification,
    sized: pd.DataFrame,
    label: str,
    classes: Classes,
    estimator: str,
) -> None:
    path, parameters = ESTIMATORS[estimator]
    parameters = {**parameters, "random_state": 0}
    specification = replace(
        multiclass, label=label, classes=classes, estimator=path, hyperparameters=parameters
    )
    if estimator == "forest":
        sized = sized.fillna({"delay": 0})

    found = predict(specification, train(specification, sized).pipeline, sized)

    assert found.shape == (len(sized), 3)
    predicted = np.array(classes, dtype=object)[found.argmax(axis=1)]
    assert (predicted == sized[label].to_numpy()).mean() > 0.95


def test_prediction_is_the_most_probable_class_and_the_first_of_equal_ones() -> None:
    rows = pd.DataFrame({"flight": [7, 8]}, index=[3, 1])
    probabilities = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])

    found = with_predictions(rows, probabilities, SIZES)

    assert list(found) == ["flight", *prediction_columns(SIZES)]
    assert list(found["prediction"]) == ["medium", "small"]
    assert list(found["score"]) == [0.5, 0.4]
    assert list(found.index) == [3, 1]
    np.testing.assert_array_equal(predictions_of(found, SIZES), probabilities)


def test_numbers_have_one_column() -> None:
    found = with_predictions(pd.DataFrame({"flight": [7, 8]}), np.array([0.2, 0.7]), ())

    assert list(found) == ["flight", *prediction_columns(())]
    assert list(predictions_of(found, ())) == [0.2, 0.7]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        pytest.param(pd.Series(["b", "a", None, "z"], dtype="str"), ("a", "b"), id="texts"),
        pytest.param(pd.Series([2, 1, None, 9]), (1, 2), id="numbers with a null, so floats"),
        pytest.param(pd.Series([2, 1, None, 9], dtype="Int64"), (1, 2), id="nullable numbers"),
    ],
)
def test_labels_that_are_no_class_have_no_number(labels: pd.Series, classes: Classes) -> None:
    assert list(class_numbers(labels, classes)) == [1, 0, -1, -1]


def test_class_without_training_rows_is_refused(
    multiclass: ModelSpecification, sized: pd.DataFrame
) -> None:
    is_large_in_training = (sized["size"] == "large") & (sized["split"] == "train")

    with pytest.raises(TrainingError, match=r"none of the \d+ training rows has size = large"):
        train(multiclass, sized[~is_large_in_training])


def test_model_of_classes_survives_storing_and_resumes_from_a_checkpoint(
    multiclass: ModelSpecification, sized: pd.DataFrame, store: ModelStore, tmp_path
) -> None:
    specification = replace(multiclass, checkpoint_every=2)
    at_once = train(multiclass, sized)

    checkpoints = Checkpoints(tmp_path / "checkpoints")
    in_slices = train(specification, sized, checkpoints)
    store.save("shop/model", in_slices)
    loaded = store.load("shop/model", at_once.fingerprint, multiclass)

    assert in_slices.fingerprint == at_once.fingerprint
    np.testing.assert_array_equal(
        predict(multiclass, loaded.pipeline, sized), predict(multiclass, at_once.pipeline, sized)
    )


def test_order_of_the_classes_belongs_to_the_model(
    multiclass: ModelSpecification, sized: pd.DataFrame
) -> None:
    other = replace(multiclass, classes=SIZES[::-1])

    assert train(multiclass, sized).fingerprint != train(other, sized).fingerprint
    assert "classes" not in replace(multiclass, task="classification", classes=()).canonical()


@pytest.mark.parametrize("count", [20, 0])
def test_scored_rows_have_the_probabilities(
    multiclass: ModelSpecification, sized: pd.DataFrame, count: int
) -> None:
    features = sized.assign(flight=range(len(sized))).head(count)
    model = train(multiclass, sized).pipeline

    scorer = build_scorer(multiclass, model, sized)
    found = score(scorer, features, key=["flight"], segments=["carrier"])

    assert len(found) == count
    assert set(prediction_columns(SIZES)) <= {*found}
    np.testing.assert_allclose(predictions_of(found, SIZES).sum(axis=1), 1)


def test_evaluation_measures_the_metrics_of_classes(
    multiclass: ModelSpecification, sized: pd.DataFrame
) -> None:
    sized = sized.assign(feature_day=[f"2013-06-{1 + n % 20:02d}" for n in range(len(sized))])
    probabilities = predict(multiclass, train(multiclass, sized).pipeline, sized)

    found = evaluate(multiclass, sized, probabilities, ["carrier"], EvaluationRules(resamples=100))

    test = found[(found["split"] == "test") & (found["segment"] == "all")].set_index("metric")
    assert set(test.index) == {name for name, one in METRICS.items() if one.task == "multiclass"}
    assert ((test["low"] <= test["value"]) & (test["value"] <= test["high"])).all()
    assert found["mean_label"].isna().all()
