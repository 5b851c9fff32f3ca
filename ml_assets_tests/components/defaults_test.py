"""Owners and days that a ``defs.yaml`` says once, and the tables that its sensor finds in it."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ml_assets import components
from ml_assets.components import FeatureTable, ModelPipeline, NewDays, SourceTable
from ml_assets.configuration.file_defaults import completed_documents
from ml_assets.configuration.models import pipeline_of
from ml_assets.configuration.parts import PipelineConfiguration
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import definitions, label_table, raw_table

DAYS = '{first: "2024-01-01", last: "2024-02-29"}'
OWNERS = 'owners: ["team:shop"]'
DEFAULTS = f"""
type: ml_assets.components.Defaults
attributes:
  {OWNERS}
  days: {DAYS}
---"""
WITHOUT = MINIMAL.replace(f"  days: {DAYS}\n", "").replace(f"  {OWNERS}\n", "")
SHORT = f"{DEFAULTS}{WITHOUT}"
RAW = """
---
type: ml_assets.components.SourceTable
attributes:
  key: shop/{noun}
  table: {noun}
  contract: ml_assets_tests.components.shop.Orders
  description: One row per order.
"""


def graph_of(folder: Path, text: str, *assets: dg.AssetsDefinition) -> Any:
    """Dagster's graph of a ``defs.yaml``."""
    return definitions(folder, text, *(assets or [raw_table()])).resolve_asset_graph()


def schema_of(template: type[dg.Component]) -> dict[str, Any]:
    """JSON schema of the attributes of a template."""
    model = template.get_model_cls()
    assert model is not None
    schema = model.model_json_schema()
    return schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def documents(folder: Path, text: str) -> dict[str, dict[str, Any]]:
    """Key of a table, or name of a pipeline → its completed attributes."""
    (folder / "defs.yaml").write_text(text, "utf-8")
    found = [document["attributes"] for _, document in completed_documents(folder / "defs.yaml")]
    return {str(each.get("key") or each.get("pipeline")): each for each in found}


def test_owners_and_days_are_those_of_every_document_that_leaves_them_out(tmp_path: Path) -> None:
    said_once = graph_of(tmp_path / "once", SHORT)
    repeated = graph_of(tmp_path / "repeated", MINIMAL)

    keys = said_once.get_all_asset_keys()
    assert keys == repeated.get_all_asset_keys()
    for key in keys:
        one, other = said_once.get(key), repeated.get(key)
        assert one.owners == other.owners, key
        assert one.partitions_def == other.partitions_def, key
        assert one.code_version == other.code_version, key
    assert all(said_once.get(key).owners == ["team:shop"] for key in keys - {_key("shop/raw")})


def test_a_document_keeps_what_it_says_itself(tmp_path: Path) -> None:
    text = SHORT.replace(
        "  description: What each order weighs.",
        '  description: What each order weighs.\n  owners: ["team:scales"]\n  days: {last: "2024-02-20"}',
    )

    found = documents(tmp_path, text)

    assert found["shop/weights"]["owners"] == ["team:scales"]
    assert found["shop/weights"]["days"] == {"first": "2024-01-01", "last": "2024-02-20"}
    assert found["shop/orders"]["days"] == {"first": "2024-01-01", "last": "2024-02-29"}


def test_a_model_has_the_days_of_its_feature_table_and_the_owners_of_its_file(
    tmp_path: Path,
) -> None:
    text = SHORT.replace(
        "  description: One row per order.",
        '  description: One row per order.\n  owners: ["team:orders"]\n  days: {last: "2024-02-20"}',
    )
    config = documents(tmp_path, text)["shop"]

    found = pipeline_of(config, tmp_path / "defs.yaml", PipelineConfiguration)

    assert found.days.last == "2024-02-20"
    assert found.owners == ("team:shop",)


