"""A pipeline of another shape, made from the template alone: a regression, other columns, other names.

Orders of a shop and what they weigh; a model is trained, judged, approved by nobody, staged, tested
and released, and one that is unfair to a region waits.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import dagster as dg
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.components.model_pipeline import ModelPipeline
from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.contract import Contract
from ml_assets.lake.store import Lake
from ml_assets.learning.contracts import Prediction
from ml_assets.ledger.entries import Entry, Status
from ml_assets.monitoring.contracts.performance import Label
from ml_assets.orchestration.resources import resources
from ml_assets.orchestration.runs.runs import project_instance
from ml_assets.registry.store import CHAMPION, STAGING
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.components.shop import rows as orders
from ml_assets_tests.prepared import build_once, new_home, opened, opened_copy
from ml_assets_tests.project import Project

FIRST, LAST = date(2024, 1, 1), date(2024, 2, 9)
FIRST_MODEL, SECOND_MODEL = "2024-01-31", "2024-02-08"
ORDERS_PER_DAY = 60
REGIONS = ("north", "south")
JOINED = ["features.order", "outcomes.order"]
WHERE = "ml_assets_tests.components.model_pipeline.regression_test"


class Order(Contract):
    """Columns that identify an order."""

    order: int = pa.Field(description="Number of the order.")
    region: str = pa.Field(description="Where it goes.")


class OrderDataset(Order):
    """Orders with their weights, as known on the as-of day."""

    items: float = pa.Field(description="Things in it.", metadata={"from": ["features.items"]})
    hour: int = pa.Field(
        description="Hour of the order.", metadata={"unit": "h", "from": ["features.hour"]}
    )
    feature_day: str = pa.Field(description="Day of the order.", metadata={"from": []})
    split: str = pa.Field(
        isin=["train", "validation", "test"], description="Used for.", metadata={"from": []}
    )
    weight: float = pa.Field(
        description="The label.", metadata={"unit": "kg", "from": [*JOINED, "outcomes.weight"]}
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When it was weighed.",
        dtype_kwargs={"unit": "us", "tz": "UTC"},
        metadata={"from": [*JOINED, "outcomes.known_at"]},
    )

    class Config:
        """A dataset without rows trains nothing."""

        unique: ClassVar = ["order"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class OrderPredictions(Order, Prediction):
    """Predicted weights of orders."""

    class Config:
        """A day that has orders has predictions."""

        unique: ClassVar = ["prediction_id"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class OrderLabels(Label):
    """Actual weights of orders."""

    region: str = pa.Field(description="Where it went.", metadata={"from": ["predictions.region"]})
    label: float = pa.Field(description="Weight.", metadata={"unit": "kg"})

    class Config:
        """Most labels arrive on the next day."""

        unique: ClassVar = ["prediction_id"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.05}


def pipeline(folder: Path, **changes: Any) -> dg.Definitions:
    """The definitions of a ``defs.yaml`` of this shape."""
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    (folder / "policies" / "never.yaml").write_text("name: never\n", "utf-8")
    said: dict[str, Any] = {
        "pipeline": "shop",
        "owners": ["team:shop"],
        "days": {"first": FIRST.isoformat(), "last": LAST.isoformat()},
        "as_of_days": {"first": "2024-01-20", "last": "2024-02-10"},
        "features": "shop/features",
        "labels": {"asset": "shop/outcomes", "column": "weight"},
        "join_keys": ["order"],
        "contracts": {
            "training_dataset": f"{WHERE}.OrderDataset",
            "predictions": f"{WHERE}.OrderPredictions",
            "labels": f"{WHERE}.OrderLabels",
        },
        "window": "60d",
        "validation_window": "2d",
        "test_window": "7d",
        "estimator": {
            "task": "regression",
            "path": "sklearn.ensemble.HistGradientBoostingRegressor",
            "numeric": ["items", "hour"],
            "categorical": ["region"],
            "checkpoint_every": 10,
            "hyperparameters": {"max_iter": 40, "early_stopping": False, "random_state": 0},
        },
        "segments": ["region"],
        "evaluation": {"metrics": ["mae", "rmse", "r2"], "resamples": 200},
        "release": {"sensitive_feature": "region", "min_segment_rows": 100, "max_group_gap": 0.3},
        "staging": {"latency_ms": 1000},
        "card": {"purpose": "Says what an order will weigh.", "limits": ["One shop only."]},
        "monitoring": {
            "policy": "never",
            "structural": ["region"],
        },
        **changes,
    }
    component = ModelPipeline(ModelPipeline.read(said, folder / "defs.yaml"))
    return dg.Definitions.merge(
        component.build(SimpleNamespace(path=folder)),  # type: ignore[arg-type]
        dg.Definitions(resources=resources()),
    )


def store(lake: Lake, table: str, rows: pd.DataFrame) -> None:
    """Store rows in the lake as another asset would."""
    days = sorted(rows[DAY].unique())
    version = lake.write(table, rows, days).version
    counts = rows[DAY].value_counts()
    lake.ledger.append(
        [
            Entry(
                table, day, Status.STORED, content_hash=content, rows=counts[day], version=version
            )
            for day, content in day_hashes(rows, days).items()
        ]
    )


def store_orders(project: Project) -> None:
    """Store the features and outcomes of forty days."""
    rows = orders(LAST)
    store(project.lake, "shop/features", rows.drop(columns=["weight", "known_at"]))
    store(project.lake, "shop/outcomes", rows[[DAY, "order", "weight", "known_at"]])


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Project]:
    """A project that has this pipeline alone, with forty days of orders."""
    new_home(tmp_path)
    with opened(tmp_path, pipeline(tmp_path / "defs")) as project:
        store_orders(project)
        yield project


RELEASE = "group:shop__training or group:shop__release"


def build(home: Path) -> None:
    """The project with a released model."""
    new_home(home)
    with opened(home, pipeline(home / "defs")) as project:
        store_orders(project)
        outcome = project.materialize(RELEASE, FIRST_MODEL)
        assert outcome.succeeded, outcome.failed_steps


@pytest.fixture
def released(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy of the project with a released model."""
    prepared = build_once(tmp_path_factory, "regression", build)
    with opened_copy(prepared, tmp_path / "home", pipeline(tmp_path / "defs")) as project:
        yield project


