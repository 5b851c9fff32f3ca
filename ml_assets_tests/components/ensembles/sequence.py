"""Three models in sequence from YAML alone: weight, from it whether an order is heavy, from both damage.

The ensemble ``damage`` answers with all three, and rules say what becomes of its predictions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import yaml

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets_tests.components.shop import definitions, raw_table

ALL_DAYS = "2024-01-01...2024-02-29"
WEIGHT, HEAVY, BROKEN, DAMAGE = "2024-01-21", "2024-02-06", "2024-02-16", "2024-02-20"
"""As-of days of the three models and of the ensemble."""
SCORED = "2024-02-22"
WHERE = __name__

TABLES = f"""
type: ml_assets.components.Defaults
attributes:
  owners: ["team:shop"]
  days: {{first: "2024-01-01", last: "2024-02-29"}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/parcels
  function: ml_assets_tests.components.ensembles.couriers.parcels
  contract: ml_assets_tests.components.ensembles.couriers.Parcels
  inputs: {{raw: {{asset: shop/raw}}}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/weights
  function: ml_assets_tests.components.shop.weights
  contract: ml_assets_tests.components.shop.Weights
  inputs: {{raw: {{asset: shop/raw}}}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/heaviness
  function: ml_assets_tests.components.ensembles.couriers.heaviness
  contract: ml_assets_tests.components.ensembles.couriers.Heaviness
  inputs: {{raw: {{asset: shop/raw}}}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/damages
  function: {WHERE}.damages
  contract: {WHERE}.Damages
  inputs: {{raw: {{asset: shop/raw}}}}
"""

MODELS = """
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: weight
  features: shop/parcels
  labels: {asset: shop/weights, column: weight}
  validation_window: 1d
  test_window: 7d
  estimator:
    task: regression
    path: sklearn.linear_model.Ridge
    hyperparameters: {random_state: 0}
    numeric: [items]
    categorical: [region]
  release: {rule: non_inferior, margin: 0.5}
  registry: false
---
type: ml_assets.components.ChainedFeatures
attributes:
  key: heavy/parcels
  features: shop/parcels
  predictions:
    expected_weight: {pipeline: weight}
---
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: heavy
  features: heavy/parcels
  labels: {asset: shop/heaviness, column: is_heavy}
  validation_window: 1d
  test_window: 7d
  estimator:
    task: classification
    path: sklearn.ensemble.HistGradientBoostingClassifier
    hyperparameters: {random_state: 0, max_iter: 20}
    numeric: [expected_weight]
    categorical: [region]
  release: {rule: non_inferior, margin: 0.05}
  registry: false
---
type: ml_assets.components.ChainedFeatures
attributes:
  key: broken/parcels
  features: heavy/parcels
  predictions:
    heavy: {pipeline: heavy}
---
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: broken
  features: broken/parcels
  labels: {asset: shop/damages, column: is_damaged}
  validation_window: 1d
  test_window: 7d
  estimator:
    task: classification
    path: sklearn.ensemble.HistGradientBoostingClassifier
    hyperparameters: {random_state: 0, max_iter: 20}
    numeric: [expected_weight, heavy, hour]
  release: {rule: non_inferior, margin: 0.05}
  registry: false
"""

ENSEMBLED = """
type: ml_assets.components.Ensemble
attributes:
  pipeline: damage
  features: shop/parcels
  labels: {asset: shop/damages, column: is_damaged}
  validation_window: 1d
  test_window: 7d
  segments: [region]
  ensemble:
    members:
      weight: {pipeline: weight}
      heavy: {pipeline: heavy}
      broken: {pipeline: broken}
    combine:
      chain:
        links:
          - {member: weight, gives: expected_weight}
          - {member: heavy, gives: heavy}
        answer: broken
    rules:
      - name: single_item
        when: {items: {at_most: 1}}
        override: 0.0
        reason: One thing is never damaged.
      - name: high_risk
        when: {score: {at_least: 0.8}}
        person: true
        reason: Someone packs it again.
    limits: {at_least: 0.0, at_most: 1.0}
  release: {rule: non_inferior, margin: 0.05}
  registry: false
"""


class Damages(Contract):
    """Which orders were damaged."""

    order: int = pa.Field(description="Number of the order.", metadata={"from": ["raw.order"]})
    is_damaged: int = pa.Field(
        isin=[0, 1],
        description="It arrived damaged.",
        metadata={"from": ["raw.weight", "raw.hour"]},
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When it arrived.",
        dtype_kwargs={"unit": "us", "tz": "UTC"},
        metadata={"from": ["raw.known_at"]},
    )

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


def damages(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """Label function: heavy orders of the afternoon are damaged."""
    rows = raw.loc[raw[DAY].isin(days), [DAY, "order", "weight", "hour", "known_at"]]
    is_damaged = (rows["weight"] > 25) & (rows["hour"] >= 12)
    kept = rows.drop(columns=["weight", "hour"])
    return kept.assign(is_damaged=is_damaged.astype("int64"))


def text(document: dict[str, Any] | None = None) -> str:
    """The ``defs.yaml``, with other keys of the ensemble's document."""
    found = yaml.safe_load(ENSEMBLED)
    found["attributes"] |= document or {}
    own = yaml.safe_dump(found, sort_keys=False)
    return "---".join([TABLES, MODELS, f"\n{own}"])


def sequence_definitions(folder: Path, document: dict[str, Any] | None = None) -> dg.Definitions:
    """The definitions of the three models, the ensemble and their data."""
    return definitions(folder / "defs" / "shop", text(document), raw_table())