def test_a_model_of_another_kind_of_table_has_the_days_of_its_file(tmp_path: Path) -> None:
    model = SHORT.rsplit("---", maxsplit=1)[-1].replace(
        "  features: shop/orders",
        "  features: shop/raw\n  contracts: {features: ml_assets_tests.components.shop.Orders, "
        "outcomes: ml_assets_tests.components.shop.Weights}",
    )

    graph = graph_of(tmp_path, f"{DEFAULTS}{model}", raw_table(), label_table())

    assert broken_assets(graph) == {}
    assert graph.get(_key("shop/predictions")).partitions_def.get_partition_keys()[0] == (
        "2024-01-01"
    )


def test_a_model_without_a_name_has_that_of_its_features(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, MINIMAL.replace("  pipeline: shop\n", ""))

    assert broken_assets(graph) == {}
    assert graph.has(_key("shop/predictions"))


def test_as_of_days_are_in_the_time_zone_of_the_days(tmp_path: Path) -> None:
    text = SHORT.replace("last:", "timezone: America/New_York, last:").replace(
        "  features: shop/orders", '  features: shop/orders\n  as_of_days: {first: "2024-02-20"}'
    )
    config = documents(tmp_path, text)["shop"]

    found = pipeline_of(config, tmp_path / "defs.yaml", PipelineConfiguration)

    assert found.as_ofs.timezone == "America/New_York"


@pytest.mark.parametrize(
    ("line", "has_days"),
    [
        pytest.param("", False, id="a snapshot"),
        pytest.param("  time_column: at\n", True, id="a time"),
    ],
)
def test_a_source_table_without_a_time_has_no_days(
    tmp_path: Path, line: str, has_days: bool
) -> None:
    found = documents(tmp_path, DEFAULTS + RAW.format(noun="raw").removeprefix("\n---") + line)

    assert ("days" in found["shop/raw"]) is has_days
    assert found["shop/raw"]["owners"] == ["team:shop"]


@pytest.mark.parametrize(
    ("pattern", "has_days"),
    [
        pytest.param("orders/%Y-%m-%d.csv", True, id="files of a date"),
        pytest.param("orders/*.csv", False, id="files without date"),
        pytest.param("orders/%Q.csv", False, id="no pattern"),
    ],
)
def test_files_with_a_date_in_their_name_have_days(
    tmp_path: Path, pattern: str, has_days: bool
) -> None:
    text = DEFAULTS + RAW.format(noun="raw").removeprefix("\n---")

    found = documents(tmp_path, text.replace("table: raw", f"files: '{pattern}'"))

    assert ("days" in found["shop/raw"]) is has_days


def test_how_soon_is_that_of_every_table_with_partitions_and_of_predictions(
    tmp_path: Path,
) -> None:
    text = SHORT.replace(f"  {OWNERS}\n", f"  {OWNERS}\n  fresh_within: 6h\n", 1).replace(
        "  description: What each order weighs.",
        "  description: What each order weighs.\n  fresh_within: 3d",
    )
    snapshot = RAW.format(noun="regions")
    dated = RAW.format(noun="raw") + "  time_column: at\n"

    found = documents(tmp_path, text + snapshot + dated)

    assert {key: one.get("fresh_within") for key, one in found.items() if key != "None"} == {
        "shop/orders": "6h",
        "shop/weights": "3d",
        "shop": "6h",
        "shop/regions": None,
        "shop/raw": "6h",
    }


