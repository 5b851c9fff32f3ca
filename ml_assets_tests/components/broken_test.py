"""A document of a ``defs.yaml`` that cannot be used is shown as broken; everything else loads and runs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ml_assets.errors import ConfigurationError
from ml_assets.orchestration.checks.remedy import next_step
from ml_assets.orchestration.runs.runs import broken_assets, selected_assets
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import definitions, raw_table
from ml_assets_tests.lived import opened, tick
from ml_assets_tests.project import ROOT, Project

ALL_DAYS = "2024-01-01...2024-02-29"
NEW_DAYS = """
---
type: ml_assets.components.NewDays
attributes:
  name: shop__new_days
  sources: [shop/orders]
  tables: [shop/weights]
"""

Open = Callable[[str], Project]


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Open]:
    """Opens a project with what a ``defs.yaml`` defines, and its raw table."""
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "data").mkdir()
    with ExitStack() as stack:
        yield lambda text: stack.enter_context(
            opened(tmp_path, definitions(tmp_path / "defs", text, raw_table()))
        )


@pytest.mark.parametrize(
    ("right", "wrong", "asset", "told"),
    [
        pytest.param(
            "task: regression",
            "task: regresion",
            "shop/broken",
            "Is 'regression' meant?",
            id="task",
        ),
        pytest.param(
            "column: weight", "column: weigth", "shop/broken", "Is 'weight' meant?", id="label"
        ),
        pytest.param(
            "contract: ml_assets_tests.components.shop.Weights",
            "contract: ml_assets_tests.components.shop.Wights",
            "shop/weights",
            "ml_assets_tests.components.shop.Wights",
            id="contract",
        ),
        pytest.param(
            "function: ml_assets_tests.components.shop.weights",
            "function: ml_assets_tests.components.shop.wights",
            "shop/weights",
            "ml_assets_tests.components.shop.wights",
            id="function",
        ),
    ],
)
def test_the_other_documents_load_and_run(
    open_shop: Open, right: str, wrong: str, asset: str, told: str
) -> None:
    shop = open_shop(MINIMAL.replace(right, wrong))

    done = shop.materialize('key:"shop/raw" or key:"shop/orders"', ALL_DAYS)

    assert done.succeeded, done.failed_steps
    broken = broken_assets(shop.definitions.resolve_asset_graph())
    assert asset in broken
    assert told in broken[asset]
    results = [result for result in shop.check("*", ALL_DAYS) if result.is_bad]
    assert told in " ".join(result.reason for result in results if result.asset == asset)
    assert next_step(shop.definitions, shop.lake, [one for one in results if one.asset == asset])


def test_a_selection_without_assets_says_what_is_broken(open_shop: Open) -> None:
    shop = open_shop(MINIMAL.replace("task: regression", "task: regresion"))

    with pytest.raises(ConfigurationError, match="Is 'regression' meant"):
        selected_assets(shop.definitions, "group:shop__training")


def test_a_sensor_says_which_of_its_tables_is_broken(open_shop: Open) -> None:
    shop = open_shop(
        MINIMAL.replace("components.shop.Weights", "components.shop.Wights") + NEW_DAYS
    )

    assert "shop/weights is broken" in tick(shop, "shop__new_days").reason
