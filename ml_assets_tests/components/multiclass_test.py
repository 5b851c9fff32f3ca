"""Several classes from a source table to the release decision and to monitoring."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import sqlalchemy as sa
from rich.console import Console
from sklearn.metrics import accuracy_score, log_loss

from ml_assets.commands.printing.lineage import print_prediction
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.trace import trace_prediction
from ml_assets.monitoring.performance import MEAN_PROBABILITY, PREDICTED_SHARE
from ml_assets.release.decision import parse_findings
from ml_assets_tests.components.shop import UTC, definitions, rows
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

AS_OF, NEXT_AS_OF = "2024-02-20", "2024-02-25"
ALL_DAYS, SCORED = "2024-01-01...2024-02-29", "2024-02-20...2024-02-27"
JUDGED = " or ".join(
    f'key:"shop/{noun}"'
    for noun in ("training_dataset", "model", "comparison", "fairness", "release_decision")
)
BOXES = ("small", "medium", "large")
"""The classes, in an order that is not that of the alphabet."""
UNKNOWN = {"2024-01-04": 2, "2024-02-21": 1}
"""Day → number of its orders that went in a box that is no class."""

PIPELINE = """
type: ml_assets.components.SourceTable
attributes:
  key: shop/raw
  table: orders
  contract: ml_assets_tests.components.multiclass_test.Raw
  description: Orders of the shop.
  owners: ["team:shop"]
  time_column: at
  days: {first: "2024-01-01", last: "2024-02-29"}
---
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
  key: shop/boxes
  function: ml_assets_tests.components.multiclass_test.boxes
  contract: ml_assets_tests.components.multiclass_test.Boxes
  description: The box of each order.
  owners: ["team:shop"]
  days: {first: "2024-01-01", last: "2024-02-29"}
  inputs: {raw: {asset: shop/raw}}
---
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: shop
  features: shop/orders
  labels: {asset: shop/boxes, column: box}
  segments: [region]
  estimator:
    task: multiclass
    classes: [small, medium, large]
    path: sklearn.ensemble.HistGradientBoostingClassifier
    numeric: [items, hour]
    categorical: [region]
    checkpoint_every: 4
    hyperparameters: {random_state: 0, max_iter: 8, learning_rate: 0.4, early_stopping: false}
  evaluation:
    metrics: [log_loss, accuracy, balanced_accuracy, macro_f1, auc_ovr, brier_multiclass]
    resamples: 200
  release: {sensitive_feature: region}
  staging: {latency_ms: 1000}
  monitoring: {policy: boxes}
