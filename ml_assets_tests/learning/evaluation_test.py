"""Metrics of the rows a model has not seen, overall and for each segment."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml_assets.contracts.validation import validate
from ml_assets.lake.content import DAY
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.evaluation import OVERALL, Evaluation, evaluate
from ml_assets.learning.specification import ModelSpecification

AS_OF = "2013-07-08"


def rows(*values: tuple[str, str, float, float]) -> tuple[pd.DataFrame, np.ndarray]:
    """Dataset and predictions from (split, carrier, label, prediction)."""
    frame = pd.DataFrame(list(values), columns=[SPLIT, "carrier", "late", "prediction"])
    dataset = frame.drop(columns="prediction").assign(**{DAY: AS_OF})
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
    found = evaluate(specification, *rows(*GOOD), ["carrier"])

    assert figures(found, "auc") == {
        ("test", OVERALL): 0.75,
        ("test", "UA"): 1.0,
        ("test", "DL"): 0.0,
    }
    assert figures(found, "brier")["test", "UA"] == pytest.approx(0.01)
    assert figures(found, "average_precision")["test", "UA"] == 1.0


def test_regression_is_judged_by_its_errors(specification: ModelSpecification) -> None:
    dataset, predictions = rows(("test", "UA", 1, 2.0), ("test", "UA", 3, 3.0))

    found = evaluate(replace(specification, task="regression"), dataset, predictions, [])

    assert {name: figures(found, name)["test", OVERALL] for name in found["metric"]} == {
        "mae": pytest.approx(0.5),
        "rmse": pytest.approx(0.5**0.5),
        "r2": pytest.approx(0.5),
    }


def test_rows_it_was_trained_on_are_not_judged(specification: ModelSpecification) -> None:
    trained = [("train", "B6", 0, 1.0), ("train", "UA", 1, 0.0)]

    with_training = evaluate(specification, *rows(*trained, *GOOD), ["carrier"])
    without = evaluate(specification, *rows(*GOOD), ["carrier"])

    pd.testing.assert_frame_equal(with_training, without)


def test_splits_are_judged_apart(specification: ModelSpecification) -> None:
    validation = [("validation", "UA", 1, 0.1), ("validation", "UA", 0, 0.9)]

    found = evaluate(specification, *rows(*GOOD, *validation), [])

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

    found = evaluate(specification, *rows(*GOOD, *lonely), ["carrier"])

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

    found = evaluate(replace(specification, task="regression"), dataset, predictions, [])

    assert figures(found, "mae") == {("test", OVERALL): 2.0}


def test_evaluation_keeps_its_contract(specification: ModelSpecification) -> None:
    lonely = ("validation", "B6", 1, 0.5)

    found = evaluate(specification, *rows(*GOOD, lonely), ["carrier"])

    validated = validate(found, Evaluation, [AS_OF])
    assert validated.quarantined == {}
    assert len(validated.rows) == len(found) == 3 * (3 + 2)


def test_nothing_to_judge_gives_no_rows_that_the_contract_refuses(
    specification: ModelSpecification,
) -> None:
    found = evaluate(specification, *rows(("train", "UA", 1, 0.5)), ["carrier"])

    assert found.empty
    assert [*validate(found, Evaluation, [AS_OF]).quarantined] == [AS_OF]


def test_order_of_the_rows_does_not_matter(specification: ModelSpecification) -> None:
    found = evaluate(specification, *rows(*GOOD), ["carrier"])
    backwards = evaluate(specification, *rows(*GOOD[::-1]), ["carrier"])

    pd.testing.assert_frame_equal(found, backwards)
