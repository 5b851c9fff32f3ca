"""Factories of estimators: refused when they cannot be used, and prepared by their kind."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from ml_assets.errors import ConfigurationError, TrainingError, UnsafeModel
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.factories import refuse_factory
from ml_assets.learning.specification import ModelSpecification, build
from ml_assets.learning.training import predict, train

NAME = "flight_delays/model"


class Filled(TransformerMixin, BaseEstimator):
    """A transformer of the project: numbers without missing values."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def fit(self, X: pd.DataFrame, y: object = None) -> "Filled":
        """Nothing to learn."""
        del y
        self.columns_ = list(X.select_dtypes("number").columns)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """(n, k) numbers."""
        return X[self.columns_].fillna(self.value).to_numpy()


class Secretive(RegressorMixin, BaseEstimator):
    """An estimator with an attribute that no unfitted one has."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Secretive":
        """Keep something of another type."""
        del X
        self.mean_, self.kept_ = float(np.mean(y)), Filled()
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n,) times the mean."""
        return np.full(len(X), self.mean_)


def logistic(C: float = 1.0) -> LogisticRegression:
    """A linear model."""
    return LogisticRegression(C=C, random_state=0)


def forest() -> RandomForestClassifier:
    """Trees that accept missing values."""
    return RandomForestClassifier(5, random_state=0)


def old_boosting() -> GradientBoostingClassifier:
    """Trees that accept no missing values."""
    return GradientBoostingClassifier(n_estimators=5, random_state=0)


def neighbours() -> KNeighborsClassifier:
    """No trees."""
    return KNeighborsClassifier(algorithm="brute")


def own_pipeline(value: float = 0.0) -> Pipeline:
    """A Pipeline with a transformer of the project."""
    return make_pipeline(Filled(value), StandardScaler(), LogisticRegression(random_state=0))


def boosted_regressor() -> HistGradientBoostingRegressor:
    """A regressor."""
    return HistGradientBoostingRegressor(random_state=0)


def secretive() -> Secretive:
    """A regressor that cannot be loaded."""
    return Secretive()


def nothing() -> None:
    """No estimator."""


def a_class() -> type:
    """A class instead of an estimator."""
    return LogisticRegression


def clusters() -> KMeans:
    """It neither classifies nor regresses."""
    return KMeans(random_state=0)


def unseeded() -> Pipeline:
    """Without a seed."""
    return make_pipeline(StandardScaler(), RandomForestClassifier())


def without_probabilities() -> SVC:
    """It only decides."""
    return SVC(random_state=0)


def anonymous() -> Pipeline:
    """A function without a name, which only pickle of another kind could store."""
    return make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression(random_state=0))


def failing() -> None:
    """Raises."""
    raise RuntimeError("no more estimators")


NOT_CALLABLE = 3


