"""Plots of an evaluation: small, the same each time, and none where a curve is undefined."""

import base64
import io
import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ml_assets.reports.plots import as_markdown, evaluation_plots

ROWS = 13_000
LARGEST = 60_000
"""Largest size of a plot, bytes: it is stored with the asset's metadata."""


def classified(count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions that rank them fairly well."""
    random = np.random.default_rng(0)
    predictions = random.random(count)
    return (random.random(count) < predictions).astype(int), predictions


def regressed(count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and predictions that are near them."""
    random = np.random.default_rng(0)
    labels = random.gamma(2, 20, count)
    return labels, labels + random.normal(0, 8, count)


@pytest.mark.parametrize(
    ("task", "rows", "name"),
    [
        pytest.param("classification", classified(), "curves", id="classification"),
        pytest.param("regression", regressed(), "residuals", id="regression"),
        pytest.param("classification", classified(10), "curves", id="few rows"),
        pytest.param("classification", ([0, 1], [0.3, 0.3]), "curves", id="constant predictions"),
        pytest.param("regression", ([3.0, 3.0], [3.0, 3.0]), "residuals", id="constant numbers"),
    ],
)
def test_pictures_are_small_pngs_as_wide_as_dagster_shows_them(task, rows, name: str) -> None:
    [(found, png)] = evaluation_plots(task, *rows).items()

    picture = Image.open(io.BytesIO(png))
    assert found == name
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) <= LARGEST
    assert picture.width == 900
    assert len(picture.getcolors()) > 10


@pytest.mark.parametrize(
    ("task", "rows"),
    [
        pytest.param("classification", classified(), id="classification"),
        pytest.param("regression", regressed(), id="regression, of which a part is drawn"),
    ],
)
def test_same_rows_give_the_same_bytes(task, rows) -> None:
    once = evaluation_plots(task, *rows, days="2013-12-18 to 2013-12-31")

    again = evaluation_plots(
        task, *(pd.Series(values) for values in rows), days="2013-12-18 to 2013-12-31"
    )

    assert once == again
    assert b"atplotlib" not in next(iter(once.values()))


def test_other_predictions_and_other_days_give_other_pictures() -> None:
    labels, predictions = classified()
    drawn = evaluation_plots("classification", labels, predictions)

    assert evaluation_plots("classification", labels, predictions / 2) != drawn
    assert evaluation_plots("classification", labels, predictions, days="2013-12-31") != drawn


@pytest.mark.parametrize(
    ("task", "labels", "predictions"),
    [
        pytest.param("classification", [], [], id="no rows"),
        pytest.param("regression", [], [], id="no rows of a regression"),
        pytest.param("classification", [1], [0.5], id="one row"),
        pytest.param("regression", [1.0], [0.5], id="one row of a regression"),
        pytest.param("classification", [1, 1], [0.5, 0.6], id="one class"),
        pytest.param("classification", [0, 1], [0.5, np.nan], id="missing prediction"),
        pytest.param("classification", [0, 1], [0.5, None], id="prediction is None"),
        pytest.param("regression", [0, 1], [0.5, np.inf], id="infinite prediction"),
        pytest.param("regression", [np.nan, 1], [0.5, 0.6], id="missing label"),
        pytest.param("classification", [0, 1], [0.5, 1.5], id="no probability"),
        pytest.param("classification", [0, 1, 2], [0.1, 0.5, 0.9], id="three classes"),
        pytest.param(
            "classification",
            pd.Series([0, 1, pd.NA], dtype="Int64"),
            pd.Series([0.1, 0.2, 0.3]),
            id="nullable labels",
        ),
    ],
)
def test_nothing_is_drawn_where_a_curve_is_undefined(task, labels, predictions) -> None:
    assert evaluation_plots(task, labels, predictions) == {}


def test_pyplot_and_the_backend_stay_as_they_are() -> None:
    from matplotlib import pyplot as plt

    backend, figures = mpl.get_backend(auto_select=False), plt.get_fignums()

    evaluation_plots("classification", *classified(100))
    evaluation_plots("regression", *regressed(100))

    assert mpl.get_backend(auto_select=False) == backend
    assert plt.get_fignums() == figures


def test_markdown_holds_the_pictures_themselves() -> None:
    plots = {"first": b"\x89PNG one", "second": b"\x89PNG two"}

    found = re.findall(r"!\[(\w+)]\(data:image/png;base64,([^)]+)\)", as_markdown(plots))

    assert {name: base64.b64decode(text) for name, text in found} == plots


def test_markdown_of_no_picture_is_empty() -> None:
    assert as_markdown({}) == ""


CLASSES = ("small", "medium", "large")


def of_classes(count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Classes and probabilities that know them fairly well."""
    probabilities = np.random.default_rng(0).dirichlet([1, 1, 1], count)
    return np.take(CLASSES, probabilities.argmax(axis=1)), probabilities


@pytest.mark.parametrize("count", [2, ROWS])
def test_picture_of_classes_is_a_small_png_and_the_same_each_time(count: int) -> None:
    """Of two rows all are predicted correctly."""
    found = evaluation_plots("multiclass", *of_classes(count), classes=CLASSES)
    again = evaluation_plots("multiclass", *of_classes(count), classes=CLASSES)

    assert [*found] == ["classes"]
    assert found == again
    assert len(found["classes"]) <= LARGEST


def test_nothing_is_drawn_of_an_unknown_class() -> None:
    labels, probabilities = of_classes(10)
    labels[0] = "crate"

    assert evaluation_plots("multiclass", labels, probabilities, classes=CLASSES) == {}