"""

POLICY = """
name: boxes
evaluation_window: 3d
window_step: 1d
windows: 1
confirmations: 1
min_labels: 100
performance_drop: 0.2
calibration_error: 0.2
"""


class Raw(Contract):
    """Orders, as the source has them."""

    at: pd.DatetimeTZDtype = pa.Field(description="Time of the order.", dtype_kwargs=UTC)
    order: int = pa.Field(description="Number of the order.")
    region: str = pa.Field(description="Where it goes.")
    items: float = pa.Field(ge=0, description="Things in it.")
    hour: int = pa.Field(description="Hour of the order.", metadata={"unit": "h"})
    box: str = pa.Field(description="The box that it was sent in.")

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


class Boxes(Contract):
    """Boxes of orders."""

    order: int = pa.Field(description="Number of the order.", metadata={"from": ["raw.order"]})
    box: str = pa.Field(description="Its box.", metadata={"from": ["raw.box"]})
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When it was sent.", dtype_kwargs=UTC, metadata={"from": ["raw.at"]}
    )

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


def boxes(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """Feature function of the label."""
    return raw.loc[raw[DAY].isin(days), [DAY, "order", "box"]].assign(known_at=raw["at"])


def source_rows() -> pd.DataFrame:
    """Orders whose box follows from their weight; some went in a box that is no class."""
    found = rows()
    box = np.select([found["weight"] < 15, found["weight"] < 35], BOXES[:2], BOXES[2])
    for day, count in UNKNOWN.items():
        box[np.flatnonzero(found[DAY] == day)[:count]] = "crate"
    at = found["known_at"] + pd.to_timedelta(found["hour"], unit="h")
    return found[["order", "region", "items", "hour"]].assign(at=at.dt.tz_localize(None), box=box)


class ListedBoxes(Boxes):
    """Boxes whose contract lists them, with another one than the pipeline."""

    box: str = pa.Field(
        description="Its box.",
        isin=["small", "medium", "crate"],
        metadata={"from": ["raw.box"]},
    )


@pytest.mark.parametrize(
    ("text", "changed", "message"),
    [
        pytest.param(
            "[small, medium, large]",
            "[1, 2, 3]",
            "has numbers, and the label 'box' is of type string in its contract",
            id="numbers for texts",
        ),
        pytest.param(
            "multiclass_test.Boxes",
            "multiclass_test.ListedBoxes",
            "differ in crate, large: the contract allows small, medium, crate",
            id="classes that the contract does not list",
        ),
        pytest.param(
            "[log_loss, accuracy, balanced_accuracy, macro_f1, auc_ovr, brier_multiclass]",
            "[auc]",
            "which are not metrics of a multiclass. Expected some of log_loss",
            id="metric of another task",
        ),
        pytest.param(
            "resamples: 200",
            "flagged_share: 0.3",
            "'flagged_share' of 'evaluation' in defs.yaml has no effect",
            id="flagged rows of classes",
        ),
        pytest.param(
            "segments: [region]",
            "segments: [region, score]",
            "score of shop in defs.yaml is a column of the predictions",
            id="segment named like a column of the predictions",
        ),
        pytest.param(
            "HistGradientBoostingClassifier",
            "HistGradientBoostingRegressor",
            "HistGradientBoostingRegressor is for regression, but the task is multiclass",
            id="estimator of another task",
        ),
        pytest.param(
            "segments: [region]",
            "segments: [region]\n  contracts: "
            "{predictions: ml_assets_tests.components.model_pipeline.regression_test.OrderPredictions}",
            "OrderPredictions has no column score, probability_small",
            id="contract without probabilities",
        ),
    ],
)
def test_configuration_that_does_not_fit_the_classes_is_refused(
    tmp_path: Path, text: str, changed: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its assets are then broken, which the log says with the reason."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "boxes.yaml").write_text(POLICY, "utf-8")
    assert text in PIPELINE

    definitions(tmp_path, PIPELINE.replace(text, changed))

    assert "shop/broken_ModelPipeline is broken" in caplog.text
    assert message in caplog.text


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Project]:
    """A project with this pipeline alone, its source database and its features of sixty days."""
    new_home(tmp_path)
    policies = tmp_path / "defs" / "policies"
    policies.mkdir(parents=True)
    (policies / "boxes.yaml").write_text(POLICY, "utf-8")
    source = sa.create_engine(f"sqlite:///{tmp_path / 'data' / 'source.db'}")
    source_rows().to_sql("orders", source, index=False)
    source.dispose()
    with opened(tmp_path, definitions(tmp_path / "defs", PIPELINE)) as project:
        done = project.materialize('key:"shop/raw" or group:shop__features', ALL_DAYS)
        assert done.succeeded, done.failed_steps
        yield project


@pytest.mark.slow
def test_classes_go_from_the_source_to_decision_and_monitoring(shop: Project) -> None:
    trained = shop.materialize("group:shop__training or group:shop__release", AS_OF)
    assert trained.succeeded, trained.failed_steps
    scored = shop.materialize("group:shop__predictions or group:shop__monitoring", SCORED)
    assert scored.succeeded, scored.failed_steps

    dataset = shop.lake.read("shop/training_dataset", [AS_OF])
    assert set(dataset["box"]) == {*BOXES}
    assert len(dataset) == 50 * 60 - UNKNOWN["2024-01-04"]
    _decision_is_on_evidence(shop)
    _predictions_have_a_probability_for_each_class(shop)
    _monitoring_measures_classes(shop)
    assert all(result.state != "failed" for result in shop.check("group:shop__release", AS_OF))
    _its_lineage_is_known(shop)

    again = shop.materialize(JUDGED, NEXT_AS_OF)
    assert again.succeeded, again.failed_steps
    [decision] = shop.lake.read("shop/release_decision", [NEXT_AS_OF]).to_dict("records")
    found = parse_findings(decision["findings"])
    assert "of the champion" in found["beats_champion"].reason
    assert "of 2 judged segments" in found["no_segment_degraded"].reason


def _decision_is_on_evidence(shop: Project) -> None:
    [decision] = shop.lake.read("shop/release_decision", [AS_OF]).to_dict("records")
    found = parse_findings(decision["findings"])
    assert decision["verdict"] == "passed", decision["reason"]
    assert "a better brier_multiclass" in found["beats_champion"].reason
    assert "gaps between groups of region: accuracy of 2 groups" in found["groups_are_close"].reason
    tests = shop.lake.read("shop/integration_tests", [AS_OF])
    assert tests["passed"].all(), tests["finding"].tolist()
    [card] = shop.lake.read("shop/model_card", [AS_OF])["markdown"]
    assert "**Classes:** small, medium, large" in card
    assert len(shop.lake.read("shop/champion", [AS_OF])) == 1


def _predictions_have_a_probability_for_each_class(shop: Project) -> None:
    predictions = shop.lake.read("shop/predictions")
    probabilities = predictions[[f"probability_{name}" for name in BOXES]].to_numpy()
    assert len(predictions) == 8 * 60
    assert [name for name in predictions if name.startswith("probability_")] == [
        f"probability_{name}" for name in BOXES
    ]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert list(predictions["prediction"]) == list(np.take(BOXES, probabilities.argmax(axis=1)))
    np.testing.assert_array_equal(predictions["score"], probabilities.max(axis=1))


def _monitoring_measures_classes(shop: Project) -> None:
    labels = shop.lake.read("shop/labels")
    assert len(labels) == 8 * 60 - UNKNOWN["2024-02-21"]
    [rejected] = shop.dead_letters("shop/labels")
    assert "crate" in str(rejected)
    assert accuracy_score(labels["label"], labels["prediction"]) > 0.85

    performance = shop.lake.read("shop/performance")
    overall = performance[performance["segment_column"] == "all"]
    on_day = labels[labels["prediction_day"] == "2024-02-22"]
    of_day: dict[Any, float] = (
        overall[overall[DAY] == "2024-02-22"].set_index("metric")["value"].to_dict()
    )
    alphabetical = sorted(BOXES)
    assert of_day["log_loss"] == pytest.approx(
        log_loss(
            on_day["label"], on_day[[f"probability_{name}" for name in alphabetical]].to_numpy()
        )
    )
    assert sum(of_day[f"{PREDICTED_SHARE}_{name}"] for name in BOXES) == pytest.approx(1)
    assert sum(of_day[f"{MEAN_PROBABILITY}_{name}"] for name in BOXES) == pytest.approx(1)
    _drift_of_the_predicted_class_is_reported(shop)
    decisions = shop.lake.read("shop/retraining_decision")
    assert set(decisions["verdict"]) == {"keep"}
    [last] = decisions[decisions[DAY] == "2024-02-27"].to_dict("records")
    assert "log_loss" in last["reason"]
    assert "mean probability" in last["reason"]


def _drift_of_the_predicted_class_is_reported(shop: Project) -> None:
    """Its reference are the held-out days of the model, 35 of them."""
    reference = shop.lake.read("shop/feature_reference", [AS_OF]).set_index("feature")
    assert reference.loc["prediction", "rows"] == 35 * 60
    assert json.loads(reference.loc["prediction", "categories"]) == sorted(BOXES)

    profiles = shop.lake.read("shop/feature_profile", ["2024-02-22"]).set_index("feature")
    predicted = shop.lake.read("shop/predictions", ["2024-02-22"])["prediction"].value_counts()
    counts = json.loads(profiles.loc["prediction", "counts"])
    assert counts == [*(predicted[name] for name in sorted(BOXES)), 0]

    report = shop.lake.read("shop/drift_report", ["2024-02-27"]).set_index("feature")
    assert report.loc["prediction", "group"] == "prediction"
    assert report.loc["prediction", "is_judged"]
    assert not report.loc["prediction", "drifted"]


def _its_lineage_is_known(shop: Project) -> None:
    """A prediction is traced to its source."""
    tables = PipelineTables("shop", "shop/orders", "shop/boxes", "box", ("order",))
    first = shop.lake.read("shop/predictions", ["2024-02-22"]).iloc[0]
    printed = Console(file=io.StringIO(), width=200)

    print_prediction(trace_prediction(shop.lake, tables, first["prediction_id"]), printed)

    assert isinstance(printed.file, io.StringIO)
    assert f"prediction {first['prediction']}" in printed.file.getvalue()
