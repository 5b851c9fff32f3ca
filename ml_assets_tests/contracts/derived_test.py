"""Contracts that are derived: what they keep, and what their versions count."""

from typing import ClassVar

import pandera.pandas as pa
import pytest

from ml_assets.contracts.contract import Limits, columns, limits, type_name
from ml_assets.contracts.day import DayContract
from ml_assets.contracts.derived import (
    contract_sources,
    dataset_contract,
    label_contract,
    prediction_contract,
)
from ml_assets.errors import ConfigurationError
from ml_assets.learning.contracts import Prediction, predicted_fields
from ml_assets.learning.specification import Task
from ml_assets.monitoring.contracts.performance import Label, label_fields
from ml_assets_tests.components.shop import Orders, Weights


class LongOrders(Orders):
    """Orders with long texts."""

    remark: str = pa.Field(description="What was said.", metadata={"from": ["raw.remark"]})

    class Config:
        """With a longer limit of texts."""

        unique: ClassVar = ["order"]
        metadata: ClassVar = {"max_text_length": 5000}


class Day(DayContract):
    """A day of predictions."""


DATASET = dataset_contract(LongOrders, Weights, label="weight", known_at="known_at")


def test_a_dataset_has_the_features_the_label_and_when_it_was_known() -> None:
    assert list(columns(DATASET)) == [
        *columns(LongOrders),
        "feature_day",
        "split",
        "weight",
        "known_at",
    ]
    assert columns(DATASET)["weight"].metadata == {
        "unit": "kg",
        "from": ["{feature_table}.{key}", "{label_table}.{key}", "{label_table}.{label}"],
    }
    assert limits(DATASET).max_text_length == 5000


class WorkdayOrders(Orders):
    """Orders from Monday to Friday."""

    class Config:
        """Never has rows at weekends."""

        unique: ClassVar = ["order"]
        metadata: ClassVar = {"empty_on": ["Saturday", "Sunday"]}


def test_nothing_is_predicted_on_days_without_features_but_a_model_may_be_trained() -> None:
    dataset = dataset_contract(WorkdayOrders, Weights, label="weight", known_at="known_at")
    predictions = prediction_contract(
        Prediction,
        dataset,
        ["order"],
        predicted={},
        of_features=limits(WorkdayOrders),
        day=None,
    )

    assert limits(predictions).empty_on == {"Saturday", "Sunday"}
    assert limits(dataset).empty_on == frozenset()


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Weights has no column 'late'"):
        dataset_contract(Orders, Weights, label="late", known_at="known_at")


@pytest.mark.parametrize(
    ("task", "is_probability"), [("classification", True), ("regression", False)]
)
def test_a_probability_lies_between_0_and_1(task: Task, is_probability: bool) -> None:
    found = prediction_contract(
        Prediction,
        DATASET,
        ["order", "region"],
        predicted=predicted_fields(task, ()),
        of_features=Limits(),
        day=None,
    )

    assert {"order", "region", "prediction_id", "prediction"} <= columns(found).keys()
    assert bool(columns(found)["prediction"].checks) == is_probability


def test_code_version_includes_all_sources_of_a_derived_contract() -> None:
    predictions = prediction_contract(
        Prediction, DATASET, ["order"], predicted={}, of_features=Limits(), day=Day
    )
    labels = label_contract(Label, DATASET, ["region"], ["order"], labelled={}, day=Day)

    assert contract_sources(Orders) == [Orders]
    assert contract_sources(DATASET) == [DATASET, LongOrders, Weights]
    assert {Prediction, LongOrders, Weights, Day} <= {*contract_sources(predictions)}
    assert {Label, LongOrders, Weights, Day} <= {*contract_sources(labels)}


@pytest.mark.parametrize(
    ("classes", "type_of_class"), [(("b", "a", "c"), "string"), ((3, 1, 2), "int64")]
)
def test_predictions_and_labels_of_classes_have_their_columns(
    classes: tuple[str, ...] | tuple[int, ...], type_of_class: str
) -> None:
    """In the order in which the classes are declared, of their type, and no other class."""
    predicted = predicted_fields("multiclass", classes)
    labelled = label_fields("multiclass", classes)
    predictions = prediction_contract(
        Prediction, DATASET, ["order"], predicted=predicted, of_features=Limits(), day=None
    )
    labels = label_contract(Label, DATASET, ["region"], ["order"], labelled=labelled, day=None)

    of_classes = [f"probability_{name}" for name in classes]
    for contract in (predictions, labels):
        found = columns(contract)
        assert [name for name in found if name.startswith("probability")] == of_classes
        assert type_name(found["prediction"]) == type_of_class
    assert type_name(columns(labels)["label"]) == type_of_class
    assert columns(labels)["label"].checks[0].statistics == {"allowed_values": [*classes]}
