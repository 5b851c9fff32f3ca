"""The first run of a pipeline of which nothing was processed."""

from pathlib import Path

from ml_assets.configuration.models import pipelines_outside
from ml_assets.lineage.status.beginning import beginning
from ml_assets.lineage.status.loading import nothing_stored
from ml_assets.lineage.status.report import report
from ml_assets_tests.project_files import documents_below


def test_a_pipeline_begins_with_its_first_source_from_its_first_day_to_its_last() -> None:
    step = beginning("flight_delays")

    assert step is not None
    assert "with which flight_delays begins" in step.step
    assert step.command.endswith("--partition-range 2013-01-01...2013-12-31")
    assert "--assets 'key:\"sources/" in step.command


def test_pipelines_in_other_folders_are_those_of_ones_own() -> None:
    others = ["airport_weather", "flight_ensemble", "flight_chain"]

    assert pipelines_outside(others) == ["flight_delays"]
    assert pipelines_outside([*others, "flight_delays"]) == []


BROKEN = """
type: ml_assets.components.Defaults
attributes: {owner: ["team:shop"], days: {first: "2024-01-01"}}
---
type: ml_assets.components.SourceTable
attributes: {key: shop/raw, table: raw, contract: ml_assets_tests.components.shop.Orders, time_column: at}
---
type: ml_assets.components.ModelPipeline
attributes: {features: shop/orders, labels: {asset: shop/raw, column: items}, estimator: {}}
"""


def test_a_pipeline_that_is_not_usable_has_no_beginning_and_the_status_says_why(
    tmp_path: Path,
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "defs.yaml").write_text(BROKEN, "utf-8")

    with documents_below(tmp_path):
        step, found = beginning("shop"), report(nothing_stored())

    assert step is None
    [shop] = found.pipelines
    assert (shop.pipeline, shop.is_begun) == ("shop", True)
    assert "Defaults in shop/defs.yaml is not usable: 'owner' is unknown" in shop.problem
    assert found.sources["shop/raw"].problem == shop.problem
    assert found.next.command == "make demo"
