"""Contracts that are derived: what they keep, and what their versions count."""

from typing import ClassVar

import pandera.pandas as pa
import pytest

from ml_assets.contracts.contract import columns, limits
from ml_assets.contracts.day import DayContract
from ml_assets.contracts.derived import (
    contract_sources,
    dataset_contract,
    label_contract,
    prediction_contract,
)
from ml_assets.errors import ConfigurationError
from ml_assets.learning.contracts import Prediction
from ml_assets.monitoring.contracts.performance import Label
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


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Weights has no column 'late'"):
        dataset_contract(Orders, Weights, label="late", known_at="known_at")


@pytest.mark.parametrize("is_probability", [True, False])
def test_a_probability_lies_between_0_and_1(is_probability: bool) -> None:
    found = prediction_contract(
        Prediction, DATASET, ["order", "region"], is_probability=is_probability, day=None
    )

    assert {"order", "region", "prediction_id", "prediction"} <= columns(found).keys()
    assert bool(columns(found)["prediction"].checks) == is_probability


def test_code_version_includes_all_sources_of_a_derived_contract() -> None:
    predictions = prediction_contract(Prediction, DATASET, ["order"], is_probability=False, day=Day)
    labels = label_contract(Label, DATASET, ["region"], ["order"], is_binary=False, day=Day)

    assert contract_sources(Orders) == [Orders]
    assert contract_sources(DATASET) == [DATASET, LongOrders, Weights]
    assert {Prediction, LongOrders, Weights, Day} <= {*contract_sources(predictions)}
    assert {Label, LongOrders, Weights, Day} <= {*contract_sources(labels)}
