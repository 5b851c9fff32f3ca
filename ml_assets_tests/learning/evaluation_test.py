"""Metrics of held-out rows, overall and for each segment."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from ml_assets.content import DAY
from ml_assets.contracts.validation import validate
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.learning.evaluation import (
    NO_VALUE,
    OVERALL,
    Evaluation,
    EvaluationRules,
    evaluate,
    segment_values,
)
from ml_assets.learning.specification import ModelSpecification

AS_OF = "2013-07-08"
RULES = EvaluationRules(resamples=100)


def rows(*values: tuple[str, str, float, float]) -> tuple[pd.DataFrame, np.ndarray]:
    """Dataset and predictions from (split, carrier, label, prediction)."""
    frame = pd.DataFrame(list(values), columns=[SPLIT, "carrier", "late", "prediction"])
    dataset = frame.drop(columns="prediction").assign(**{DAY: AS_OF, FEATURE_DAY: "2013-07-01"})
    return dataset, frame["prediction"].to_numpy()


GOOD = [
    ("test", "UA", 0, 0.1),
    ("test", "UA", 1, 0.9),
    ("test", "DL", 0, 0.8),
    ("test", "DL", 1, 0.3),
]


def figures(found: pd.DataFrame, metric: str) -> dict[tuple[str, str], float]:
    """(split, segment) → value of a metric."""
    of_metric = found[found["metric"] == metric]
    keys = zip(of_metric["split"], of_metric["segment"], strict=True)
    return dict(zip(keys, of_metric["value"], strict=True))


def test_classification_is_judged_overall_and_by_segment(
    specification: ModelSpecification,
) -> None:
    found = evaluate(specification, *rows(*GOOD), ["carrier"], RULES)

    assert figures(found, "auc") == {
        ("test", OVERALL): 0.75,
        ("test", "UA"): 1.0,
        ("test", "DL"): 0.0,
    }
    assert figures(found, "brier")["test", "UA"] == pytest.approx(0.01)
    assert figures(found, "average_precision")["test", "UA"] == 1.0


def test_regression_is_judged_by_its_errors(specification: ModelSpecification) -> None:
    dataset, predictions = rows(("test", "UA", 1, 2.0), ("test", "UA", 3, 3.0))

    found = evaluate(replace(specification, task="regression"), dataset, predictions, [], RULES)

    assert {name: figures(found, name)["test", OVERALL] for name in found["metric"]} == {
        "mae": pytest.approx(0.5),
        "rmse": pytest.approx(0.5**0.5),
        "r2": pytest.approx(0.5),
    }


def test_rows_it_was_trained_on_are_not_judged(specification: ModelSpecification) -> None:
    trained = [("train", "B6", 0, 1.0), ("train", "UA", 1, 0.0)]

    with_training = evaluate(specification, *rows(*trained, *GOOD), ["carrier"], RULES)
    without = evaluate(specification, *rows(*GOOD), ["carrier"], RULES)

    pd.testing.assert_frame_equal(with_training, without)


def test_splits_are_judged_apart(specification: ModelSpecification) -> None:
    validation = [("validation", "UA", 1, 0.1), ("validation", "UA", 0, 0.9)]

    found = evaluate(specification, *rows(*GOOD, *validation), [], RULES)

    assert figures(found, "auc") == {("test", OVERALL): 0.75, ("validation", OVERALL): 0.0}


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param([1], id="one row"),
        pytest.param([1, 1], id="one class"),
    ],
)
def test_metric_is_null_where_it_is_undefined(
    specification: ModelSpecification, labels: list[int]
) -> None:
    lonely = [("test", "B6", label, 0.5) for label in labels]

    found = evaluate(specification, *rows(*GOOD, *lonely), ["carrier"], RULES)

    of_lonely = found[found["segment"] == "B6"]
    undefined = of_lonely["metric"].isin(["auc", "average_precision"])
    assert undefined.any()
    assert of_lonely.loc[undefined, "value"].isna().all()
    assert set(of_lonely["rows"]) == {len(labels)}
    assert set(of_lonely["mean_label"]) == {1.0}


def test_error_of_a_regression_is_known_where_the_label_never_changes(
    specification: ModelSpecification,
) -> None:
    dataset, predictions = rows(("test", "UA", 10, 9.0), ("test", "UA", 10, 7.0))

    found = evaluate(replace(specification, task="regression"), dataset, predictions, [], RULES)

    assert figures(found, "mae") == {("test", OVERALL): 2.0}


def test_evaluation_keeps_its_contract(specification: ModelSpecification) -> None:
    lonely = ("validation", "B6", 1, 0.5)

    found = evaluate(specification, *rows(*GOOD, lonely), ["carrier"], RULES)

    validated = validate(found, Evaluation, [AS_OF])
    assert validated.quarantined == {}
    assert len(validated.rows) == len(found) == 3 * (3 + 2)


def test_nothing_to_judge_gives_no_rows_that_the_contract_refuses(
    specification: ModelSpecification,
) -> None:
    found = evaluate(specification, *rows(("train", "UA", 1, 0.5)), ["carrier"], RULES)

    assert found.empty
    assert [*validate(found, Evaluation, [AS_OF]).quarantined] == [AS_OF]


def test_order_of_the_rows_does_not_matter(specification: ModelSpecification) -> None:
    found = evaluate(specification, *rows(*GOOD), ["carrier"], RULES)
    backwards = evaluate(specification, *rows(*GOOD[::-1]), ["carrier"], RULES)

    pd.testing.assert_frame_equal(found, backwards)


def test_intervals_come_from_drawing_days_and_hold_the_value(
    specification: ModelSpecification,
) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 700)
    days = [f"2013-07-{1 + number % 7:02d}" for number in range(700)]
    dataset = pd.DataFrame(
        {SPLIT: "test", "carrier": "UA", "late": labels, DAY: AS_OF, FEATURE_DAY: days}
    )

    found = evaluate(
        specification, dataset, np.clip(labels * 0.2 + random.random(700) * 0.8, 0, 1), [], RULES
    )
    on_one_day = evaluate(
        specification, dataset.assign(**{FEATURE_DAY: "2013-07-01"}), random.random(700), [], RULES
    )

    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()
    assert on_one_day["value"].notna().all()
    assert on_one_day[["low", "high"]].isna().all(axis=None)


def test_precision_and_recall_are_those_of_the_share_that_is_flagged(
    specification: ModelSpecification,
) -> None:
    labels, predictions = [1, 0, 0, 0, 1, 0, 1, 0, 0, 0], [0.9, 0.8] + [0.1] * 8
    held = rows(*[("test", "UA", *pair) for pair in zip(labels, predictions, strict=True)])
    rules = EvaluationRules(metrics=("auc", "precision", "recall"), flagged_share=0.2)

    found = evaluate(specification, *held, [], rules)

    assert figures(found, "precision") == {("test", OVERALL): pytest.approx(0.5)}
    assert figures(found, "recall") == {("test", OVERALL): pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["b", None, "a"], ["b", NO_VALUE, "a"], id="text"),
        pytest.param([2, 1, 2], ["2", "1", "2"], id="numbers"),
        pytest.param([0.5, float("nan"), 2.0], ["0.5", NO_VALUE, "2.0"], id="fractions"),
        pytest.param([True, False], ["True", "False"], id="truth"),
        pytest.param([], [], id="no rows"),
        pytest.param(
            [pd.Timestamp("2013-01-02 03:04"), pd.NaT],
            ["2013-01-02 03:04:00", NO_VALUE],
            id="times",
        ),
    ],
)
def test_segments_are_texts(values: list[object], expected: list[str]) -> None:
    found = segment_values(pd.Series(values, index=range(5, 5 + len(values))))

    assert found.tolist() == expected
    assert found.index.tolist() == [*range(5, 5 + len(values))]


def test_rows_without_a_segment_are_measured_too(specification: ModelSpecification) -> None:
    dataset, predictions = rows(*GOOD)

    found = evaluate(
        specification,
        dataset.assign(carrier=dataset["carrier"].where(dataset["carrier"] == "UA")),
        predictions,
        ["carrier"],
        RULES,
    )

    assert figures(found, "auc")["test", NO_VALUE] == 0.0


@pytest.mark.parametrize(
    ("metrics", "task", "problem"),
    [
        pytest.param(("accuracy",), "classification", "accuracy", id="unknown"),
        pytest.param(("rmse",), "classification", "rmse", id="of another task"),
        pytest.param(("recall", "auc"), "classification", "begins with recall", id="threshold"),
    ],
)
def test_metrics_that_cannot_be_measured_are_refused(
    metrics: tuple[str, ...], task: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        EvaluationRules(metrics=metrics).of_task(task)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"flagged_share": 0.99}, id="nearly all flagged, so all groups alike"),
        pytest.param({"confidence": 0.9999}, id="intervals so wide that no limit is below them"),
        pytest.param({"resamples": 2}, id="two draws"),
    ],
)
def test_rules_that_would_blind_a_gate_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        EvaluationRules(**values)


def test_default_metrics_are_measured_when_none_is_configured() -> None:
    assert EvaluationRules().of_task("regression") == ("rmse", "mae", "r2")
    assert EvaluationRules().of_task("classification")[0] == "auc"
