"""The section ``serving``: where each feature of a request comes from, validated as definitions load."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest
import yaml
from pydantic import Field

from ml_assets.components import ModelPipeline
from ml_assets.configuration.models import pipeline_of
from ml_assets.configuration.parts import PipelineConfiguration
from ml_assets.configuration.serving.request_features import request_features
from ml_assets.contracts.contract import Contract
from ml_assets.errors import ConfigurationError
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets_tests.components.shop import UTC
from ml_assets_tests.project import ROOT

HERE = __name__


class Parcel(Contract):
    """A parcel that is to be sent."""

    order: int = pa.Field(description="Number of the order.")
    region: str = pa.Field(description="Where it goes.")
    items: float = pa.Field(nullable=True, description="Things in it.")
    shop: str = pa.Field(nullable=True, description="Where it is from.")
    stock: int = pa.Field(description="Things that are left.")


class Regions(Contract):
    """What is known of a region."""

    region: str = pa.Field(description="The region.")
    at: pd.DatetimeTZDtype = pa.Field(description="When.", dtype_kwargs=UTC)
    distance: float = pa.Field(description="How far it is.")
    opened_at: pd.DatetimeTZDtype = pa.Field(description="Since when.", dtype_kwargs=UTC)

    class Config:
        """With a key."""

        unique: ClassVar = ["region", "at"]


class Prices(Regions):
    """Another table with the distance of a region."""


class Shops(Contract):
    """Entities that a request may not have, and a column of another type."""

    shop: str = pa.Field(description="The shop.")
    rating: float = pa.Field(description="How good it is.")

    class Config:
        """With a key."""

        unique: ClassVar = ["shop"]


class Orders(Contract):
    """Entities that a request has with another type."""

    order: str = pa.Field(description="The order.")

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


class Stocks(Contract):
    """A column that a request has with another type."""

    region: str = pa.Field(description="The region.")
    stock: float = pa.Field(description="Things that are left.")

    class Config:
        """With a key."""

        unique: ClassVar = ["region"]


class Markets(Contract):
    """Entities that a request lacks."""

    market: str = pa.Field(description="The market.")

    class Config:
        """With a key."""

        unique: ClassVar = ["market"]


def cost(
    *,
    items: pd.Series,
    distance: pd.Series,
    asked_at: pd.Series,
    opened_at: pd.Series,
    price: float,
) -> Mapping[str, pd.Series]:
    """Computes two features."""
    return {
        "cost": items * distance * price,
        "days_open": (asked_at - opened_at).dt.days,
        "other": items,
    }


def of_positive(*, items: pd.Series, price: Annotated[float, Field(gt=0)] = 2.0) -> Any:
    """Its parameter has a default and a bound."""
    return pd.DataFrame({"cost": items * price, "days_open": items})


def of_unknown(*, itms: pd.Series) -> Any: ...


def of_lookup(*, items: pd.Series) -> Any:
    """Computes what is looked up."""
    return {"cost": items, "days_open": items, "distance": items}


def of_some_rows(*, items: pd.Series) -> Any:
    """Fails without rows."""
    return {"cost": items + items.iloc[0]}


TABLE = """
type: ml_assets.components.FeatureTable
attributes:
  key: shop/{name}
  function: ml_assets_tests.components.shop.orders
  contract: {where}.{contract}
  owners: ["team:shop"]
  days: {{first: "2024-01-01", last: "2024-02-29"}}
  inputs: {{raw: {{asset: shop/raw}}}}
  online: {{entity: [{entity}], ttl: 1d{time}}}
---"""
MODEL = """
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: parcels
  owners: ["team:shop"]
  features: shop/features
  days: {first: "2024-01-01", last: "2024-02-29"}
  join_keys: [order]
  segments: [region]
  labels: {asset: shop/weights, column: weight}
  contracts: {training_dataset: ml_assets_tests.components.shop.Orders}
  predicted_at: asked_at
  estimator:
    task: regression
    path: sklearn.ensemble.HistGradientBoostingRegressor
    numeric: [items, distance, cost, days_open]
    categorical: [region]
    hyperparameters: {random_state: 0}
