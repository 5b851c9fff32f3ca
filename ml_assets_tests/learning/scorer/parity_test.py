"""Parity: what is compared, and what is found where a scorer predicts something else."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from ml_assets.learning.scorer.parity import UNSEEN, cases, difference, parity
from ml_assets.learning.scorer.scorer import Scorer
from ml_assets.learning.scorer.values import Columns
from ml_assets_tests.learning.scorer.models import HELD_OUT, fitted, scorer_of, specified

SPECIFICATION = specified(
    "sklearn.ensemble.HistGradientBoostingRegressor", "regression", max_iter=5
)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    """A fitted model."""
    return fitted(SPECIFICATION)


@pytest.fixture(scope="module")
def scorer(pipeline: Pipeline) -> Scorer:
    """Its scorer."""
    return scorer_of(SPECIFICATION, pipeline)


def damaged(scorer: Scorer, change: Callable[[Columns, np.ndarray], np.ndarray]) -> Scorer:
    """A scorer with other predictions."""
    return replace(
        scorer,
        compute=lambda columns, count: change(columns, scorer.compute(columns, count)),
    )


def test_cases_have_each_column_missing_and_each_category_unseen() -> None:
    found = cases(SPECIFICATION, HELD_OUT)

    assert list(found) == [
        "held-out rows",
        *(f"{name} missing" for name in SPECIFICATION.features),
        "carrier unseen",
        "origin unseen",
        "every input missing",
    ]
    assert sum(map(len, found.values())) == 1000
    assert len(found["held-out rows"].drop_duplicates()) == len(HELD_OUT)
    for name in SPECIFICATION.features:
        assert found[f"{name} missing"][name].isna().all()
    assert (found["origin unseen"]["origin"] == UNSEEN).all()
    assert found["every input missing"].isna().all(axis=None)


def test_few_rows_are_repeated() -> None:
    found = cases(SPECIFICATION, HELD_OUT.head(3))

    assert sum(map(len, found.values())) == 1000


def test_equal_predictions_have_no_distance(scorer: Scorer, pipeline: Pipeline) -> None:
    found = parity(scorer, pipeline, HELD_OUT)

    assert (found.rows, found.distance, found.problems) == (1000, 0, ())


def test_a_scorer_that_knows_no_unseen_category_is_told_with_row_and_column(
    scorer: Scorer, pipeline: Pipeline
) -> None:
    def change(columns: Columns, found: np.ndarray) -> np.ndarray:
        return found + np.array([0.5 if value == UNSEEN else 0 for value in columns["origin"]])

    found = parity(damaged(scorer, change), pipeline, HELD_OUT)

    [problem] = found.problems
    assert problem.startswith("origin unseen: 62 of 62 rows differ, most of all row ")
    assert "(treelite predicts " in problem
    assert f"origin={UNSEEN}" in problem
    assert found.distance > 1e-5


@pytest.mark.parametrize(("error", "is_found"), [(1e-10, False), (1e-8, True)])
def test_differences_are_relative_to_large_predictions(
    scorer: Scorer, pipeline: Pipeline, error: float, is_found: bool
) -> None:
    found = parity(damaged(scorer, lambda _, given: given * (1 + error)), pipeline, HELD_OUT)

    assert bool(found.problems) is is_found
    assert found.distance == pytest.approx(error, rel=1e-3)


def test_a_scorer_that_refuses_rows_alone_is_told(scorer: Scorer, pipeline: Pipeline) -> None:
    def change(columns: Columns, found: np.ndarray) -> np.ndarray:
        if pd.isna(columns["minute"]).any():
            raise ValueError("no minute")
        return found

    found = parity(damaged(scorer, change), pipeline, HELD_OUT)

    assert found.problems[0] == "minute missing: treelite alone refuses it (ValueError: no minute)"
    assert found.distance == np.inf


def test_a_row_that_differs_among_others_in_its_last_bit_is_told(
    scorer: Scorer, pipeline: Pipeline
) -> None:
    def change(columns: Columns, found: np.ndarray) -> np.ndarray:
        return (
            found if isinstance(columns, pd.DataFrame) or len(found) == 1 else found * (1 + 1e-15)
        )

    found = parity(damaged(scorer, change), pipeline, HELD_OUT)

    [problem] = found.problems
    assert problem.startswith("a row alone and among others differs by ")
    assert parity(replace(damaged(scorer, change), served_by="scikit-learn"), pipeline, HELD_OUT)


@pytest.mark.parametrize(
    ("found", "expected", "distance"),
    [
        ([np.nan], [np.nan], [0]),
        ([np.inf], [np.inf], [0]),
        ([np.nan], [1.0], [np.inf]),
        ([np.inf], [1.0], [np.inf]),
        ([0.5, 2000.0], [0.25, 1000.0], [0.25, 1.0]),
        ([[0.5, 0.5], [1, 0]], [[0.5, 0.5], [0.75, 0.25]], [0, 0.25]),
        ([1.0], [1.0, 2.0], [np.inf, np.inf]),
    ],
    ids=["nan", "infinite", "one nan", "one infinite", "numbers", "classes", "lost row"],
)
def test_difference(found: list, expected: list, distance: list) -> None:
    assert difference(np.array(found), np.array(expected)).tolist() == distance