@pytest.mark.slow
def test_a_regression_is_trained_and_released(released: Project) -> None:
    [decision] = released.lake.read("shop/release_decision", [FIRST_MODEL]).to_dict("records")
    assert decision["verdict"] == "passed", decision["reason"]
    assert decision["metric"] == "mae"
    assert decision["challenger_value"] < decision["champion_value"]
    fairness = released.lake.read("shop/fairness", [FIRST_MODEL])
    assert set(fairness["metric"]) == {"relative_error"}
    assert set(fairness["group"]) == {"north", "south", "(gap)"}
    tests = released.lake.read("shop/integration_tests", [FIRST_MODEL])
    assert tests["passed"].all(), tests[~tests["passed"]].to_dict("records")
    registry = Workspace.of_environment().registry
    assert registry.with_alias("shop", CHAMPION) == registry.with_alias("shop", STAGING)
    [card] = released.lake.read("shop/model_card", [FIRST_MODEL])["markdown"]
    assert "Says what an order will weigh." in card
    assert "relative_error" in card or "relative error" in card
    scored = released.materialize('key:"shop/predictions"', "2024-01-31...2024-02-09")
    assert scored.succeeded, scored.failed_steps


@pytest.mark.slow
def test_a_model_that_errs_more_for_one_region_is_blocked_and_the_champion_stays(
    released: Project,
) -> None:
    rows = orders(LAST)
    confused = (rows["region"] == "south") & (rows[DAY] < "2024-01-30")
    noise = np.random.default_rng(1).normal(0, 40, len(rows))
    wrong = rows.assign(weight=rows["weight"].where(~confused, rows["weight"] * 2.5 + noise))
    store(released.lake, "shop/outcomes", wrong[[DAY, "order", "weight", "known_at"]])

    outcome = released.materialize(RELEASE, SECOND_MODEL)

    assert outcome.succeeded, outcome.failed_steps
    [decision] = released.lake.read("shop/release_decision", [SECOND_MODEL]).to_dict("records")
    assert decision["verdict"] == "blocked"
    assert "The limit of 0.3 cannot be approved" in decision["reason"]
    assert not decision["groups_are_close"]
    assert "region=south" in decision["reason"]
    champion = Workspace.of_environment().registry.with_alias("shop", CHAMPION)
    assert champion is not None
    assert champion.as_of == FIRST_MODEL
    assert [version.as_of for version in Workspace.of_environment().registry.versions("shop")] == [
        FIRST_MODEL
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param(
            {"release": {"sensitive_feature": "region", "warn_only": True}},
            "'release.warn_only' is unknown",
            id="a gate made a warning",
        ),
        pytest.param(
            {"release": {"sensitive_feature": "region", "rule": "better"}},
            "'release.rule' is 'better', expected one of superior",
            id="an unknown rule",
        ),
        pytest.param(
            {"release": {"sensitive_feature": "region", "rule": "non_inferior"}},
            "needs a margin, in units of the main metric",
            id="a rule without its margin",
        ),
        pytest.param(
            {"monitoring": {"policy": "never", "min_rows": 0}},
            "'monitoring.min_rows' is 0",
            id="drift of no rows",
        ),
        pytest.param(
            {"evaluation": {"metrics": ["auc"]}}, "not metrics of a regression", id="wrong metric"
        ),
        pytest.param(
            {"evaluation": {"flagged_share": 0.02}},
            "'evaluation.flagged_share' is 0.02",
            id="hardly any row flagged",
        ),
        pytest.param(
            {"staging": {"latency_ms": 0}}, "'staging.latency_ms' is 0", id="no time at all"
        ),
    ],
)
def test_invalid_rules_are_reported_in_one_line(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Exception, match=problem) as reported:
        pipeline(tmp_path, **changes)

    assert "\n" not in str(reported.value)
    assert "defs.yaml" in str(reported.value)


def test_the_fixture_is_a_project_of_its_own(shop: Project) -> None:
    with project_instance() as instance:
        assert instance.get_runs() == []
    assert settings().data == shop.data