"""
ALL = {"region", "items", "distance", "cost", "days_open"}
TIMED = ", event_time: at"
TABLES = [
    ("regions", "Regions", "region", TIMED),
    ("prices", "Prices", "region", TIMED),
    ("shops", "Shops", "shop", ""),
    ("orders", "Orders", "order", ""),
    ("stocks", "Stocks", "region", ""),
    ("markets", "Markets", "market", ""),
]
SERVING = {
    "request": f"{HERE}.Parcel",
    "lookups": ["shop/regions"],
    "function": f"{HERE}.cost",
    "parameters": {"price": 3.0},
}


def document(folder: Path, **changes: Any) -> tuple[dict[str, Any], Path]:
    """Attributes of the model with changes of ``serving``, and the file with its tables."""
    file = folder / "defs.yaml"
    texts = [
        TABLE.format(name=name, where=HERE, contract=contract, entity=entity, time=time)
        for name, contract, entity, time in TABLES
    ]
    file.write_text("".join([*texts, MODEL]), "utf-8")
    *_, model = yaml.safe_load_all(file.read_text("utf-8"))
    serving = {key: value for key, value in {**SERVING, **changes}.items() if value is not None}
    return {**model["attributes"], "serving": serving}, file


def test_each_feature_has_its_place(tmp_path: Path) -> None:
    attributes, file = document(tmp_path)

    found = request_features(pipeline_of(attributes, file, PipelineConfiguration), file)

    assert [table.table for table in found.lookups] == ["shop/regions"]
    assert {*found.features} == ALL
    assert found.computation is not None
    assert {name: str(kind) for name, kind in found.computation.columns.items()} == {
        "items": "float64",
        "distance": "float64",
        "asked_at": "datetime64[us, UTC]",
        "opened_at": "datetime64[us, UTC]",
    }
    assert found.computation.time == "asked_at"
    assert {*found.computation.features} == {"cost", "days_open"}


def test_without_a_contract_requests_contain_all_features(tmp_path: Path) -> None:
    attributes, file = document(
        tmp_path, request=None, lookups=None, function=None, parameters=None
    )

    found = request_features(pipeline_of(attributes, file, PipelineConfiguration), file)

    assert (found.lookups, found.computation) == ((), None)
    assert {*found.features} == ALL


def test_a_function_may_return_a_frame_and_have_defaults(tmp_path: Path) -> None:
    changes = {"function": f"{HERE}.of_positive", "parameters": None}
    attributes, file = document(tmp_path, **changes)

    found = request_features(pipeline_of(attributes, file, PipelineConfiguration), file)

    assert found.computation is not None
    assert {*found.computation.features} == {"cost", "days_open"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"lookups": ["shop/region"]}, "Did you mean 'shop/regions'?", id="unknown lookup"
        ),
        pytest.param(
            {"lookups": ["shop/regions", "shop/markets"]},
            "shop/markets is looked up by market, which Parcel lacks",
            id="entity not requested",
        ),
        pytest.param(
            {"lookups": ["shop/regions", "shop/orders"]},
            "order of Parcel is of type int64, expected string as in shop/orders, never null",
            id="entity of another type",
        ),
        pytest.param(
            {"lookups": ["shop/regions", "shop/shops"]},
            "shop of Parcel is of type string and may be null, expected string as in shop/shops",
            id="entity that may be null",
        ),
        pytest.param(
            {"lookups": ["shop/regions", "shop/stocks"]},
            "stock of Parcel is of type int64, expected float64 as in shop/stocks.",
            id="column of another type",
        ),
        pytest.param(
            {"lookups": ["shop/regions", "shop/prices"]},
            "is a column of shop/regions and of shop/prices",
            id="column of two lookups",
        ),
        pytest.param(
            {"function": f"{HERE}.of_lookup", "parameters": None},
            "distance is looked up, and",
            id="column of a lookup and the function",
        ),
        pytest.param(
            {"function": None, "parameters": None},
            "does not say where cost, days_open comes from",
            id="feature from nowhere",
        ),
        pytest.param(
            {"lookups": []}, "takes 'distance', which is no column of Parcel", id="unknown argument"
        ),
        pytest.param(
            {"function": f"{HERE}.of_unknown", "parameters": None},
            "Did you mean 'items'?",
            id="misspelled argument",
        ),
        pytest.param(
            {"parameters": {"price": "high"}}, "'price' is 'high'", id="parameter of another type"
        ),
        pytest.param(
            {"parameters": {"price": 1.0, "discount": 2}}, "discount", id="unknown parameter"
        ),
        pytest.param({"parameters": None}, "takes 'price'", id="missing parameter"),
        pytest.param(
            {"function": f"{HERE}.of_positive", "parameters": {"price": -1.0}},
            "'price' is -1.0",
            id="parameter out of bounds",
        ),
        pytest.param(
            {"function": f"{HERE}.of_some_rows", "parameters": None},
            "fails for columns without values (IndexError",
            id="function that needs rows",
        ),
        pytest.param(
            {"request": f"{HERE}.Regions"}, "Regions lacks order", id="request without the key"
        ),
        pytest.param({"request": f"{HERE}.SERVING"}, "is not a contract", id="no contract"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    attributes, file = document(tmp_path, **changes)
    config = pipeline_of(attributes, file, PipelineConfiguration)

    with pytest.raises(ConfigurationError) as refused:
        request_features(config, file)

    assert message in str(refused.value)


def test_it_is_refused_when_definitions_load() -> None:
    file = ROOT / "ml_assets" / "defs" / "flight_delays" / "defs.yaml"
    documents = yaml.safe_load_all(file.read_text("utf-8"))
    [attributes] = [each["attributes"] for each in documents if each["type"].endswith("Pipeline")]
    attributes["serving"]["lookups"].remove("flight_delays/route_rates")
    template = ModelPipeline.of(attributes, file)

    found = template.build_defs(SimpleNamespace(path=file.parent))  # type: ignore[arg-type]

    [problem] = broken_assets(found.resolve_asset_graph()).values()
    assert "does not say where route_late_rate_7d comes from" in problem
