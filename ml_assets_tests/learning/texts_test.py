"""Columns of free text in models: encoded whatever they contain, stored, and the same at every fit."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.specification import ModelSpecification, build
from ml_assets.learning.texts import COMPONENTS, text_encoder, without_missing
from ml_assets.learning.training import FittedModel, predict, train
from ml_assets_tests.learning.elsewhere import Train

WORDS = [f"word{number}" for number in range(500)]

BOOSTED: dict[str, Any] = {}
SLICES = {"checkpoint_every": 2}
LINEAR = {
    "estimator": "sklearn.linear_model.LogisticRegression",
    "hyperparameters": {"C": 10.0},
}
FOREST, OLDER_TREES, LIGHTGBM, XGBOOST = (
    {"estimator": path, "hyperparameters": {"n_estimators": 10, "random_state": 0}}
    for path in (
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.ensemble.GradientBoostingClassifier",
        "lightgbm.LGBMClassifier",
        "xgboost.XGBClassifier",
    )
)
OF_FACTORY = {"estimator": f"{__name__}.own_words", "hyperparameters": {"strength": 10.0}}
ESTIMATORS = {
    "boosted trees": BOOSTED,
    "in slices": SLICES,
    "forest": FOREST,
    "older trees": OLDER_TREES,
    "linear": LINEAR,
    "lightgbm": LIGHTGBM,
    "xgboost": XGBOOST,
    "Pipeline of a factory": OF_FACTORY,
}
of_estimators = pytest.mark.parametrize("changes", ESTIMATORS.values(), ids=ESTIMATORS)


def own_words(strength: float) -> Pipeline:
    """A Pipeline that has its own way to read a column of text."""
    words = make_pipeline(FunctionTransformer(without_missing), TfidfVectorizer())
    return Pipeline(
        [
            ("words", ColumnTransformer([("words", words, "remark")])),
            ("model", LogisticRegression(C=strength, random_state=0)),
        ]
    )


def texts(*values: str | None) -> pd.Series:
    """A column of texts."""
    return pd.Series(values, dtype="str")


@pytest.fixture
def remarks(dataset: pd.DataFrame) -> pd.DataFrame:
    """The dataset with two columns of text, one of which decides the label; some are missing."""
    random = np.random.default_rng(1)
    is_late = random.random(len(dataset)) < 0.4
    noise = [" ".join(random.choice(WORDS, 6)) for _ in is_late]
    remark = [f"{text} broken" if late else text for text, late in zip(noise, is_late, strict=True)]
    return dataset.assign(
        remark=pd.Series(remark, dtype="str").mask(random.random(len(dataset)) < 0.05),
        note=pd.Series(noise, dtype="str").str[:9],
        late=is_late.astype("int64"),
    )


@pytest.fixture
def with_text(specification: ModelSpecification) -> ModelSpecification:
    """The model with both columns of text."""
    return replace(specification, text=("remark", "note"))


@of_estimators
def test_model_learns_from_text_and_is_stored_and_the_same_at_every_fit(
    store: ModelStore,
    with_text: ModelSpecification,
    remarks: pd.DataFrame,
    changes: dict[str, Any],
) -> None:
    wanted = replace(with_text, **changes)
    model = train(wanted, remarks)
    store.save("shop/model", model)
    rows = remarks[remarks[SPLIT] != "train"]

    loaded = predict(wanted, store.load("shop/model", model.fingerprint, wanted).pipeline, rows)

    assert roc_auc_score(rows["late"], loaded) > 0.75
    np.testing.assert_array_equal(loaded, predict(wanted, model.pipeline, rows))
    assert train(wanted, remarks.copy()).fingerprint == model.fingerprint


@pytest.mark.parametrize("changes", [BOOSTED, LINEAR], ids=["boosted trees", "linear"])
def test_one_changed_text_changes_the_fingerprint(
    with_text: ModelSpecification, remarks: pd.DataFrame, changes: dict[str, Any]
) -> None:
    wanted = replace(with_text, **changes)
    changed = remarks.copy()
    changed.loc[150, "note"] = "something else"

    assert train(wanted, remarks).fingerprint != train(wanted, changed).fingerprint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "threads"),
    [
        pytest.param(BOOSTED, "1", id="boosted trees"),
        pytest.param(FOREST, "2", id="forest, other threads"),
        pytest.param(OF_FACTORY, "1", id="Pipeline of a factory"),
    ],
)
def test_fingerprint_is_the_same_in_another_process(
    with_text: ModelSpecification,
    remarks: pd.DataFrame,
    trained_elsewhere: Train,
    changes: dict[str, Any],
    threads: str,
) -> None:
    wanted = replace(with_text, **changes)

    elsewhere = trained_elsewhere(wanted, remarks, threads)

    assert elsewhere == train(wanted, remarks).fingerprint


def test_slices_give_the_same_model(with_text: ModelSpecification, remarks: pd.DataFrame) -> None:
    at_once = train(with_text, remarks)

    assert train(replace(with_text, **SLICES), remarks).fingerprint == at_once.fingerprint


@pytest.fixture(scope="module")
def trained() -> dict[str, FittedModel]:
    """Changes of the specification → the model, kept for the tests that only predict."""
    return {}


@of_estimators
@pytest.mark.parametrize(
    "remark",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("?!", id="no words"),
        pytest.param("xylophone quartz", id="unseen words"),
    ],
)
def test_any_text_is_predicted(
    with_text: ModelSpecification,
    remarks: pd.DataFrame,
    trained: dict[str, FittedModel],
    changes: dict[str, Any],
    remark: str | None,
) -> None:
    wanted = replace(with_text, **changes)
    row = remarks.head(1).assign(remark=texts(remark), note=texts(remark))
    key = repr(changes)
    model = trained.get(key) or trained.setdefault(key, train(wanted, remarks))

    [found] = predict(wanted, model.pipeline, row)

    assert 0 <= found <= 1


def test_missing_text_counts_as_empty() -> None:
    encoder = text_encoder().fit(texts("one thing", None, "another thing"))

    missing, empty = encoder.transform(texts(None, ""))

    np.testing.assert_array_equal(missing, np.zeros(COMPONENTS))
    np.testing.assert_array_equal(empty, np.zeros(COMPONENTS))


@pytest.mark.parametrize(
    ("column", "used"),
    [
        pytest.param(texts("one row of words"), 1, id="one row"),
        pytest.param(texts(*["same"] * 50), 1, id="one word"),
        pytest.param(texts("good wood", "bad wood", "good wood"), 2, id="two texts"),
        pytest.param(texts("", None, "?"), 0, id="no words"),
        pytest.param(texts("a few", None).astype("category"), 1, id="categories"),
        pytest.param(texts(*WORDS), COMPONENTS, id="many words"),
    ],
)
def test_encoder_has_the_same_size_for_any_rows(column: pd.Series, used: int) -> None:
    """Components that the rows do not have are zero, for texts that they do not contain too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        encoder = text_encoder().fit(column)
    unseen = encoder.transform(texts(" ".join(WORDS)))

    assert encoder.transform(column).shape == (len(column), COMPONENTS)
    assert np.isfinite(unseen).all()
    assert not unseen[:, used:].any()
    assert np.abs(encoder.transform(column)).max(axis=0).astype(bool).sum() == used


@pytest.mark.parametrize(
    ("changes", "before"),
    [pytest.param(BOOSTED, 3, id="trees"), pytest.param(LINEAR, 5, id="linear")],
)
def test_columns_of_text_are_the_last_ones(
    with_text: ModelSpecification,
    remarks: pd.DataFrame,
    changes: dict[str, Any],
    before: int,
) -> None:
    wanted = replace(with_text, **changes)
    prepared = build(wanted)[0].fit_transform(remarks[wanted.features])
    without = build(replace(wanted, text=()))[0].fit_transform(remarks[wanted.features])

    assert prepared.shape == (len(remarks), before + 2 * COMPONENTS)
    np.testing.assert_array_equal(prepared[:, :before], without)


def test_positions_of_categories_are_what_they_are_without_text(
    with_text: ModelSpecification,
) -> None:
    assert build(with_text)[-1].categorical_features == [0]
