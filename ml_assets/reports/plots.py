"""Plots of an evaluation: scikit-learn's displays as PNG bytes, and as Markdown.

pyplot is not used and no backend is set, so plots can be drawn in any process.
"""

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ml_assets.learning.metrics.multiclass import is_correct
from ml_assets.learning.metrics.resampling import Scored
from ml_assets.learning.predictions import class_numbers
from ml_assets.learning.specification import Classes, Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Corner = Literal["upper left", "upper right", "lower right"]

SIZE, DOTS_PER_INCH = (9, 3.3), 100
"""Inches; plots are 900 pixels wide."""

POINTS = 2_000
"""Largest number of points; of more rows, a random sample with a fixed seed is drawn."""

BLUE, GREY = "#2f6690", "#6b7785"
LINE = {"color": BLUE, "linewidth": 1.5}
CHANCE = {"color": GREY, "linestyle": ":", "linewidth": 1.2}
COLORS = 64
MAX_WRITTEN = 8
"""Largest number of classes whose confusion matrix has its values written in."""
SMALL, NORMAL = 8, 10
"""Font sizes in points."""


def evaluation_plots(
    task: Task, labels: Any, predictions: Any, *, classes: Classes = (), days: str = ""
) -> dict[str, bytes]:
    """Plot predictions against labels.

    Args:
        task: task of the model.
        labels: (n,) 0 and 1, classes, or numbers.
        predictions: (n,) probabilities of label 1, or numbers in the label's unit; (n, k)
            probabilities of k classes.
        classes: the k classes; empty for other tasks.
        days: days of the rows as text, for the title.

    Returns:
        Name → PNG: ``curves`` (calibration, ROC, precision and recall) for a classification,
        ``classes`` (confusion matrix, and calibration of the predicted class) for classes,
        ``residuals`` (and predicted against actual) for a regression. The same rows give the same
        bytes. Empty if a curve is undefined: fewer than two rows, one class only, a label or a
        prediction that is missing, infinite or not a probability.
    """
    of_days = f" of {days}" if days else ""
    if classes:
        numbers = class_numbers(pd.Series(labels), classes)
        if len(numbers) < 2 or (numbers < 0).any() or not np.isfinite(predictions).all():
            return {}
        scored = Scored.of_classes(numbers, predictions, np.zeros(len(numbers)))
        title = f"{len(numbers):,} rows{of_days}, {is_correct(scored).mean():.1%} correct"
        return {"classes": _png(_confusion(scored, classes), title)}
    actual, predicted = _numbers(labels), _numbers(predictions)
    if not _is_drawable(task, actual, predicted):
        return {}
    if task == "regression":
        title = f"{len(actual):,} rows{of_days}, mean label {actual.mean():,.4g}"
        return {"residuals": _png(_residuals(actual, predicted), title)}
    title = f"{len(actual):,} rows{of_days}, {actual.mean():.1%} positive"
    return {"curves": _png(_curves(actual, predicted), title)}


def as_markdown(plots: Mapping[str, bytes]) -> str:
    """Plots as Markdown with embedded images; empty without plots."""
    return "\n\n".join(
        f"![{name}](data:image/png;base64,{base64.b64encode(png).decode('ascii')})"
        for name, png in plots.items()
    )


def _numbers(values: Any) -> np.ndarray:
    return pd.Series(values).to_numpy("float64", na_value=np.nan)


def _is_drawable(task: Task, actual: np.ndarray, predicted: np.ndarray) -> bool:
    if len(actual) < 2 or not np.isfinite([actual, predicted]).all():
        return False
    if task == "regression":
        return True
    return {*actual} == {0.0, 1.0} and bool(((predicted >= 0) & (predicted <= 1)).all())


