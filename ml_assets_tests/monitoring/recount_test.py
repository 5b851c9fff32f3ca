"""A reference in the bins of another, against counting its rows in them."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring.bins import bins_of
from ml_assets.monitoring.measures import distance
from ml_assets.monitoring.profile import Profile, daily_profiles, merge
from ml_assets.monitoring.recount import recounted

ROWS = 5000
QUANTILE = 1 / 61

Draw = Callable[[np.random.Generator], np.ndarray]


def column(values: object) -> pd.DataFrame:
    """A table with one feature."""
    return pd.DataFrame({"x": values}).assign(ds="2013-07-08")


def reference(rows: pd.DataFrame, kind: str) -> Profile:
    """The feature's profile in its own bins."""
    names = {"numeric": [], "categorical": [], kind: ["x"]}
    return counted(rows, bins_of(rows, names["numeric"], names["categorical"])[0])


def counted(rows: pd.DataFrame, bins: object) -> Profile:
    """The rows in some bins."""
    return merge([daily_profiles(rows, [bins])[1][0]])


@pytest.mark.parametrize(
    ("draw", "draw_other", "within"),
    [
        pytest.param(
            lambda r: r.normal(0, 1, ROWS), lambda r: r.normal(0.5, 2, ROWS), QUANTILE, id="moved"
        ),
        pytest.param(
            lambda r: r.normal(0, 1, ROWS), lambda r: r.normal(9, 1, ROWS), QUANTILE, id="apart"
        ),
        pytest.param(
            lambda r: r.integers(0, 7, ROWS), lambda r: r.integers(2, 9, ROWS), 0, id="few values"
        ),
        pytest.param(
            lambda r: np.round(r.gamma(1, 60, ROWS)) * (r.random(ROWS) < 0.6),
            lambda r: np.round(r.gamma(1, 80, ROWS)) * (r.random(ROWS) < 0.3),
            QUANTILE,
            id="many values and one of half the rows",
        ),
        pytest.param(lambda r: np.full(ROWS, 3.0), lambda r: np.full(ROWS, 3.0), 0, id="constant"),
        pytest.param(
            lambda r: np.full(ROWS, 3.0), lambda r: r.normal(3, 1, ROWS), QUANTILE, id="one value"
        ),
    ],
)
def test_distance_is_that_of_the_rows(draw: Draw, draw_other: Draw, within: float) -> None:
    random = np.random.default_rng(0)
    old, new = reference(column(draw(random)), "numeric"), column(draw_other(random))

    found = distance(old, recounted(reference(new, "numeric"), old.bins))

    assert found == pytest.approx(distance(old, counted(new, old.bins)), abs=within + 1e-9)


def test_few_values_are_recounted_exactly() -> None:
    old, rows = column([1.0, 2, 5]), column([0.0, 1, 1, 3, 5, 6, None])
    bins = reference(old, "numeric").bins

    found = recounted(reference(rows, "numeric"), bins)

    assert found.counts.tolist() == counted(rows, bins).counts.tolist() == [1, 2, 0, 2, 1]
    assert (found.rows, found.missing) == (7, 1)


def test_names_are_recounted_exactly() -> None:
    old, rows = column(["a", "b", "c"]), column(["a", "c", "c", "d", "e", None])
    bins = reference(old, "categorical").bins

    found = recounted(reference(rows, "categorical"), bins)

    assert found.counts.tolist() == counted(rows, bins).counts.tolist() == [1, 0, 2, 2]


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        pytest.param([1.0, 2], [None, None], [0, 0, 0, 0], id="new has no value"),
        pytest.param([None, None], [1.0, 2], [2], id="old has no value"),
    ],
)
def test_nothing_is_compared_with_nothing(
    old: list[float | None], new: list[float | None], counts: list[float]
) -> None:
    bins = reference(column(pd.array(old, "Float64")), "numeric").bins

    found = recounted(reference(column(pd.array(new, "Float64")), "numeric"), bins)

    assert found.counts.tolist() == counts
