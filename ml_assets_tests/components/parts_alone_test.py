"""Each part of a model pipeline is usable alone, with plain Dagster assets as inputs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from ml_assets.cadence import Calendar
from ml_assets.content import DAY
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT, Windows, training_dataset
from ml_assets.learning.evaluation import EvaluationRules, evaluate
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import FittedModel, predict, train
from ml_assets.monitoring.drift import reference_profile
from ml_assets.release.champion import BY_GATES
from ml_assets.release.decision import PASSED
from ml_assets_tests.components.shop import (
    AS_OFS,
    definitions,
    feature_table,
    label_table,
    orders,
    plain,
    rows,
    weights,
)
from ml_assets_tests.prepared import new_home, opened, run, tick
from ml_assets_tests.project import Project

AS_OF = "2024-02-20"
TABLES = 'key:"shop/orders" or key:"shop/weights"'
ALL_DAYS = "2024-01-01...2024-02-29"
SCORED = "2024-02-20...2024-02-23"

SPECIFICATION = ModelSpecification(
    task="regression",
    estimator="sklearn.ensemble.HistGradientBoostingRegressor",
    label="weight",
    numeric=("items", "hour"),
    categorical=("region",),
    hyperparameters={"random_state": 0},
)

MODEL = """
type: ml_assets.components.{template}
attributes:
  pipeline: shop
  features: shop/orders
  labels: {{asset: shop/weights, column: weight}}
  estimator:
    task: regression
    path: sklearn.ensemble.HistGradientBoostingRegressor
    numeric: [items, hour]
    categorical: [region]
    hyperparameters: {{random_state: 0}}
  days: {{first: "2024-01-01", last: "2024-02-29"}}
  contracts:
    features: ml_assets_tests.components.shop.Orders
    outcomes: ml_assets_tests.components.shop.Weights
