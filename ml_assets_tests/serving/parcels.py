"""A pipeline that is served: weights of orders, with a lookup of the region and a computed feature."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import dagster as dg
import numpy as np
import pandas as pd
import pandera.pandas as pa
import yaml

from ml_assets.components import ModelPipeline
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.derived import column_from
from ml_assets.serving.served import ServedPipeline
from ml_assets_tests.components.shop import Orders, definitions, raw_table
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

FIRST, CHAMPION, NEXT, LAST = "2024-01-01", "2024-02-20", "2024-02-24", "2024-02-29"

WHERE = __name__
PIPELINE = """
type: ml_assets.components.FeatureTable
attributes:
  key: shop/parcels
  function: {where}.parcels
  contract: {where}.Parcels
  owners: ["team:shop"]
  days: {{first: "2024-01-01", last: "2024-02-29"}}
  inputs: {{raw: {{asset: shop/raw}}}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/region_state
  function: {where}.region_state
  contract: {where}.RegionState
  owners: ["team:shop"]
  days: {{first: "2024-01-01", last: "2024-02-29"}}
  inputs: {{raw: {{asset: shop/raw}}}}
  online: {{entity: [region], ttl: 2d}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/weights
  function: ml_assets_tests.components.shop.weights
  contract: ml_assets_tests.components.shop.Weights
  owners: ["team:shop"]
  days: {{first: "2024-01-01", last: "2024-02-29"}}
  inputs: {{raw: {{asset: shop/raw}}}}
---
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: shop
  features: shop/parcels
  labels: {{asset: shop/weights, column: weight}}
  join_keys: [order]
  estimator:
    task: regression
    path: sklearn.ensemble.HistGradientBoostingRegressor
    numeric: [items, hour, is_evening, usual_items]
    categorical: [region]
    hyperparameters: {{random_state: 0, max_iter: 20}}
  release: {{rule: non_inferior, margin: 0.2}}
  serving:
    request: {where}.ParcelRequest
    lookups: [shop/region_state]
    function: {where}.at_request
"""


class Parcels(Orders):
    """Orders with what is known of their region."""

    is_evening: int = pa.Field(description="Ordered after six.", metadata={"from": ["raw.hour"]})
    usual_items: float = pa.Field(
        nullable=True,
        ge=0,
        description="Mean number of things in an order of the region.",
        metadata={"from": ["raw.items", "raw.region"]},
    )

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


class RegionState(Contract):
    """What is known of a region at the end of a day."""

    region: str = column_from(Parcels, "region", ["raw.region"])[1]
    usual_items: float = column_from(Parcels, "usual_items", ["raw.items"])[1]

    class Config:
        """One row for each region."""

        unique: ClassVar = ["region"]


class ParcelRequest(Contract):
    """What a request says about an order."""

    order: int = pa.Field(ge=0, description="Number of the order.", metadata={"from": []})
    region: str = pa.Field(description="Where it goes.", metadata={"from": [], "example": "north"})
    items: float = pa.Field(ge=0, le=1000, description="Things in it.", metadata={"from": []})
    hour: int = pa.Field(ge=0, le=23, description="Hour of the order.", metadata={"from": []})


def at_request(hour: pd.Series) -> dict[str, pd.Series]:
    """Features that requests and training compute."""
    return {"is_evening": (hour >= 18).astype("int64")}


def parcels(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """Feature function of training."""
    rows = raw.loc[raw[DAY].isin(days), [DAY, "order", "region", "items", "hour"]]
    usual = rows.groupby([DAY, "region"])["items"].transform("mean")
    return rows.assign(**at_request(rows["hour"]), usual_items=usual)


def region_state(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """The state of each region."""
    rows = raw[raw[DAY].isin(days)]
    means = rows.groupby([DAY, "region"], as_index=False)["items"].mean()
    return means.rename(columns={"items": "usual_items"})


def text(**serving: object) -> str:
    """The ``defs.yaml``, with further keys of the section ``serving``."""
    *tables, pipeline = yaml.safe_load_all(PIPELINE.format(where=WHERE))
    pipeline["attributes"]["serving"] |= serving
    pipeline["attributes"]["registry"] = False
    return yaml.safe_dump_all([*tables, pipeline])


def parcel_definitions(folder: Path) -> dg.Definitions:
    """The definitions of the pipeline and its data."""
    return definitions(folder / "defs", text(), raw_table())


def served(folder: Path, **serving: object) -> ServedPipeline:
    """The pipeline as a service sees it.

    Args:
        folder: where its ``defs.yaml`` is written to.
        serving: further keys of its section ``serving``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "defs.yaml"
    file.write_text(text(**serving), "utf-8")
    attributes = list(yaml.safe_load_all(file.read_text("utf-8")))[-1]["attributes"]
    return ServedPipeline.of_configuration(ModelPipeline.read(attributes, file), file)


def build(home: Path) -> None:
    """A project with features, and a champion as of ``CHAMPION``."""
    new_home(home)
    with opened(home, parcel_definitions(home)) as project:
        release_first(project)


def release_first(project: Project) -> None:
    """Compute the features, and release the model as of ``CHAMPION``."""
    for selection, days in (
        ('key:"shop/raw" or group:shop__features', f"{FIRST}...{LAST}"),
        ("group:shop__training or group:shop__release", CHAMPION),
    ):
        done = project.materialize(selection, days)
        assert done.succeeded, done.failed_steps


def order(number: int = 1, **further: object) -> dict[str, object]:
    """A row of a request."""
    return {"order": number, "region": "north", "items": 4.0, "hour": 20, **further}


def same(first: float, second: float) -> bool:
    """Whether two numbers are equal in every bit."""
    return np.float64(first).tobytes() == np.float64(second).tobytes()
