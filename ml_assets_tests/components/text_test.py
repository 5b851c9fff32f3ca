"""Free text from a source table to the release decision, to monitoring and to a reproduction."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import sqlalchemy as sa
from mlflow import MlflowClient
from sklearn.metrics import roc_auc_score

from ml_assets.configuration import documents
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, computed
from ml_assets.learning.dataset import SPLIT
from ml_assets.lineage.pipelines import pipeline
from ml_assets.lineage.recorded import model_of_version
from ml_assets.lineage.reproduction.reproduce import ReproductionVerdict, reproduce
from ml_assets.release.decision import parse_findings
from ml_assets_tests.components.shop import UTC, definitions, rows
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

pytestmark = pytest.mark.slow

AS_OF = "2024-02-20"
ALL_DAYS, SCORED = "2024-01-01...2024-02-29", "2024-02-20...2024-02-27"

PIPELINE = """
type: ml_assets.components.Defaults
attributes:
  owners: ["team:shop"]
  days: {first: "2024-01-01", last: "2024-02-29"}
---
type: ml_assets.components.SourceTable
attributes:
  key: shop/raw
  table: orders
  contract: ml_assets_tests.components.text_test.Raw
  time_column: at
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/orders
  function: ml_assets_tests.components.text_test.orders
  contract: ml_assets_tests.components.text_test.Orders
  inputs: {raw: {asset: shop/raw}}
---
type: ml_assets.components.ModelPipeline
attributes:
  features: shop/orders
  labels: {asset: shop/raw, column: is_returned}
  estimator:
    task: classification
    path: sklearn.ensemble.HistGradientBoostingClassifier
    hyperparameters: {random_state: 0, max_iter: 30, early_stopping: false}
  staging: {latency_ms: 1000}
"""


class Raw(Contract):
    """Orders, as the source has them."""

    at: pd.DatetimeTZDtype = pa.Field(description="Time of the order.", dtype_kwargs=UTC)
    order: int = pa.Field(description="Number of the order.")
    region: str = pa.Field(description="Where it goes.")
    items: float = pa.Field(ge=0, description="Things in it.")
    remark: str = pa.Field(description="What the customer wrote.", nullable=True)
    is_returned: int = pa.Field(description="Whether it came back.", isin=[0, 1])

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


class Orders(Contract):
    """Orders with what the customer wrote."""

    order: int = computed("Number of the order.", ["raw.order"])
    region: str = computed("Where it goes.", ["raw.region"])
    items: float = computed("Things in it.", ["raw.items"], ge=0)
    remark: str = computed(
        "What the customer wrote.", ["raw.remark"], role="text", group="structural", nullable=True
    )

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


def orders(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """Feature function."""
    return raw.loc[raw[DAY].isin(days), [DAY, "order", "region", "items", "remark"]]


def source_rows() -> pd.DataFrame:
    """Orders that come back if the customer was not sure; nothing else tells it."""
    found, random = rows(), np.random.default_rng(1)
    words = [f"word{number}" for number in range(200)]
    is_returned = random.random(len(found)) < 0.4
    remarks = [
        " ".join([*random.choice(words, 4), *(["unsure"] if back else [])]) for back in is_returned
    ]
    at = (found["known_at"] + pd.to_timedelta(found["hour"], unit="h")).dt.tz_localize(None)
    return found[["order", "region", "items"]].assign(
        at=at,
        remark=pd.Series(remarks, dtype="str").mask(random.random(len(found)) < 0.03),
        is_returned=is_returned.astype(int),
    )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with this pipeline alone, its source database and its features of sixty days."""
    new_home(tmp_path)
    monkeypatch.setattr(documents, "DEFS", tmp_path / "defs")
    documents.read_anew()
    source = sa.create_engine(f"sqlite:///{tmp_path / 'data' / 'source.db'}")
    source_rows().to_sql("orders", source, index=False)
    source.dispose()
    with opened(tmp_path, definitions(tmp_path / "defs" / "shop", PIPELINE)) as project:
        done = project.materialize('key:"shop/raw" or group:shop__features', ALL_DAYS)
        assert done.succeeded, done.failed_steps
        yield project
    documents.read_anew()


def test_text_goes_from_the_source_to_decision_monitoring_and_reproduction(shop: Project) -> None:
    trained = shop.materialize("group:shop__training or group:shop__release", AS_OF)
    assert trained.succeeded, trained.failed_steps
    scored = shop.materialize("group:shop__predictions or group:shop__monitoring", SCORED)
    assert scored.succeeded, scored.failed_steps

    _model_of_text_is_released(shop)
    labels = shop.lake.read("shop/labels")
    assert len(labels) == 8 * 60
    assert roc_auc_score(labels["label"], labels["prediction"]) > 0.9
    _drift_of_its_length_is_reported(shop)

    of = pipeline("shop")
    reproduced = reproduce(shop.lake, of, model_of_version(shop.lake, of, 1))
    assert reproduced.verdict is ReproductionVerdict.IDENTICAL, reproduced.reason


def _model_of_text_is_released(shop: Project) -> None:
    [decision] = shop.lake.read("shop/release_decision", [AS_OF]).to_dict("records")
    assert decision["verdict"] == "passed", decision["reason"]
    assert parse_findings(decision["findings"])["beats_champion"].passed
    tests = shop.lake.read("shop/integration_tests", [AS_OF])
    assert tests["passed"].all(), tests["finding"].tolist()
    [card] = shop.lake.read("shop/model_card", [AS_OF])["markdown"]
    assert "What the customer wrote." in card
    client = MlflowClient(tracking_uri=f"sqlite:///{shop.data / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("shop")
    assert experiment
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.params["text"] == "remark"


def _drift_of_its_length_is_reported(shop: Project) -> None:
    reference = shop.lake.read("shop/feature_reference", [AS_OF]).set_index("feature")
    dataset = shop.lake.read("shop/training_dataset", [AS_OF])
    remarks = dataset.loc[dataset[SPLIT] == "train", "remark"]
    lengths = remarks.str.len().dropna().unique()
    assert reference.loc["remark", "kind"] == "text"
    assert json.loads(reference.loc["remark", "edges"]) == sorted(lengths)
    assert reference.loc["remark", "missing"] == remarks.isna().sum() > 0

    report = shop.lake.read("shop/drift_report", ["2024-02-27"]).set_index("feature")
    assert report.loc["remark", "measure"] == "ks"
    assert report.loc["remark", "group"] == "structural"
    assert report.loc["remark", "is_judged"]
    assert not report.loc["remark", "drifted"]