"""


@cache
def dataset() -> pd.DataFrame:
    """The training dataset of the as-of day."""
    return training_dataset(
        orders(rows()[DAY].unique(), raw=rows()),
        weights(rows()[DAY].unique(), raw=rows()),
        key=["order"],
        label="weight",
        known_at="known_at",
        as_of=AS_OF,
        calendar=Calendar(),
        windows=Windows(365, 7, 28),
        label_delay=timedelta(),
    )


@cache
def model() -> FittedModel:
    """The model of the as-of day."""
    return train(SPECIFICATION, dataset())


def evaluation() -> pd.DataFrame:
    """Its evaluation."""
    held_out = dataset().loc[lambda found: found[SPLIT] != "train"]
    predicted = predict(SPECIFICATION, model().pipeline, held_out)
    return evaluate(SPECIFICATION, held_out, predicted, [], EvaluationRules())


def reference() -> pd.DataFrame:
    """Distribution of its features."""
    fitted = dataset().loc[lambda found: found[SPLIT] == "train"]
    return reference_profile(fitted, ["items", "hour"], ["region"], 7, FEATURE_DAY)


def champion() -> pd.DataFrame:
    """A champion that passed its gates."""
    return pd.DataFrame(
        [
            {
                "fingerprint": model().fingerprint,
                "version": 0,
                "serves_from": AS_OF,
                "released_by": BY_GATES,
                "evidence": "evidence",
                "metric": "mae",
                "value": 1.0,
                "training_days": 15,
                "training_last": "2024-01-15",
                "replaces": "",
            }
        ]
    )


def decision() -> pd.DataFrame:
    """The decision that released it."""
    [row] = champion().to_dict("records")
    return pd.DataFrame(
        [
            {
                "verdict": PASSED,
                "challenger": row["fingerprint"],
                "evidence": row["evidence"],
                "metric": row["metric"],
                "challenger_value": row["value"],
                "training_days": row["training_days"],
                "training_last": row["training_last"],
                "champion_as_of": "",
            }
        ]
    )


def as_of(noun: str, compute: Callable[[], Any]) -> dg.AssetsDefinition:
    """A plain asset whose partitions are as-of days."""
    io_manager = "model_io_manager" if noun == "model" else "io_manager"
    return plain(noun, lambda _: compute(), AS_OFS, io_manager_key=io_manager)


AROUND: dict[str, Callable[[], Any]] = {
    "training_dataset": dataset,
    "model": model,
    "evaluation": evaluation,
    "feature_reference": reference,
    "champion": champion,
    "release_decision": decision,
}

Open = Callable[..., Project]


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Open]:
    """Opens a project with one part of a pipeline and plain assets around it, which are stored."""
    new_home(tmp_path)
    with ExitStack() as stack:

        def open_with(template: str, nouns: Sequence[str] = (), more: str = "") -> Project:
            text = MODEL.format(template=template) + more
            plain_assets = [as_of(noun, AROUND[noun]) for noun in nouns]
            found = definitions(
                tmp_path / "defs", text, feature_table(), label_table(), *plain_assets
            )
            project = stack.enter_context(opened(tmp_path, found))
            stored(project, TABLES, ALL_DAYS)
            for noun in nouns:
                stored(project, f'key:"shop/{noun}"', AS_OF)
            return project

        yield open_with


def stored(project: Project, selection: str, days: str) -> None:
    """Materialize assets; every step has to succeed."""
    done = project.materialize(selection, days)
    assert done.succeeded, done.failed_steps


def test_a_model_is_trained_without_a_release(open_shop: Open) -> None:
    shop = open_shop("TrainedModel")

    stored(shop, "group:shop__training", AS_OF)

    assert set(shop.lake.read("shop/training_dataset")[SPLIT]) == {"train", "validation", "test"}
    assert {"mae", "rmse", "r2"} <= set(shop.lake.read("shop/evaluation")["metric"])
    assert set(shop.lake.read("shop/feature_reference")["feature"]) == {"items", "hour", "region"}
    [fingerprint] = [entry.content_hash for entry in shop.entries("shop/model").values()]
    assert fingerprint == model().fingerprint


@pytest.mark.slow
def test_an_external_model_is_released(open_shop: Open) -> None:
    shop = open_shop("ModelRelease", ["training_dataset", "model", "evaluation"])

    stored(shop, "group:shop__release", AS_OF)

    [released] = shop.lake.read("shop/champion", [AS_OF]).to_dict("records")
    assert released["fingerprint"] == model().fingerprint
    assert released["released_by"] == BY_GATES
    [card] = shop.lake.read("shop/model_card", [AS_OF])["markdown"]
    assert "Nobody has written down what it is for" in card
    assert tick(shop, "shop__release").reason == "No release has a new approval or rejection."


def test_an_external_champion_predicts(open_shop: Open) -> None:
    shop = open_shop(
        "BatchPredictions", ["model", "champion", "release_decision"], "  registry: false\n"
    )

    stored(shop, "group:shop__predictions", SCORED)

    predictions = shop.lake.read("shop/predictions")
    assert len(predictions) == 4 * 60
    assert set(predictions["model_version"]) == {model().fingerprint}
    labels = shop.lake.read("shop/labels")
    assert (labels["prediction"] - labels["label"]).abs().mean() < 5
    assert "mae" in set(shop.lake.read("shop/performance")["metric"])


@pytest.mark.slow
def test_features_of_an_external_champion_are_monitored(open_shop: Open) -> None:
    shop = open_shop("Monitoring", ["model", "champion", "feature_reference"])

    stored(shop, "group:shop__monitoring", SCORED)

    assert set(shop.lake.read("shop/drift_report")["feature"]) == {"items", "hour", "region"}
    assert set(shop.lake.read("shop/retraining_decision")["verdict"]) == {"keep"}
    assert ": keep. " in tick(shop, "shop__retraining").reason
    for day in ("2024-02-24", "2024-02-25"):
        [asked] = tick(shop, "shop__days").requests
        assert {key.path[-1] for key in asked.asset_selection or []} == {
            "feature_profile",
            "drift_report",
            "performance_report",
            "likely_causes",
            "retraining_decision",
        }
        assert run(shop, asked).succeeded
        assert shop.lake.days_stored("shop/retraining_decision")[-1] == day
