"""Features of a model that its document leaves out."""

from pathlib import Path
from typing import ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.configuration.files.yaml_files import documents_of, template_of
from ml_assets.configuration.models import pipeline_of
from ml_assets.configuration.parts import PipelineConfiguration, TrainedModelConfiguration
from ml_assets.contracts.contract import Contract, used_as
from ml_assets.errors import ConfigurationError
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import UTC

WHERE = __name__
NAMED = "    numeric: [items, hour]\n    categorical: [region]\n"


class Orders(Contract):
    """Orders with a label, times and a role."""

    order: int = pa.Field(description="Number of the order.")
    region: str = pa.Field(description="Where it goes.", metadata=used_as(group="structural"))
    weight: float = pa.Field(description="The label.")
    known_at: pd.DatetimeTZDtype = pa.Field(description="When.", dtype_kwargs=UTC)
    hour: int = pa.Field(description="Hour.", metadata=used_as(group="structural"))
    items: float = pa.Field(description="Things in it.")
    age: float = pa.Field(description="The day of the label.")
    code: int = pa.Field(description="A code.", metadata=used_as("ignored", "structural"))

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


class OnlyKey(Contract):
    """No column but the key."""

    order: int = pa.Field(description="Number of the order.")

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


def model(
    folder: Path,
    text: str,
    kind: type[PipelineConfiguration | TrainedModelConfiguration] = PipelineConfiguration,
) -> PipelineConfiguration | TrainedModelConfiguration:
    """The model of a ``defs.yaml``."""
    file = folder / "defs.yaml"
    file.write_text(text.replace("ml_assets_tests.components.shop.Orders", f"{WHERE}.Orders"))
    [config] = [
        document["attributes"]
        for _, document in documents_of(file)
        if template_of(document) == "ModelPipeline"
    ]
    return pipeline_of(config, file, kind)


def test_features_are_the_numbers_and_texts_of_the_contract(tmp_path: Path) -> None:
    text = MINIMAL.replace(NAMED, "").replace("column: weight}", "column: weight, day: age}")

    found = model(tmp_path, text)

    assert found.estimator.numeric == ("hour", "items")
    assert found.estimator.categorical == ("region",)


@pytest.mark.parametrize(
    ("named", "numeric", "categorical", "text"),
    [
        pytest.param(NAMED, ("items", "hour"), ("region",), (), id="both"),
        pytest.param("    numeric: [items]\n", ("items",), (), (), id="numeric"),
        pytest.param("    categorical: [region]\n", (), ("region",), (), id="categorical"),
        pytest.param("    text: [region]\n", (), (), ("region",), id="text"),
    ],
)
def test_features_that_are_named_are_all_features(
    tmp_path: Path,
    named: str,
    numeric: tuple[str, ...],
    categorical: tuple[str, ...],
    text: tuple[str, ...],
) -> None:
    found = model(tmp_path, MINIMAL.replace(NAMED, named))

    assert found.estimator.numeric == numeric
    assert found.estimator.categorical == categorical
    assert found.estimator.text == text


@pytest.mark.parametrize(
    ("monitoring", "structural"),
    [
        pytest.param("", {"region", "hour"}, id="of the contract"),
        pytest.param("  monitoring: {min_rows: 30}\n", {"region", "hour"}, id="other keys"),
        pytest.param("  monitoring: {structural: [items]}\n", {"items"}, id="of the document"),
        pytest.param("  monitoring: {structural: []}\n", set(), id="none in the document"),
    ],
)
def test_structural_features_are_those_of_the_contract(
    tmp_path: Path, monitoring: str, structural: set[str]
) -> None:
    found = model(tmp_path, MINIMAL.replace(NAMED, "") + monitoring)

    assert isinstance(found, PipelineConfiguration)
    assert {name for name, group in found.groups.items() if group == "structural"} == structural


def test_a_feature_may_follow_the_calendar_instead_of_what_its_contract_says(
    tmp_path: Path,
) -> None:
    text = MINIMAL.replace(NAMED, "") + "  monitoring: {calendar: [hour]}\n"

    found = model(tmp_path, text)

    assert isinstance(found, PipelineConfiguration)
    assert found.groups["hour"] == "calendar"
    assert found.groups["region"] == "structural"


def test_a_part_without_monitoring_has_the_same_features(tmp_path: Path) -> None:
    found = model(tmp_path, MINIMAL.replace(NAMED, ""), TrainedModelConfiguration)

    assert found.estimator.numeric == ("hour", "items", "age")


def test_a_contract_without_features_is_refused(tmp_path: Path) -> None:
    text = MINIMAL.replace(NAMED, "").replace("components.shop.Orders", "components.shop.Order")

    with pytest.raises(ConfigurationError, match=r"contain no feature\. If all are left out"):
        model(tmp_path, text.replace("ml_assets_tests.components.shop.Order", f"{WHERE}.OnlyKey"))


SOURCE = """
---
type: ml_assets.components.SourceTable
attributes:
  key: shop/sold
  table: sold
  time_column: {time}
  contract: {where}.{contract}
  owners: ["team:shop"]
  days: {{first: "2024-01-01"}}
"""


class Sold(Contract):
    """Orders with their weight, as they were sold."""

    order: int = pa.Field(description="Number of the order.")
    weight: float = pa.Field(description="Its weight.")
    at: pd.DatetimeTZDtype = pa.Field(description="When it was sold.", dtype_kwargs=UTC)
    text: str = pa.Field(description="The same as a text.")


class SoldAndKnown(Sold):
    """The same, with the time at which the weight was known."""

    known_at: pd.DatetimeTZDtype = pa.Field(description="When.", dtype_kwargs=UTC)


@pytest.mark.parametrize(
    ("contract", "time", "named", "known_at"),
    [
        pytest.param("Sold", "at", "", "at", id="time of the row"),
        pytest.param("SoldAndKnown", "at", "", "known_at", id="own column"),
        pytest.param("SoldAndKnown", "at", ", known_at: at", "at", id="named column"),
        pytest.param("Sold", "text", "", "known_at", id="a text is no time"),
    ],
)
def test_labels_of_a_source_table_are_known_at_the_time_of_their_row(
    tmp_path: Path, contract: str, time: str, named: str, known_at: str
) -> None:
    text = MINIMAL.replace(
        "asset: shop/weights, column: weight", f"asset: shop/sold, column: weight{named}"
    )

    found = model(tmp_path, text + SOURCE.format(where=WHERE, contract=contract, time=time))

    assert found.labels.known_at == known_at
    assert found.contracts.outcomes == f"{WHERE}.{contract}"


def test_an_unknown_label_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no FeatureTable or SourceTable of this project"):
        model(tmp_path, MINIMAL.replace("asset: shop/weights", "asset: shop/unknown"))
