"""A computed table whose contract does not declare ``from``, or declares it wrongly."""

import json
from collections.abc import Iterator
from typing import ClassVar

import dagster as dg
import pandera.pandas as pa
import pytest

from ml_assets import definitions as code_location
from ml_assets.contracts.contract import Contract
from ml_assets.orchestration.assets.columns import LINEAGE_KEY
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.components.shop import definitions, raw_table
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

DAYS = "2024-01-01...2024-01-04"


class Open(Contract):
    """Orders, with one column that declares its input."""

    order: int = pa.Field(description="Number of the order.")
    region: str = pa.Field(description="Where it goes.", metadata={"from": ["raw.region"]})
    items: float = pa.Field(ge=0, description="Things in it.")
    hour: int = pa.Field(description="Hour of the order.", metadata={"unit": "h"})

    class Config:
        """With a key."""

        unique: ClassVar = ["order"]


class Wrong(Open):
    """The same with a wrong declaration."""

    items: float = pa.Field(ge=0, description="Things.", metadata={"from": ["raw.weight"]})


TABLES = """
type: ml_assets.components.Defaults
attributes: {owners: ["team:shop"], days: {first: "2024-01-01", last: "2024-02-29"}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/open
  function: ml_assets_tests.components.shop.orders
  contract: ml_assets_tests.components.undeclared_columns_test.Open
  inputs: {raw: {asset: shop/raw}}
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/wrong
  function: ml_assets_tests.components.shop.orders
  contract: ml_assets_tests.components.undeclared_columns_test.Wrong
  inputs: {raw: {asset: shop/raw}}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with the two tables, of four days."""
    home = tmp_path_factory.mktemp("shop")
    new_home(home)
    made = definitions(home / "defs", TABLES, raw_table())
    with (
        opened(home, made) as project,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(code_location, "project_definitions", lambda: made)
        assert project.materialize('key:"shop/raw" or group:shop__features', DAYS).succeeded
        yield project


def ask(shop: Project, *arguments: str) -> dict:
    """What the command prints as JSON."""
    asked = ml_assets(shop.data.parent, "lineage", *arguments, "--json")
    assert asked.stdout, asked.stderr
    return json.loads(asked.stdout) | {"exit": asked.returncode}


def logged(shop: Project, column: str) -> list[str]:
    """The input columns that the newest run told Dagster."""
    key = dg.AssetKey(["shop", "open"])
    records = shop.instance.fetch_materializations(key, limit=10).records
    found = next(
        record.asset_materialization.metadata[LINEAGE_KEY].value
        for record in records
        if record.asset_materialization and LINEAGE_KEY in record.asset_materialization.metadata
    )
    return [source.column_name for source in found.deps_by_column[column]]


def test_lineage_is_assumed_before_it_is_measured_and_then_measured(shop: Project) -> None:
    before, declared = (
        ask(shop, f"shop/open.{name}")[f"shop/open.{name}"] for name in ("items", "region")
    )
    assert before["made_from"] == {"shop/raw": ["*"]}
    assert before["basis"] == {"known": "assumed", "is_stale": False, "measured": []}
    assert declared["basis"] == {"known": "declared"}
    assert logged(shop, "items") == ["*"]

    measured = ask(shop, "shop/open", "--measure")
    after = ask(shop, "shop/open.items")["shop/open.items"]

    assert measured["exit"] == 0
    assert measured["undeclared"] == measured["unseen"] == {}
    assert after["made_from"] == {"shop/raw": ["items"]}
    [used] = after["basis"]["measured"]
    assert after["basis"]["known"] == "measured"
    assert used["partitions"] == measured["partitions"]
    assert used["code_version"] == shop.entries("shop/open")["2024-01-01"].code_version
    assert shop.materialize('key:"shop/open"', "2024-01-04").succeeded
    assert logged(shop, "items") == ["items"]


def test_a_read_that_is_not_declared_exits_1(shop: Project) -> None:
    found = ask(shop, "shop/wrong", "--measure")
    printed = ml_assets(shop.data.parent, "lineage", "shop/wrong", "--measure")

    assert found["undeclared"] == {"items": [["shop/raw", "items"]]}
    assert found["unseen"] == {"items": [["shop/raw", "weight"]]}
    assert (found["exit"], printed.returncode) == (1, 1)
    assert "not declared: items changes with shop/raw.items" in printed.stdout
    assert "not seen to matter: items from shop/raw.weight" in printed.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("shop/opn", "--measure"), "no table that a function computes 'shop/opn'", id="table"
        ),
        pytest.param(
            ("shop/open", "--measure", "--partition", "2024-02-20"), "has stored rows", id="days"
        ),
        pytest.param(("shop/open", "--partition", "2024-01-01"), "are for --measure", id="option"),
    ],
)
def test_what_cannot_be_measured_exits_2(
    shop: Project, arguments: tuple[str, ...], message: str
) -> None:
    asked = ml_assets(shop.data.parent, "lineage", *arguments)

    assert asked.returncode == 2
    assert message in " ".join(asked.stderr.split())
