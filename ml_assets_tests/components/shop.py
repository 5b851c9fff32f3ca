"""Orders of a shop and their weights: plain Dagster assets to test templates with."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import dagster as dg
import numpy as np
import pandas as pd
import pandera.pandas as pa
import yaml

from ml_assets import components
from ml_assets.components.configured import Configured
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.orchestration.assets.table_io import CONTRACT_KEY
from ml_assets.orchestration.resources import resources

FIRST, LAST = date(2024, 1, 1), date(2024, 2, 29)
DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-03-01")
AS_OFS = dg.DailyPartitionsDefinition("2024-02-06", end_date="2024-03-02")
ORDERS_PER_DAY = 60
REGIONS = ("north", "south")
UTC = {"unit": "us", "tz": "UTC"}
WHERE = __name__


TABLES = """
type: ml_assets.components.FeatureTable
attributes:
  key: shop/orders
  function: ml_assets_tests.components.shop.orders
  contract: ml_assets_tests.components.shop.Orders
  description: One row per order.
  owners: ["team:shop"]
  days: {first: "2024-01-01", last: "2024-02-29"}
  inputs: {raw: {asset: shop/raw}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/weights
  function: ml_assets_tests.components.shop.weights
  contract: ml_assets_tests.components.shop.Weights
  description: What each order weighs.
  owners: ["team:shop"]
  days: {first: "2024-01-01", last: "2024-02-29"}
  inputs: {raw: {asset: shop/raw}}
"""
"""Documents of the feature table and the label table, both made from ``shop/raw``."""


class Orders(Contract):
    """Orders, as they came."""

    order: int = pa.Field(description="Number of the order.", metadata={"from": ["raw.order"]})
    region: str = pa.Field(description="Where it goes.", metadata={"from": ["raw.region"]})
    items: float = pa.Field(ge=0, description="Things in it.", metadata={"from": ["raw.items"]})
    hour: int = pa.Field(
        description="Hour of the order.", metadata={"unit": "h", "from": ["raw.hour"]}
    )

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


class Weights(Contract):
    """Weights of orders."""

    order: int = pa.Field(description="Number of the order.", metadata={"from": ["raw.order"]})
    weight: float = pa.Field(description="Weight.", metadata={"unit": "kg", "from": ["raw.weight"]})
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When it was weighed.", dtype_kwargs=UTC, metadata={"from": ["raw.known_at"]}
    )

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


def rows(last: date = LAST) -> pd.DataFrame:
    """Orders of all days; what they weigh follows from items and region, and is known at once."""
    random = np.random.default_rng(0)
    days = [FIRST + timedelta(days=n) for n in range((last - FIRST).days + 1)]
    count = len(days) * ORDERS_PER_DAY
    items = random.integers(1, 20, count).astype(float)
    region = random.choice(REGIONS, count)
    weight = items * np.where(region == "north", 2.0, 3.0) + random.normal(0, 1.0, count)
    day = np.repeat([day.isoformat() for day in days], ORDERS_PER_DAY)
    return pd.DataFrame(
        {
            DAY: pd.Series(day, dtype="str"),
            "order": np.arange(count),
            "region": pd.Series(region, dtype="str"),
            "items": items,
            "hour": random.integers(0, 24, count),
            "weight": weight,
            "known_at": pd.to_datetime(pd.Series(day), utc=True).dt.as_unit("us"),
        }
    )


def orders(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """Feature function of a ``FeatureTable``."""
    return raw.loc[raw[DAY].isin(days), [DAY, "order", "region", "items", "hour"]]


def weights(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """The same for the label."""
    return raw.loc[raw[DAY].isin(days), [DAY, "order", "weight", "known_at"]]


def plain(
    noun: str,
    compute: Callable[[list[str]], Any],
    days: dg.PartitionsDefinition = DAYS,
    contract: type[Contract] | None = None,
    io_manager_key: str = "io_manager",
) -> dg.AssetsDefinition:
    """A plain asset of the shop.

    Args:
        noun: second part of its key.
        compute: from the days of a run to what is stored.
        days: its days.
        contract: its contract, if it has one.
        io_manager_key: which IO manager stores it.
    """
    named = {CONTRACT_KEY: f"{WHERE}.{contract.__name__}"} if contract else {}

    @dg.asset(
        key=["shop", noun],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key=io_manager_key,
        code_version="1",
        metadata=named,
    )
    def asset(context: dg.AssetExecutionContext) -> Any:
        return compute(list(context.partition_keys))

    return asset


def raw_table() -> dg.AssetsDefinition:
    """All data about orders."""
    return plain("raw", lambda days: rows().loc[lambda found: found[DAY].isin(days)])


def feature_table() -> dg.AssetsDefinition:
    """The orders, without a ``FeatureTable``."""
    return plain("orders", lambda days: orders(days, raw=rows()), contract=Orders)


def label_table() -> dg.AssetsDefinition:
    """The weights, without a ``FeatureTable``."""
    return plain("weights", lambda days: weights(days, raw=rows()), contract=Weights)


def definitions(folder: Path, text: str, *assets: dg.AssetsDefinition) -> dg.Definitions:
    """The definitions of a ``defs.yaml`` and some plain assets.

    Args:
        folder: where the ``defs.yaml`` is written to.
        text: what it says.
        assets: the assets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "defs.yaml"
    file.write_text(text, "utf-8")
    parts = []
    for document in yaml.safe_load_all(text):
        template: type[Configured[Any]] = getattr(components, document["type"].rpartition(".")[2])
        component = template.of(document.get("attributes") or {}, file)
        parts.append(component.build_defs(SimpleNamespace(path=folder)))  # type: ignore[arg-type]
    return dg.Definitions.merge(*parts, dg.Definitions(assets=list(assets), resources=resources()))
