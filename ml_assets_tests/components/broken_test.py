"""An invalid document of a ``defs.yaml`` is shown as broken; everything else loads and runs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.contracts.contract import Contract
from ml_assets.errors import ConfigurationError
from ml_assets.orchestration.checks.remedy import next_step
from ml_assets.orchestration.runs.runs import broken_assets, complete_graph, selected_assets
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import definitions, raw_table
from ml_assets_tests.prepared import new_home, opened, tick
from ml_assets_tests.project import Project

ALL_DAYS = "2024-01-01...2024-02-29"
NEW_DAYS = """
---
type: ml_assets.components.SourceTable
attributes:
  key: shop/readings
  table: readings
  contract: ml_assets_tests.components.cadences_test.Readings
  description: Readings of meters.
  owners: ["team:shop"]
  time_column: at
  days: {first: "2024-01-01", last: "2024-02-29", timezone: UTC}
---
type: ml_assets.components.NewDays
attributes:
  name: shop__new_days
  sources: [shop/readings]
  tables: [shop/weights]
"""


class Unusable(Contract):
    """A contract with a check of an unknown column."""

    weight: float

    @pa.check("wieght")
    @classmethod
    def is_positive(cls, series: pd.Series) -> pd.Series:
        """Whether it is."""
        return series > 0


class Priced(Contract):
    """A contract with a column of an unknown one."""

    price: float = pa.Field(metadata={"from": ["orders.itms"]})


Open = Callable[[str], Project]


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Open]:
    """Opens a project with the definitions of a ``defs.yaml`` and its raw table."""
    new_home(tmp_path)
    with ExitStack() as stack:
        yield lambda text: stack.enter_context(
            opened(tmp_path, definitions(tmp_path / "defs", text, raw_table()))
        )


@pytest.mark.parametrize(
    ("right", "wrong", "asset", "reported"),
    [
        pytest.param(
            "task: regression",
            "task: regresion",
            "shop/broken_ModelPipeline",
            "Did you mean 'regression'?",
            id="task",
        ),
        pytest.param(
            "column: weight",
            "column: weigth",
            "shop/broken_ModelPipeline",
            "Did you mean 'weight'?",
            id="label",
        ),
        pytest.param(
            "labels: {asset: shop/weights, column: weight}",
            "labels: {asset: shop/weights, column: weight}\n  predicted_at: known_at",
            "shop/broken_ModelPipeline",
            "'horizon_hours' would be negative",
            id="predicted after its target",
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
    open_shop: Open, right: str, wrong: str, asset: str, reported: str
) -> None:
    shop = open_shop(MINIMAL.replace(right, wrong))

    done = shop.materialize('key:"shop/raw" or key:"shop/orders"', ALL_DAYS)

    assert done.succeeded, done.failed_steps
    broken = broken_assets(shop.definitions.resolve_asset_graph())
    assert asset in broken
    assert reported in broken[asset]
    results = [result for result in shop.check("*", ALL_DAYS) if result.is_bad]
    assert reported in " ".join(result.reason for result in results if result.asset == asset)
    assert next_step(shop.definitions, shop.lake, [one for one in results if one.asset == asset])


def test_a_column_from_an_unknown_column_of_its_input_is_told_with_a_similar_one(
    open_shop: Open,
) -> None:
    document = f"""
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/priced
  function: ml_assets_tests.components.shop.orders
  contract: {__name__}.Priced
  owners: ["team:shop"]
  days: {{first: "2024-01-01"}}
  inputs: {{raw: {{asset: shop/orders}}}}
"""
    shop = open_shop(MINIMAL + document)

    broken = broken_assets(shop.definitions.resolve_asset_graph())

    assert [*broken] == ["shop/priced"]
    assert "refers in 'from' to the unknown column of shop/orders 'itms'" in broken["shop/priced"]
    assert "Did you mean 'items'?" in broken["shop/priced"]


def test_work_on_all_tables_is_refused_while_one_is_broken(open_shop: Open) -> None:
    shop = open_shop(MINIMAL.replace("task: regression", "task: regresion"))

    with pytest.raises(
        ConfigurationError, match=r"shop/broken_ModelPipeline is broken: .*regresion"
    ):
        complete_graph(shop.definitions)


PART = """
---
type: ml_assets.components.{template}
attributes:
  pipeline: shop
  features: shop/orders
  labels: {{asset: shop/weights, column: {label}}}
  estimator:
    task: regression
    path: sklearn.ensemble.HistGradientBoostingRegressor
    numeric: [items]
    hyperparameters: {{random_state: 0}}
{more}"""
TABLES = MINIMAL.partition("---\ntype: ml_assets.components.ModelPipeline")[0].rstrip("-\n")


def parts(label: str = "weight", **more: str) -> str:
    """Two parts of a pipeline, in documents of their own."""
    return TABLES + "".join(
        PART.format(template=template, label=label, more=more.get(template, ""))
        for template in ("TrainedModel", "ModelRelease")
    )


def test_two_broken_parts_of_a_pipeline_are_two_assets(open_shop: Open) -> None:
    shop = open_shop(parts(label="weigth"))

    broken = broken_assets(shop.definitions.resolve_asset_graph())

    assert broken.keys() == {"shop/broken_TrainedModel", "shop/broken_ModelRelease"}


def test_parts_of_a_pipeline_that_describe_different_models_are_broken(open_shop: Open) -> None:
    shop = open_shop(parts(ModelRelease="  test_window: 14d\n"))

    broken = broken_assets(shop.definitions.resolve_asset_graph())

    assert "'test_window' is 28d, but 14d in another part of the pipeline" in " ".join(
        broken.values()
    )


def test_a_contract_that_pandera_cannot_use_is_broken(open_shop: Open) -> None:
    shop = open_shop(MINIMAL.replace("components.shop.Weights", "components.broken_test.Unusable"))

    broken = broken_assets(shop.definitions.resolve_asset_graph())

    assert (
        "Contract 'ml_assets_tests.components.broken_test.Unusable' cannot be used"
        in (broken["shop/weights"])
    )


def test_an_empty_selection_reports_broken_assets(open_shop: Open) -> None:
    shop = open_shop(MINIMAL.replace("task: regression", "task: regresion"))

    with pytest.raises(ConfigurationError, match="Did you mean 'regression'"):
        selected_assets(shop.definitions, "group:shop__training")


def test_a_sensor_reports_its_broken_table(open_shop: Open) -> None:
    shop = open_shop(
        MINIMAL.replace("components.shop.Weights", "components.shop.Wights") + NEW_DAYS
    )

    assert "shop/weights is broken" in tick(shop, "shop__new_days").reason