@pytest.fixture
def made(specification: ModelSpecification) -> Callable[..., ModelSpecification]:
    """The specification of a factory in this module."""

    def of(factory: str, **arguments: Any) -> ModelSpecification:
        return replace(specification, estimator=f"{__name__}.{factory}", hyperparameters=arguments)

    return of


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        pytest.param(f"{__name__}.logistics", {}, "Did you mean 'logistic'?", id="function"),
        pytest.param(
            f"{__name__.replace('factories', 'factoriess')}.logistic",
            {},
            "Did you mean 'factories_test'?",
            id="module",
        ),
        pytest.param("ml_assetss.models.build", {}, "Did you mean 'ml_assets'?", id="package"),
        pytest.param(f"{__name__}.NOT_CALLABLE", {}, "has no function", id="a number"),
        pytest.param(f"{__name__}.own_pipeline", {"valeu": 1}, "mean 'value'?", id="argument"),
        pytest.param(f"{__name__}.nothing", {}, "returned NoneType", id="None"),
        pytest.param(f"{__name__}.a_class", {}, "cannot clone", id="a class"),
        pytest.param(f"{__name__}.clusters", {}, "no estimator for the task", id="clusters"),
        pytest.param(f"{__name__}.boosted_regressor", {}, "no estimator for", id="another task"),
        pytest.param(f"{__name__}.unseeded", {}, "randomforestclassifier__random_state", id="seed"),
        pytest.param(f"{__name__}.without_probabilities", {}, "no probabilities", id="decisions"),
        pytest.param(f"{__name__}.anonymous", {}, "without pickle", id="a lambda"),
        pytest.param(f"{__name__}.failing", {}, "no more estimators", id="an error"),
    ],
)
def test_unusable_factory_is_refused(path: str, arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        refuse_factory(path, arguments, "classification")

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("factory", "steps", "is_scaled", "has_indicators"),
    [
        pytest.param("forest", ["columns", "estimator"], False, False, id="trees"),
        pytest.param("old_boosting", ["prepared", "estimator"], False, False, id="older trees"),
        pytest.param("logistic", ["prepared", "estimator"], True, True, id="linear"),
        pytest.param("neighbours", ["prepared", "estimator"], True, True, id="neighbours"),
    ],
)
def test_default_preprocessing_fits_the_kind(
    made: Callable[..., ModelSpecification],
    dataset: pd.DataFrame,
    factory: str,
    steps: list[str],
    is_scaled: bool,
    has_indicators: bool,
) -> None:
    specification = made(factory)
    pipeline = build(specification).fit(dataset[specification.features], dataset["late"])

    prepared = pipeline[0].transform(dataset[specification.features])
    delay = prepared[:, -1]
    assert list(pipeline.named_steps) == steps
    assert (abs(np.nanmean(delay)) < 1e-9) == is_scaled
    assert np.isnan(delay).any() == (steps[0] == "columns")
    assert (prepared.shape[1] > 3) == has_indicators
    assert np.isfinite(predict(specification, pipeline, dataset)).all()


@pytest.mark.parametrize(
    ("factory", "arguments"),
    [
        pytest.param("forest", {}, id="forest"),
        pytest.param("logistic", {"C": 0.1}, id="linear"),
        pytest.param("neighbours", {}, id="neighbours"),
        pytest.param("own_pipeline", {"value": 1.0}, id="own transformer"),
    ],
)
def test_product_is_stored_and_the_same_at_every_fit(
    store: ModelStore,
    made: Callable[..., ModelSpecification],
    dataset: pd.DataFrame,
    factory: str,
    arguments: dict[str, Any],
) -> None:
    specification = made(factory, **arguments)
    model = train(specification, dataset)
    store.save(NAME, model)

    loaded = store.load(NAME, model.fingerprint, specification)

    np.testing.assert_array_equal(
        predict(specification, loaded.pipeline, dataset),
        predict(specification, model.pipeline, dataset),
    )
    assert train(specification, dataset).fingerprint == model.fingerprint
    assert train(specification, dataset.assign(late=1 - dataset["late"])).fingerprint != (
        model.fingerprint
    )


def test_types_of_one_factory_are_refused_in_models_of_others(
    store: ModelStore, made: Callable[..., ModelSpecification], dataset: pd.DataFrame
) -> None:
    model = train(made("own_pipeline"), dataset)
    store.save(NAME, model)

    with pytest.raises(UnsafeModel, match=r"outside the allow-list: .*Filled"):
        store.load(NAME, model.fingerprint, made("logistic"))


def test_model_that_could_not_be_loaded_is_refused_at_training(
    made: Callable[..., ModelSpecification], dataset: pd.DataFrame
) -> None:
    wanted = replace(made("secretive"), task="regression", label="amount")

    with pytest.raises(TrainingError, match=r"contains .*Filled after it was fitted"):
        train(wanted, dataset)


def test_several_predictions_for_a_row_are_refused(
    specification: ModelSpecification, dataset: pd.DataFrame
) -> None:
    wanted = replace(
        specification,
        task="regression",
        label="amount",
        estimator="xgboost.XGBRegressor",
        hyperparameters={
            "objective": "reg:quantileerror",
            "quantile_alpha": [0.1, 0.9],
            "random_state": 0,
            "n_estimators": 2,
        },
    )

    with pytest.raises(TrainingError, match="predicts 2 numbers for each row"):
        train(wanted, dataset)
