"""The smallest pipeline: features, label and estimator are configured, everything else is default."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_assets.release.decision import parse_findings
from ml_assets_tests.components.shop import TABLES, definitions, raw_table
from ml_assets_tests.prepared import new_home, opened, tick
from ml_assets_tests.project import Project

AS_OF = "2024-02-20"
SCORED = "2024-02-20...2024-02-27"

MINIMAL = (
    TABLES
    + """---
type: ml_assets.components.ModelPipeline
attributes:
  pipeline: shop
  features: shop/orders
  labels: {asset: shop/weights, column: weight}
  estimator:
    task: regression
    path: sklearn.ensemble.HistGradientBoostingRegressor
    numeric: [items, hour]
    categorical: [region]
    hyperparameters: {random_state: 0}
"""
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Project]:
    """A project that has this pipeline alone, with its features of sixty days."""
    new_home(tmp_path)
    with opened(tmp_path, definitions(tmp_path / "defs", MINIMAL, raw_table())) as project:
        done = project.materialize(
            'key:"shop/raw" or group:shop__features', "2024-01-01...2024-02-29"
        )
        assert done.succeeded, done.failed_steps
        yield project


def test_minimal_pipeline_runs_from_features_to_retraining_decision(shop: Project) -> None:
    trained = shop.materialize("group:shop__training or group:shop__release", AS_OF)
    assert trained.succeeded, trained.failed_steps
    scored = shop.materialize("group:shop__predictions or group:shop__monitoring", SCORED)
    assert scored.succeeded, scored.failed_steps

    [decision] = shop.lake.read("shop/release_decision", [AS_OF]).to_dict("records")
    found = parse_findings(decision["findings"])
    assert decision["verdict"] == "passed", decision["reason"]
    assert found["groups_are_close"].reason == (
        "no sensitive feature is configured, so fairness was not judged"
    )
    logged = [log.user_message for log in shop.instance.all_logs(trained.run_id)]
    assert f"shop/release_decision {AS_OF}: passed: {decision['reason']}" in logged
    assert len(shop.lake.read("shop/champion", [AS_OF])) == 1
    assert len(shop.lake.read("shop/predictions")) == 8 * 60
    labels = shop.lake.read("shop/labels")
    assert (labels["prediction"] - labels["label"]).abs().mean() < 5
    assert set(shop.lake.read("shop/performance")["metric"]) >= {"mae"}
    assert set(shop.lake.read("shop/retraining_decision")["verdict"]) == {"keep"}
    assert all(result.state != "failed" for result in shop.check("group:shop__release", AS_OF))


def test_its_sensors_request_the_first_model_and_new_days(shop: Project) -> None:
    assert "waits" in tick(shop, "shop__days").reason or tick(shop, "shop__days").requests
    assert "No retraining decision has been made yet" in tick(shop, "shop__retraining").reason
