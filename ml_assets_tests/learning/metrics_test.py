"""Values are scikit-learn's, and resampled values equal scikit-learn's for the drawn days."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from ml_assets.learning.metrics import METRICS
from ml_assets.learning.metrics.regression import PINBALL
from ml_assets.learning.metrics.resampling import MIN_DAYS, Scored, day_numbers, interval, resamples

CLASSES = [0, 1, 2]

WITH_WEIGHTS = {
    "auc": lambda rows, w: sklearn_metrics.roc_auc_score(
        rows.labels, rows.predictions, sample_weight=w
    ),
    "average_precision": lambda rows, w: sklearn_metrics.average_precision_score(
        rows.labels, rows.predictions, sample_weight=w
    ),
    "brier": lambda rows, w: sklearn_metrics.brier_score_loss(
        rows.labels, rows.predictions, sample_weight=w
    ),
    "precision": lambda rows, w: sklearn_metrics.precision_score(
        rows.labels, rows.flagged, sample_weight=w, zero_division=np.nan
    ),
    "recall": lambda rows, w: sklearn_metrics.recall_score(
        rows.labels, rows.flagged, sample_weight=w, zero_division=np.nan
    ),
    "mae": lambda rows, w: sklearn_metrics.mean_absolute_error(
        rows.labels, rows.predictions, sample_weight=w
    ),
    "rmse": lambda rows, w: sklearn_metrics.root_mean_squared_error(
        rows.labels, rows.predictions, sample_weight=w
    ),
    "r2": lambda rows, w: sklearn_metrics.r2_score(rows.labels, rows.predictions, sample_weight=w),
    "log_loss": lambda rows, w: sklearn_metrics.log_loss(
        rows.labels, rows.predictions, sample_weight=w, labels=CLASSES
    ),
    "brier_multiclass": lambda rows, w: sklearn_metrics.brier_score_loss(
        rows.labels, rows.predictions, sample_weight=w, labels=CLASSES, scale_by_half=False
    ),
    "accuracy": lambda rows, w: sklearn_metrics.accuracy_score(
        rows.labels, rows.predictions.argmax(axis=1), sample_weight=w
    ),
    "balanced_accuracy": lambda rows, w: sklearn_metrics.balanced_accuracy_score(
        rows.labels, rows.predictions.argmax(axis=1), sample_weight=w
    ),
    "macro_f1": lambda rows, w: sklearn_metrics.f1_score(
        rows.labels, rows.predictions.argmax(axis=1), sample_weight=w, average="macro"
    ),
    "auc_ovr": lambda rows, w: sklearn_metrics.roc_auc_score(
        rows.labels, rows.predictions, sample_weight=w, labels=CLASSES, multi_class="ovr"
    ),
    "poisson_deviance": lambda rows, w: sklearn_metrics.mean_poisson_deviance(
        rows.labels, rows.predictions, sample_weight=w
    ),
    "pinball_p05": lambda rows, w: sklearn_metrics.mean_pinball_loss(
        rows.labels, rows.predictions, sample_weight=w, alpha=0.05
    ),
    "pinball_p90": lambda rows, w: sklearn_metrics.mean_pinball_loss(
        rows.labels, rows.predictions, sample_weight=w, alpha=0.9
    ),
}
"""Metric → the same with weights; of the losses of quantiles two."""


def scored(seed: int, rows: int, days: int, *, ties: bool, task: str) -> Scored:
    generator = np.random.default_rng(seed)
    predictions = generator.random(rows) + (task == "regression")
    if ties:
        predictions = predictions.round(1)
    if task == "multiclass":
        return scored_classes(generator, rows, days, ties=ties)
    labels = (
        (generator.random(rows) < predictions).astype(int)
        if task == "classification"
        else np.abs(predictions * 10 + generator.normal(size=rows))
    )
    return Scored.of(labels, predictions, generator.integers(0, days, rows), 0.7)


def scored_classes(generator: np.random.Generator, rows: int, days: int, *, ties: bool) -> Scored:
    """Rows of three classes, of which the last is rare and sometimes does not occur."""
    odds = generator.random((rows, 3)) * [1, 1, 0.3] + 0.01
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    if ties:
        probabilities = probabilities.round(1)
        probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    labels = (generator.random((rows, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return Scored.of_classes(labels, probabilities.clip(0, 1), generator.integers(0, days, rows))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("name", WITH_WEIGHTS)
@given(seed=st.integers(0, 10_000), ties=st.booleans(), rows=st.integers(40, 120))
@settings(max_examples=25, deadline=None)
def test_drawing_days_gives_what_scikit_learn_gives_with_these_weights(
    name: str, seed: int, ties: bool, rows: int
) -> None:
    metric, days = METRICS[name], 6
    one = scored(seed, rows, days, ties=ties, task=metric.task)
    draws = resamples(days, 20)

    found = metric.resampled(one, draws)

    for drawn, value in zip(draws, found, strict=True):
        weights = drawn[one.days]
        kept = weights > 0
        needed = len(CLASSES) if metric.needs_all_classes else metric.different_labels
        if len(np.unique(one.labels[kept])) < needed:
            assert np.isnan(value) or not metric.needs_all_classes
            continue
        expected = WITH_WEIGHTS[name](one.where(kept), weights[kept])
        assert value == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_drawing_every_day_once_gives_the_metric_itself(name: str) -> None:
    metric = METRICS[name]
    one = scored(1, 200, 7, ties=True, task=metric.task)

    assert metric.resampled(one, np.ones((1, 7)))[0] == pytest.approx(metric.value(one))


@pytest.mark.parametrize(
    ("name", "labels", "predictions"),
    [
        pytest.param("auc", [1, 1], [0.2, 0.3], id="one class"),
        pytest.param("r2", [3.0, 3.0], [1.0, 2.0], id="labels that never change"),
        pytest.param("brier", [], [], id="no rows"),
        pytest.param("brier", [0, 1], [0.1, np.nan], id="a missing prediction"),
        pytest.param("mae", [0, 1], [0.1, np.inf], id="an infinite prediction"),
        pytest.param("precision", [0, 1], [0.1, 0.2], id="nothing flagged"),
        pytest.param("recall", [0, 0], [0.9, 0.9], id="nothing to find"),
    ],
)
def test_metric_is_undefined_rather_than_wrong(
    name: str, labels: list[float], predictions: list[float]
) -> None:
    one = Scored.of(labels, predictions, [0] * len(labels), 0.7)

    assert np.isnan(METRICS[name].value(one))


@pytest.mark.parametrize(
    ("name", "labels", "probabilities"),
    [
        pytest.param("auc_ovr", [0, 1], [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]], id="a class is absent"),
        pytest.param("log_loss", [0], [[0.8, np.nan, 0.1]], id="a missing probability"),
        pytest.param("accuracy", [], np.empty((0, 3)), id="no rows"),
    ],
)
def test_metric_of_classes_is_undefined_rather_than_wrong(
    name: str, labels: list[int], probabilities: list[list[float]]
) -> None:
    one = Scored.of_classes(labels, np.array(probabilities), [0] * len(labels))

    assert np.isnan(METRICS[name].value(one))


def test_metrics_of_classes_by_hand() -> None:
    """Three classes, four rows; the third class is never predicted, the last row is wrong."""
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]])
    one = Scored.of_classes([0, 1, 1, 2], probabilities, [0, 0, 1, 1])

    found = {
        name: metric.value(one) for name, metric in METRICS.items() if metric.task == "multiclass"
    }

    assert found == pytest.approx(
        {
            "log_loss": -np.log([0.8, 0.7, 0.8, 0.2]).mean(),
            "brier_multiclass": (0.06 + 0.14 + 0.06 + 0.98) / 4,
            "accuracy": 3 / 4,
            "balanced_accuracy": 2 / 3,
            "macro_f1": (2 / 3 + 1 + 0) / 3,
            "auc_ovr": 1,
        }
    )


def test_draws_are_the_same_every_time_and_as_many_days_as_there_are() -> None:
    draws = resamples(14, 500)

    assert (draws.sum(axis=1) == 14).all()
    assert len(np.unique(draws, axis=0)) > 400
    np.testing.assert_array_equal(draws, resamples(14, 500))


def test_interval_holds_the_share_it_promises() -> None:
    values = np.arange(1001.0)

    assert interval(values, 0.95, MIN_DAYS) == pytest.approx((25, 975))
    assert interval(values, 0.5, MIN_DAYS) == pytest.approx((250, 750))


@pytest.mark.parametrize(
    ("values", "days"),
    [
        pytest.param(np.arange(100.0), MIN_DAYS - 1, id="too few days"),
        pytest.param(np.array([0.1, np.nan, 0.2]), 14, id="undefined for some draw"),
    ],
)
def test_interval_is_undefined_with_too_few_days(values: np.ndarray, days: int) -> None:
    assert np.isnan(interval(values, 0.95, days)).all()


def test_days_that_differ_widen_the_interval() -> None:
    """Rows of one day share its weather: drawing rows would find these intervals equally narrow."""
    alike = Scored.of([0, 1] * 70, [0.5] * 140, np.repeat(np.arange(14), 10), 0.7)
    apart = Scored.of(np.repeat([0, 1], 70), [0.5] * 140, np.repeat(np.arange(14), 10), 0.7)
    draws, recall = resamples(14, 500), METRICS["mae"]
    errors = [Scored.of(one.labels, one.labels * 0.5, one.days, 0.7) for one in (alike, apart)]

    narrow, wide = (interval(recall.resampled(one, draws), 0.95, 14) for one in errors)

    assert wide[1] - wide[0] > 0.1 > narrow[1] - narrow[0]


def test_days_are_numbered_as_in_the_calendar() -> None:
    numbers, width = day_numbers(["2013-02-02", "2013-02-01", "2013-02-02"])

    assert (list(numbers), width) == ([1, 0, 1], 2)


def test_every_metric_is_compared_with_scikit_learn() -> None:
    assert {name for name in METRICS if not name.startswith(PINBALL)} <= {*WITH_WEIGHTS}
    assert [*WITH_WEIGHTS][-1] in METRICS


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [
        pytest.param([0, 2], [0.0, 1.0], id="a mean of nothing"),
        pytest.param([0, 2], [-1.0, 1.0], id="a negative mean"),
        pytest.param([-1, 2], [1.0, 1.0], id="a negative count"),
    ],
)
def test_deviance_is_undefined_for_what_is_no_count(
    labels: list[int], predictions: list[float]
) -> None:
    one = Scored.of(labels, predictions, [0, 0], 0.5)

    assert np.isnan(METRICS["poisson_deviance"].value(one))


def test_best_constant_of_a_quantile_is_the_quantile() -> None:
    labels = np.arange(101)

    assert METRICS["pinball_p90"].constant(labels) == 90
    assert METRICS["mae"].constant(labels) == 50
