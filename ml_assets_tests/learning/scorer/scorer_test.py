"""Scorers: each predicts like its pipeline, and a row alone like the same row among others."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from ml_assets.errors import ContractViolation
from ml_assets.learning.scorer.parity import parity, plain_rows
from ml_assets.learning.scorer.scorer import Scorer
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import predict
from ml_assets_tests.learning.scorer.models import HELD_OUT, TRAINING, fitted, scorer_of, specified

FEW: dict[str, Any] = {"n_estimators": 12}
HISTOGRAMS = "sklearn.ensemble.HistGradientBoosting"
BOOSTED = "sklearn.ensemble.GradientBoosting"
LINEAR = "sklearn.linear_model."

OF_TREES = [
    (f"{HISTOGRAMS}Classifier", "classification", {"max_iter": 12}),
    (f"{HISTOGRAMS}Classifier", "multiclass", {"max_iter": 12}),
    (f"{HISTOGRAMS}Regressor", "regression", {"max_iter": 12}),
    (f"{HISTOGRAMS}Regressor", "regression", {"loss": "quantile", "quantile": 0.9, "max_iter": 12}),
    (f"{HISTOGRAMS}Regressor", "counts", {"loss": "poisson", "max_iter": 12}),
    (f"{BOOSTED}Classifier", "classification", FEW),
    (f"{BOOSTED}Classifier", "classification", {"loss": "exponential", **FEW}),
    (f"{BOOSTED}Classifier", "classification", {"init": "zero", **FEW}),
    (f"{BOOSTED}Classifier", "multiclass", FEW),
    (f"{BOOSTED}Regressor", "regression", {"loss": "quantile", **FEW}),
    ("sklearn.ensemble.RandomForestClassifier", "classification", FEW),
    ("sklearn.ensemble.RandomForestClassifier", "multiclass", FEW),
    ("sklearn.ensemble.RandomForestRegressor", "regression", FEW),
    ("sklearn.ensemble.RandomForestRegressor", "counts", {"criterion": "poisson", **FEW}),
    ("sklearn.ensemble.ExtraTreesClassifier", "multiclass", FEW),
    ("sklearn.ensemble.ExtraTreesRegressor", "regression", FEW),
    ("lightgbm.LGBMClassifier", "classification", FEW),
    ("lightgbm.LGBMClassifier", "multiclass", FEW),
    ("lightgbm.LGBMRegressor", "regression", {"objective": "quantile", **FEW}),
    ("lightgbm.LGBMRegressor", "counts", {"objective": "poisson", **FEW}),
]
OF_XGBOOST = [
    ("xgboost.XGBClassifier", "classification", FEW),
    ("xgboost.XGBClassifier", "multiclass", FEW),
    ("xgboost.XGBRegressor", "counts", {"objective": "count:poisson", **FEW}),
    ("xgboost.XGBRFRegressor", "regression", FEW),
]
OF_SUMS = [
    (f"{LINEAR}LogisticRegression", "classification", {}),
    (f"{LINEAR}LogisticRegression", "multiclass", {}),
    (f"{LINEAR}Ridge", "regression", {}),
    (f"{LINEAR}LinearRegression", "regression", {}),
    (f"{LINEAR}QuantileRegressor", "regression", {"quantile": 0.9, "alpha": 0.01}),
    (f"{LINEAR}PoissonRegressor", "counts", {}),
    (f"{LINEAR}TweedieRegressor", "counts", {"power": 1.5}),
    (f"{LINEAR}TweedieRegressor", "regression", {"power": 0}),
    ("sklearn.svm.LinearSVR", "regression", {}),
]
UNKNOWN = [
    ("sklearn.neighbors.KNeighborsRegressor", "regression", {}),
    ("sklearn.tree.DecisionTreeClassifier", "classification", {}),
    ("xgboost.XGBRegressor", "regression", {"booster": "gblinear"}),
]
SERVED_BY = [
    *(("treelite", *each) for each in OF_TREES),
    *(("xgboost", *each) for each in OF_XGBOOST),
    *(("numpy", *each) for each in OF_SUMS),
    *(("scikit-learn", *each) for each in UNKNOWN),
]
EXACT = [each for each in SERVED_BY if each[0] != "scikit-learn"]


def name_of(case: Any) -> str:
    """Readable id of a model."""
    _, path, task, hyperparameters = case
    kind = next((str(v) for k, v in hyperparameters.items() if k not in {*FEW, "max_iter"}), "")
    return " ".join([path.rpartition(".")[2], task, kind]).strip()


@cache
def model_of(number: int) -> tuple[ModelSpecification, Pipeline, Scorer]:
    """A fitted model with its scorer, by its number in ``SERVED_BY``."""
    _, path, task, hyperparameters = SERVED_BY[number]
    specification = specified(path, task, **hyperparameters)
    pipeline = fitted(specification)
    return specification, pipeline, scorer_of(specification, pipeline)


@pytest.mark.parametrize("number", range(len(SERVED_BY)), ids=map(name_of, SERVED_BY))
def test_scorer_predicts_like_its_pipeline(number: int) -> None:
    specification, pipeline, scorer = model_of(number)

    found = parity(scorer, pipeline, HELD_OUT)

    assert scorer.served_by == SERVED_BY[number][0]
    assert found.problems == ()
    assert found.rows >= 1000
    plain = scorer.of_rows(plain_rows(HELD_OUT))
    np.testing.assert_allclose(
        plain, predict(specification, pipeline, HELD_OUT), rtol=1e-9, atol=1e-9
    )
    assert plain.dtype == float


@pytest.mark.parametrize("number", range(5), ids=map(name_of, SERVED_BY[:5]))
def test_gradient_boosting_of_histograms_is_the_same_bit_for_bit(number: int) -> None:
    specification, pipeline, scorer = model_of(number)
    expected = predict(specification, pipeline, HELD_OUT)

    if specification.classes:
        np.testing.assert_allclose(scorer.of_frame(HELD_OUT), expected, rtol=1e-15)
    else:
        np.testing.assert_array_equal(scorer.of_frame(HELD_OUT), expected)


VALUES = st.fixed_dictionaries(
    {
        "carrier": st.sampled_from(["UA", "DL", "rare", "unseen", "", None, float("nan")]),
        "origin": st.sampled_from(["JFK", "EWR", "unseen", None]),
        "minute": st.integers(-(2**60), 2**60) | st.integers(0, 1500) | st.none(),
        "delay": st.floats(-1e30, 1e30) | st.floats(-100, 100) | st.just(float("nan")),
        "is_holiday": st.booleans() | st.none(),
        "nothing": st.none() | st.floats(-1, 1),
    }
)


@pytest.mark.parametrize("number", range(len(EXACT)), ids=map(name_of, EXACT))
@given(st.lists(VALUES, min_size=1, max_size=40))
@settings(deadline=None, max_examples=8)
def test_a_row_alone_has_the_prediction_that_it_has_among_others(
    number: int, rows: list[dict[str, Any]]
) -> None:
    scorer = model_of(number)[2]
    others = plain_rows(HELD_OUT)

    together = scorer.of_rows([*others, *rows])[len(others) :]

    alone = np.concatenate([scorer.of_rows([row]) for row in rows])
    assert alone.tobytes() == together.tobytes()


@pytest.mark.parametrize("number", [0, 1, 12, 20, 24, 25])
def test_a_row_alone_equals_the_same_row_in_a_batch_of_ten_thousand(number: int) -> None:
    scorer = model_of(number)[2]
    many = HELD_OUT.iloc[np.resize(np.arange(len(HELD_OUT)), 10_000)]

    batch = scorer.of_frame(many)

    alone = np.concatenate([scorer.of_rows([row]) for row in plain_rows(HELD_OUT)])
    assert batch[: len(alone)].tobytes() == alone.tobytes()
    assert batch[-100:].tobytes() == scorer.of_frame(many.iloc[-100:]).tobytes()


@pytest.mark.parametrize("number", [0, 1, len(SERVED_BY) - 1])
def test_no_rows_have_no_predictions(number: int) -> None:
    specification, _, scorer = model_of(number)
    shape = (0, 3) if specification.classes else (0,)

    assert scorer.of_rows([]).shape == scorer.of_frame(HELD_OUT.head(0)).shape == shape


# Values


@pytest.fixture
def row() -> dict[str, Any]:
    """A row of plain values."""
    return plain_rows(HELD_OUT[model_of(0)[0].features].head(1))[0]


def test_other_columns_of_a_row_are_ignored(row: dict[str, Any]) -> None:
    scorer = model_of(0)[2]

    assert scorer.of_rows([{**row, "other": object()}]) == scorer.of_rows([row])


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA])
@pytest.mark.parametrize("name", ["delay", "carrier", "is_holiday"])
def test_every_missing_value_is_the_same(row: dict[str, Any], name: str, missing: Any) -> None:
    specification, pipeline, scorer = model_of(0)
    frame = HELD_OUT.head(1).assign(**{name: HELD_OUT[name].head(1).where([False])})

    assert scorer.of_rows([{**row, name: missing}]) == predict(specification, pipeline, frame)


@pytest.mark.parametrize(
    "number",
    [2**53 + 1, -(2**63), 2**64, 10**300, True, np.int32(7), np.float32(0.1), np.bool_(True)],
    ids=str,
)
def test_numbers_of_every_type_are_numbers(row: dict[str, Any], number: Any) -> None:
    scorer = model_of(0)[2]

    assert scorer.of_rows([{**row, "minute": number}]) == scorer.of_rows(
        [{**row, "minute": float(number)}]
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"minute": "7"}, "minute is '7' of type str. Expected a number, or None"),
        ({"minute": [7]}, "minute is \\[7\\] of type list"),
        ({"minute": 10**400}, "minute is an integer that is too large"),
        ({"carrier": ["UA"]}, "carrier is no text, or None"),
    ],
    ids=["text", "list", "too large", "list for text"],
)
def test_unusable_values_are_refused_by_name(
    row: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractViolation, match=message):
        model_of(0)[2].of_rows([{**row, **changed}])


def test_a_row_that_lacks_a_column_is_refused(row: dict[str, Any]) -> None:
    del row["delay"]

    with pytest.raises(ContractViolation, match=r"lacks 'delay'\. Expected carrier"):
        model_of(0)[2].of_rows([row])


@pytest.mark.parametrize("value", [float("inf"), 1e300])
@pytest.mark.parametrize("number", range(len(SERVED_BY)), ids=map(name_of, SERVED_BY))
def test_infinite_and_huge_numbers_are_predicted_or_refused_like_by_the_pipeline(
    number: int, value: float
) -> None:
    specification, pipeline, scorer = model_of(number)
    frame = HELD_OUT.head(3).assign(delay=value)
    try:
        expected = predict(specification, pipeline, frame)
    except ValueError:
        with pytest.raises((ContractViolation, ValueError)):
            scorer.of_frame(frame)
    else:
        np.testing.assert_allclose(scorer.of_frame(frame), expected, rtol=1e-9)


# Preprocessing of factories

NUMERIC, TEXTS = ["minute", "delay"], ["carrier", "origin"]


def numbers_by(*steps: Any) -> Pipeline:
    """A linear model after steps for numbers, and categories as indicators."""
    texts = OneHotEncoder(handle_unknown="ignore", drop=None)
    parts = [("texts", texts, TEXTS), ("numbers", make_pipeline(*steps), NUMERIC)]
    return make_pipeline(ColumnTransformer(parts), LinearRegression())


KNOWN = {
    "imputed, then scaled": numbers_by(SimpleImputer(strategy="mean"), StandardScaler()),
    "robust": numbers_by(SimpleImputer(), RobustScaler()),
    "within bounds": numbers_by(MinMaxScaler(), SimpleImputer(strategy="constant")),
    "without centre": numbers_by(SimpleImputer(), StandardScaler(with_mean=False)),
    "categories are imputed": make_pipeline(
        ColumnTransformer(
            [
                (
                    "texts",
                    make_pipeline(
                        SimpleImputer(strategy="most_frequent"),
                        OneHotEncoder(handle_unknown="ignore", drop="first", min_frequency=20),
                    ),
                    TEXTS,
                )
            ],
            remainder=SimpleImputer(keep_empty_features=True),
        ),
        StandardScaler(with_mean=False),
        Ridge(random_state=0),
    ),
    "unseen ones are refused": make_pipeline(
        ColumnTransformer([("texts", OrdinalEncoder(), TEXTS)]),
        SimpleImputer(),
        Ridge(random_state=0),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_preprocessing_of_a_factory(name: str) -> None:
    specification = specified("own.factory", "regression")
    pipeline = fitted(specification, KNOWN[name])
    scorer = scorer_of(specification, pipeline)

    assert (scorer.served_by, scorer.reason) == ("numpy", "")
    assert parity(scorer, pipeline, HELD_OUT).problems == ()


def test_numbers_without_preprocessing() -> None:
    specification = replace(
        specified("own.factory", "classification"), categorical=(), numeric=("minute", "delay")
    )
    pipeline = fitted(specification, make_pipeline(HistGradientBoostingClassifier(max_iter=5)))
    scorer = scorer_of(specification, pipeline)

    assert scorer.served_by == "treelite"
    assert parity(scorer, pipeline, HELD_OUT).problems == ()


class Subclass(Ridge):
    """An estimator that may predict anything."""


OTHERS = {
    "its preprocessing has PowerTransformer": numbers_by(PowerTransformer(), SimpleImputer()),
    "its preprocessing has SimpleImputer": numbers_by(SimpleImputer(add_indicator=True)),
    "its preprocessing has FunctionTransformer": numbers_by(
        FunctionTransformer(np.abs), SimpleImputer()
    ),
    "Subclass is known to scikit-learn alone": make_pipeline(
        ColumnTransformer([("numbers", SimpleImputer(), NUMERIC)]), Subclass()
    ),
    "carrier is encoded by FunctionTransformer": make_pipeline(
        ColumnTransformer([("texts", FunctionTransformer(lambda few: few.isna()), TEXTS)]), Ridge()
    ),
}


@pytest.mark.parametrize("reason", OTHERS)
def test_what_is_not_known_is_left_to_scikit_learn(reason: str) -> None:
    specification = specified("own.factory", "regression")
    pipeline = fitted(specification, OTHERS[reason])
    scorer = scorer_of(specification, pipeline)

    assert (scorer.served_by, scorer.reason) == ("scikit-learn", reason)
    np.testing.assert_array_equal(
        scorer.of_frame(HELD_OUT), predict(specification, pipeline, HELD_OUT)
    )
    assert parity(scorer, pipeline, HELD_OUT).problems == ()


def test_scikit_learn_gets_plain_values_as_they_are() -> None:
    specification = specified("sklearn.neighbors.KNeighborsRegressor", "regression")
    pipeline = fitted(specification)
    half = HELD_OUT.head(5).assign(minute=[1.5, 0.0, 1e30, np.nan, -1.5], is_holiday=0.5)

    plain = scorer_of(specification, pipeline).of_rows(plain_rows(half))

    np.testing.assert_allclose(plain, predict(specification, pipeline, half), rtol=1e-9)


def test_free_text_is_left_to_scikit_learn() -> None:
    base = specified(f"{HISTOGRAMS}Classifier", "classification", max_iter=5)
    specification = replace(base, categorical=("origin",), text=("carrier",))
    pipeline = fitted(specification)
    scorer = scorer_of(specification, pipeline)

    assert (scorer.served_by, scorer.reason) == ("scikit-learn", "carrier is free text")
    assert parity(scorer, pipeline, HELD_OUT).problems == ()


@pytest.mark.parametrize(
    ("task", "hyperparameters", "reason"),
    [
        ("multiclass", {"objective": "multiclassova"}, "its objective multiclassova otherwise"),
        ("regression", {"zero_as_missing": True}, "it treats zero as missing"),
    ],
)
def test_what_treelite_computes_otherwise_is_left_to_scikit_learn(
    task: str, hyperparameters: dict[str, Any], reason: str
) -> None:
    kind = "Regressor" if task == "regression" else "Classifier"
    specification = specified(f"lightgbm.LGBM{kind}", task, n_estimators=5, **hyperparameters)
    scorer = scorer_of(specification, fitted(specification))

    assert scorer.served_by == "scikit-learn"
    assert reason in scorer.reason


def test_all_of_a_column_of_categories_was_missing() -> None:
    specification = specified(f"{HISTOGRAMS}Classifier", "classification", max_iter=5)
    none = pd.Series([None] * len(TRAINING), dtype="str")
    pipeline = fitted(specification)
    pipeline.fit(TRAINING[specification.features].assign(carrier=none), TRAINING["late"])
    scorer = scorer_of(specification, pipeline)

    assert scorer.served_by == "treelite"
    assert parity(scorer, pipeline, HELD_OUT).problems == ()
