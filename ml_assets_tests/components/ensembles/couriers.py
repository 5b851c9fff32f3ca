"""An ensemble from YAML alone: which orders of a shop are heavy, by three models of the same orders."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import pytest
import yaml

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets_tests.components.shop import Orders, definitions, raw_table
from ml_assets_tests.prepared import build_once, new_home, opened

FIRST, MEMBERS, ENSEMBLE, LAST = "2024-01-01", "2024-02-20", "2024-02-21", "2024-02-29"
"""First day, as-of days of the members' champions and of the ensemble, last day."""
SCORED = "2024-02-22"

WHERE = __name__
TABLES = """
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
  key: shop/heaviness
  function: {where}.heaviness
  contract: {where}.Heaviness
  owners: ["team:shop"]
  days: {{first: "2024-01-01", last: "2024-02-29"}}
  inputs: {{raw: {{asset: shop/raw}}}}
"""
MODEL = """
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: {pipeline}
  features: shop/parcels
  labels: {{asset: shop/heaviness, column: is_heavy}}
  segments: [region]
  estimator:
    task: classification
    path: {path}
    numeric: [{numeric}]
    categorical: [region]
    hyperparameters: {hyperparameters}
  release: {{rule: non_inferior, margin: 0.05}}
  registry: false
"""
ENSEMBLED = """
type: ml_assets.components.Ensemble
attributes:
  pipeline: couriers
  features: shop/parcels
  labels: {asset: shop/heaviness, column: is_heavy}
  segments: [region]
  ensemble:
    members:
      boosting: {pipeline: boosting}
      forest: {pipeline: forest}
      linear: {pipeline: linear}
    routes:
      - name: hour_unknown
        when: {hour: {is: missing}}
        members: [forest, linear]
    combine:
      average: {boosting: 2, forest: 1, linear: 1}
    rules:
      - name: two_couriers
        when: {score: {at_least: 0.9}, region: {in: [south]}}
        person: true
        reason: Someone decides whether two couriers are needed.
      - name: single_item
        when: {items: {at_most: 1}}
        override: 0.0
        reason: One thing is never heavy.
  release: {rule: non_inferior, margin: 0.05}
  registry: false
"""
ESTIMATORS = {
    "boosting": ("HistGradientBoostingClassifier", "{random_state: 0, max_iter: 30}"),
    "forest": (
        "RandomForestClassifier",
        "{random_state: 0, n_estimators: 20, min_samples_leaf: 5}",
    ),
    "linear": ("LogisticRegression", "{random_state: 0}"),
}


class Parcels(Orders):
    """Orders whose hour may be unknown."""

    region: str = pa.Field(
        isin=["north", "south"], description="Where it goes.", metadata={"from": ["raw.region"]}
    )
    hour: float = pa.Field(
        nullable=True,
        ge=0,
        le=23,
        description="Hour of the order.",
        metadata={"unit": "h", "from": ["raw.hour"]},
    )

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


class Heaviness(Contract):
    """Which orders are heavy."""

    order: int = pa.Field(description="Number of the order.", metadata={"from": ["raw.order"]})
    is_heavy: int = pa.Field(
        isin=[0, 1], description="Weighs more than 25 kg.", metadata={"from": ["raw.weight"]}
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When it was weighed.",
        dtype_kwargs={"unit": "us", "tz": "UTC"},
        metadata={"from": ["raw.known_at"]},
    )

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


def parcels(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """Feature function; of every seventh order the hour is unknown."""
    rows = raw.loc[raw[DAY].isin(days), [DAY, "order", "region", "items", "hour"]]
    return rows.assign(hour=rows["hour"].where(rows["order"] % 7 > 0).astype(float))


def heaviness(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """Label function."""
    rows = raw.loc[raw[DAY].isin(days), [DAY, "order", "weight", "known_at"]]
    return rows.assign(is_heavy=(rows["weight"] > 25).astype("int64")).drop(columns="weight")


def text(
    document: Mapping[str, Any] | None = None,
    *,
    without: Collection[str] = (),
    numeric: str = "items, hour",
    **ensemble: Any,
) -> str:
    """The ``defs.yaml``.

    Args:
        document: other keys of the ensemble's document.
        without: models that it does not have.
        numeric: numeric features of the models.
        ensemble: other keys of the section ``ensemble``.
    """
    found = yaml.safe_load(ENSEMBLED)
    found["attributes"] |= document or {}
    found["attributes"]["ensemble"] |= ensemble
    members = [
        MODEL.format(
            pipeline=name,
            path=f"sklearn.{_module(kind)}.{kind}",
            hyperparameters=hyperparameters,
            numeric=numeric,
        )
        for name, (kind, hyperparameters) in ESTIMATORS.items()
        if name not in without
    ]
    own = yaml.safe_dump(found, sort_keys=False)
    return "---".join([TABLES.format(where=WHERE), *members, f"\n{own}"])


def _module(kind: str) -> str:
    return "linear_model" if kind == "LogisticRegression" else "ensemble"


def courier_definitions(
    folder: Path, document: Mapping[str, Any] | None = None, **ensemble: Any
) -> dg.Definitions:
    """The definitions of the ensemble, its members and their data, see ``text``."""
    return definitions(folder / "defs", text(document, **ensemble), raw_table())


def members_home(factory: pytest.TempPathFactory) -> Path:
    """A project with the features and the members' champions; shared, do not change it."""
    return build_once(factory, "courier_members", _build_members)


def _build_members(home: Path) -> None:
    new_home(home)
    made = " or ".join(f"group:{name}__training or group:{name}__release" for name in ESTIMATORS)
    with opened(home, courier_definitions(home)) as project:
        for selection, days in (
            ('key:"shop/raw" or group:shop__features', f"{FIRST}...{LAST}"),
            (made, MEMBERS),
        ):
            outcome = project.materialize(selection, days)
            assert outcome.succeeded, outcome.failed_steps