def _curves(actual: np.ndarray, predicted: np.ndarray) -> "Figure":
    from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

    figure, (left, middle, right) = _figure(3)
    of_both = {
        "name": "model",
        "curve_kwargs": LINE,
        "plot_chance_level": True,
        "chance_level_kw": CHANCE,
    }
    _calibration(left, actual, predicted, "Predicted probability", "Share that is positive")
    RocCurveDisplay.from_predictions(actual, predicted, ax=middle, **of_both)
    _finish(middle, "ROC", "False-positive rate", "True-positive rate", "lower right")
    PrecisionRecallDisplay.from_predictions(
        actual, predicted, drop_intermediate=True, ax=right, **of_both
    )
    _finish(right, "Precision and recall", "Recall", "Precision", "upper right")
    for axes in (left, middle, right):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    return figure


def _confusion(scored: Scored, classes: Classes) -> "Figure":
    from sklearn.metrics import ConfusionMatrixDisplay

    figure, (left, right) = _figure(2)
    ConfusionMatrixDisplay.from_predictions(
        scored.labels,
        scored.predicted,
        labels=np.arange(len(classes)),
        display_labels=classes,
        normalize="true",
        values_format=".0%",
        include_values=len(classes) <= MAX_WRITTEN,
        xticks_rotation="vertical",
        cmap="Blues",
        colorbar=False,
        ax=left,
    )
    _finish(left, "Share of each actual class", "Predicted", "Actual")
    left.grid(visible=False)
    highest = scored.predictions.max(axis=1)
    _calibration(
        right, is_correct(scored), highest, "Probability of the predicted class", "Correct"
    )
    return figure


def _calibration(axes: "Axes", actual: np.ndarray, predicted: np.ndarray, x: str, y: str) -> None:
    """Share of the rows that are positive, by tenths of the predicted probabilities."""
    from sklearn.calibration import CalibrationDisplay

    CalibrationDisplay.from_predictions(
        actual,
        predicted,
        n_bins=10,
        strategy="quantile",
        name="model, by tenths of the rows",
        ax=axes,
        marker="o",
        markersize=3.5,
        **LINE,
    )
    axes.lines[0].set(**CHANCE)
    _finish(axes, "Calibration", x, y, "upper left")


def _residuals(actual: np.ndarray, predicted: np.ndarray) -> "Figure":
    from matplotlib.ticker import MaxNLocator
    from sklearn.metrics import PredictionErrorDisplay

    figure, (left, right) = _figure(2)
    of_both = {
        "subsample": POINTS,
        "random_state": 0,
        "scatter_kwargs": {"color": BLUE, "alpha": 0.25, "s": 8, "linewidths": 0},
        "line_kwargs": {**CHANCE, "zorder": 3},
    }
    PredictionErrorDisplay.from_predictions(
        actual, predicted, kind="residual_vs_predicted", ax=left, **of_both
    )
    _finish(left, "Residuals", "Predicted", "Actual - predicted")
    PredictionErrorDisplay.from_predictions(
        actual, predicted, kind="actual_vs_predicted", ax=right, **of_both
    )
    right.xaxis.set_major_locator(MaxNLocator(5))
    right.yaxis.set_major_locator(MaxNLocator(5))
    _finish(right, "Predicted against actual", "Predicted", "Actual")
    return figure


def _figure(count: int) -> "tuple[Figure, Any]":
    """A figure with this many plots side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DOTS_PER_INCH, layout="constrained")
    return figure, figure.subplots(1, count)


def _finish(axes: "Axes", title: str, x: str, y: str, legend: Corner | None = None) -> None:
    axes.set_title(title, fontsize=NORMAL)
    axes.set_xlabel(x, fontsize=SMALL)
    axes.set_ylabel(y, fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set_fontsize(SMALL)
    axes.grid(alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(loc=legend, fontsize=SMALL - 1, frameon=False)


def _png(figure: "Figure", title: str) -> bytes:
    """The figure as PNG with few colours, which is several times smaller."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.suptitle(title, fontsize=NORMAL)
    canvas: Any = FigureCanvasAgg(figure)
    png = io.BytesIO()
    canvas.draw()  # once; to save it draws twice
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    drawn.quantize(COLORS).save(png, "PNG", optimize=True)
    return png.getvalue()