@pytest.mark.parametrize(
    ("right", "wrong", "reported"),
    [
        pytest.param("  owners:", "  owner:", "'owner' is unknown, expected one of", id="key"),
        pytest.param('"2024-01-01"', '"2024-01-32"', "'days.first'", id="no day"),
        pytest.param(
            "last:", "time_zone: UTC, last:", "Did you mean 'timezone'?", id="key of days"
        ),
        pytest.param("team:shop", "shop", "Defaults in defs/defs.yaml is not usable", id="owner"),
        pytest.param(
            f"attributes:\n  {OWNERS}\n  days: {DAYS}",
            "attributes: {}",
            "none of owners, days and fresh_within is given",
            id="nothing",
        ),
        pytest.param("\n---", f"\n---{DEFAULTS}", "has 2 documents of type Defaults", id="twice"),
        pytest.param(
            "\n---",
            "\n---\n" + DEFAULTS.replace("team:shop", "team:store"),
            "has 2 documents of type Defaults, expected at most one",
            id="two different ones",
        ),
    ],
)
def test_unusable_defaults_are_shown_at_every_document_that_they_complete(
    tmp_path: Path, right: str, wrong: str, reported: str
) -> None:
    broken = broken_assets(graph_of(tmp_path / "defs", DEFAULTS.replace(right, wrong, 1) + WITHOUT))

    assert broken.keys() == {
        "defs/broken_Defaults",
        "shop/orders",
        "shop/weights",
        "shop/broken_ModelPipeline",
    }
    assert all(reported in problem for problem in broken.values()), broken


def test_days_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    text = SHORT.replace(
        "  description: One row per order.",
        "  description: One row per order.\n  days: {cadence: monthly, first: '2024-01-10'}",
    )

    broken = broken_assets(graph_of(tmp_path, text))

    assert "no monthly partition begins on 2024-01-10" in broken["shop/orders"]


SENSED = f"""{SHORT}{RAW.format(noun="planned")}  time_column: at
{RAW.format(noun="shops")}
---
type: ml_assets.components.NewDays
attributes: {{}}
"""


def test_a_sensor_is_about_all_tables_of_its_file(tmp_path: Path) -> None:
    found = definitions(tmp_path, SENSED, raw_table())

    sensor = found.get_sensor_def("shop__new_days")

    assert sensor.asset_selection is not None
    selected = sensor.asset_selection.resolve(found.resolve_asset_graph())
    assert {key.to_user_string() for key in selected} == {
        "shop/orders",
        "shop/planned",
        "shop/shops",
        "shop/weights",
    }


@pytest.mark.parametrize(
    ("right", "wrong", "missing"),
    [
        pytest.param(
            "attributes: {}",
            "attributes: {}\n---\ntype: ml_assets.components.NewDays\nattributes: {}",
            "'sources' is missing",
            id="two sensors",
        ),
        pytest.param(
            "  pipeline: shop\n  features: shop/orders\n", "", "'name' is missing", id="no pipeline"
        ),
        pytest.param("time_column: at", "", "'sources'", id="no source with days"),
        pytest.param(
            "attributes: {}",
            "attributes: {tables: [shop/orders]}",
            "'sources' is missing",
            id="some",
        ),
    ],
)
def test_a_sensor_that_its_file_does_not_determine_says_what_is_missing(
    tmp_path: Path, right: str, wrong: str, missing: str
) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text(SENSED.replace(right, wrong), "utf-8")
    attributes = {"tables": ["shop/orders"]} if "tables:" in wrong else {}

    with pytest.raises(Exception, match=missing):
        NewDays.read(NewDays.completed(attributes, file), file)


@pytest.mark.parametrize(
    ("template", "required"),
    [
        pytest.param(SourceTable, {"key", "contract"}, id="SourceTable"),
        pytest.param(
            FeatureTable,
            {"key", "function", "contract", "inputs"},
            id="FeatureTable",
        ),
        pytest.param(ModelPipeline, {"features", "labels", "estimator"}, id="ModelPipeline"),
        pytest.param(NewDays, set(), id="NewDays"),
        pytest.param(components.Defaults, set(), id="Defaults"),
    ],
)
def test_the_json_schema_requires_what_a_document_may_not_lack(
    template: type[dg.Component], required: set[str]
) -> None:
    attributes = schema_of(template)

    assert {*attributes.get("required", ())} == required
    assert attributes["additionalProperties"] is False


def test_the_json_schema_allows_some_keys_of_days() -> None:
    days = schema_of(FeatureTable)["properties"]["days"]

    assert "required" not in days
    assert {"first", "last", "timezone", "cadence", "ahead"} == {*days["properties"]}


def _key(table: str) -> dg.AssetKey:
    return dg.AssetKey(table.split("/"))
