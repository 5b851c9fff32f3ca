"""A champion predicts by what it was trained on, after the pipeline's features and estimator changed."""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.contracts.contract import Contract
from ml_assets.release.decision import parse_findings
from ml_assets_tests.components.minimal_pipeline_test import AS_OF, MINIMAL
from ml_assets_tests.components.shop import definitions, orders, raw_table
from ml_assets_tests.prepared import build_once, new_home, opened
from ml_assets_tests.project import Project

pytestmark = pytest.mark.slow

RELEASE = "group:shop__training or group:shop__release"
PREDICTIONS = 'key:"shop/predictions"'
NEXT = "2024-02-24"

UNREGISTERED = f"{MINIMAL}  registry: false\n"
BEFORE = UNREGISTERED.replace("numeric: [items, hour]", "numeric: [hour]")
AFTER = UNREGISTERED.replace("{random_state: 0}", "{random_state: 0, max_iter: 60}")
WITHOUT_REGION = (
    AFTER.replace("categorical: [region]", "categorical: []")
    .replace("ml_assets_tests.components.shop.orders", f"{__name__}.orders_without_region")
    .replace("ml_assets_tests.components.shop.Orders", f"{__name__}.WithoutRegion")
)


class WithoutRegion(Contract):
    """Orders whose region nobody knows any more."""

    order: int = pa.Field(description="Number of the order.", metadata={"from": ["raw.order"]})
    items: float = pa.Field(ge=0, description="Things in it.", metadata={"from": ["raw.items"]})
    hour: int = pa.Field(description="Hour of the order.", metadata={"from": ["raw.hour"]})

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


def orders_without_region(days: Sequence[str], *, raw: pd.DataFrame) -> pd.DataFrame:
    """The feature function without the region."""
    return orders(days, raw=raw).drop(columns=["region"])


def build(home: Path) -> None:
    """A project whose first model, without the feature ``items``, is champion."""
    new_home(home)
    with changed(home, BEFORE) as shop:
        for selection, days in (
            ('key:"shop/raw" or group:shop__features', "2024-01-01...2024-02-29"),
            (RELEASE, AS_OF),
        ):
            outcome = shop.materialize(selection, days)
            assert outcome.succeeded, outcome.failed_steps


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project."""
    prepared = build_once(tmp_path_factory, "changed-pipeline", build)
    return shutil.copytree(prepared, tmp_path / "home")


def changed(home: Path, text: str) -> AbstractContextManager[Project]:
    """The project with other definitions."""
    return opened(home, definitions(home / "defs", text, raw_table()))


def test_the_champion_predicts_until_a_changed_model_passes_the_gates(home: Path) -> None:
    with changed(home, AFTER) as shop:
        assert shop.materialize(PREDICTIONS, "2024-02-20...2024-02-23").succeeded
        by_first = shop.lake.read("shop/predictions")
        released = shop.materialize(RELEASE, NEXT)
        assert released.succeeded, released.failed_steps
        assert shop.materialize(PREDICTIONS, NEXT).succeeded

        [first] = shop.lake.read("shop/champion", [AS_OF])["fingerprint"]
        assert set(by_first["model_version"]) == {first}
        [decision] = shop.lake.read("shop/release_decision", [NEXT]).to_dict("records")
        assert decision["verdict"] == "passed", decision["reason"]
        assert "of the champion" in parse_findings(decision["findings"])["beats_champion"].reason
        [second] = shop.lake.read("shop/champion", [NEXT])["fingerprint"]
        assert set(shop.lake.read("shop/predictions", [NEXT])["model_version"]) == {second}


def test_a_champion_whose_column_the_features_no_longer_have_is_named_with_the_column(
    home: Path,
) -> None:
    with changed(home, WITHOUT_REGION) as shop:
        assert shop.materialize("group:shop__features", "2024-01-01...2024-02-29").succeeded
        assert not shop.materialize(PREDICTIONS, NEXT).succeeded
        shop.materialize(RELEASE, NEXT)

        lost = "uses region, which"
        assert lost in shop.entries("shop/comparison")[NEXT].reason
        assert len(shop.lake.read("shop/champion")) == 1
