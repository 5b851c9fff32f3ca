"""Documents that Dagster would refuse together are broken alone: the others load."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandera.pandas as pa
import pytest
import yaml

from ml_assets import components
from ml_assets.components.configured import Configured
from ml_assets.contracts.contract import Contract
from ml_assets.orchestration.resources import resources
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import raw_table

TABLES, MODEL = MINIMAL.rsplit("---\n", maxsplit=1)
SENSOR = """
type: ml_assets.components.NewDays
attributes: {name: shop__new_days, sources: [shop/orders], tables: [shop/weights]}
"""


class Loop(Contract):
    """A contract of a table whose columns do not say what they are made from."""

    order: int = pa.Field(description="Number of the order.")


def loop(days, **inputs): ...


LOOPS = "".join(
    f"""---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/{noun}
  function: {__name__}.loop
  contract: {__name__}.Loop
  owners: ["team:shop"]
  days: {{first: "2024-01-01", last: "2024-02-29"}}
  inputs: {{{other}: {{asset: shop/{other}, look_back: 1d}}}}
"""
    for noun, other in (("one", "other"), ("other", "one"))
)


def broken_of(folder: Path, text: str) -> dict[str, str]:
    """Broken assets of a ``defs.yaml``, whose documents are numbered as Dagster numbers them."""
    file = folder / "defs" / "defs.yaml"
    file.parent.mkdir()
    file.write_text(text, "utf-8")
    parts = []
    for number, document in enumerate(yaml.safe_load_all(text)):
        template: type[Configured[Any]] = getattr(components, document["type"].rpartition(".")[2])
        component = template.of(document["attributes"], file, number)
        parts.append(component.build_defs(SimpleNamespace(path=file.parent)))  # type: ignore[arg-type]
    found = dg.Definitions.merge(
        *parts, dg.Definitions(assets=[raw_table()], resources=resources())
    )
    found.get_repository_def()
    return broken_assets(found.resolve_asset_graph())


@pytest.mark.parametrize(
    ("text", "broken", "reported"),
    [
        pytest.param(
            MINIMAL.replace("key: shop/weights", "key: shop/orders"),
            {"shop/orders", "defs_1/broken_FeatureTable", "shop/broken_ModelPipeline"},
            "shop/orders is defined by 2 documents: defs/defs.yaml (document 1), defs/defs.yaml (document 2).",
            id="a table twice",
        ),
        pytest.param(
            f"{MINIMAL}---\n{MODEL}",
            {"shop/broken_ModelPipeline", "defs_3/broken_ModelPipeline"},
            " is defined by 2 documents",
            id="a pipeline twice",
        ),
        pytest.param(
            f"{MINIMAL}---\n{MODEL.replace('ModelPipeline', 'Monitoring')}",
            {"shop/broken_ModelPipeline", "defs_3/broken_Monitoring"},
            " is defined by 2 documents",
            id="a pipeline and a part of it",
        ),
        pytest.param(
            f"{MINIMAL}---{SENSOR}---{SENSOR}",
            {"shop__new_days/broken_NewDays", "defs_4/broken_NewDays"},
            "sensor shop__new_days is defined by 2 documents",
            id="a sensor twice",
        ),
        pytest.param(
            f"{MINIMAL}---{SENSOR.replace('shop__new_days', 'shop__retraining')}",
            {"shop/broken_ModelPipeline", "defs_3/broken_NewDays"},
            "sensor shop__retraining is defined by 2 documents",
            id="a sensor of a pipeline",
        ),
        pytest.param(
            MINIMAL + LOOPS,
            {"shop/one", "shop/other"},
            "is made from itself",
            id="tables that are made from each other",
        ),
    ],
)
def test_documents_in_conflict_are_broken_and_the_others_load(
    tmp_path: Path, text: str, broken: set[str], reported: str
) -> None:
    found = broken_of(tmp_path, text)

    assert found.keys() == broken
    assert any(reported in problem for problem in found.values()), found
