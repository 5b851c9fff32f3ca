"""What a proposal takes from a project: names of columns, and tables that other pipelines read too."""

from pathlib import Path

import dagster as dg
import pytest

import ml_assets.defs
from ml_assets.contracts.contract import columns
from ml_assets.learning.contracts import Prediction
from ml_assets.scaffolding.proposal import RESERVED
from ml_assets_tests.commands.new_test import file_of, good, project, run
from ml_assets_tests.components.shop import definitions

__all__ = ["project"]


def test_columns_that_every_prediction_has_are_reserved() -> None:
    assert set(columns(Prediction)) <= RESERVED


def test_two_pipelines_read_the_same_table(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = file_of(project, good())
    run("rides", "--from", table, "--target", "rides")
    run("rain", "--from", table, "--target", "rain")
    defs = project / "ml_assets" / "defs"
    monkeypatch.setattr(ml_assets.defs, "__path__", [*ml_assets.defs.__path__, str(defs)])
    texts = {name: (defs / name / "defs.yaml").read_text("utf-8") for name in ("rides", "rain")}

    rides, rain = (definitions(defs / name, texts[name]) for name in texts)
    loaded = dg.Definitions(
        assets=[*(rides.assets or ()), *(rain.assets or ())], resources=rides.resources
    )

    keys = {key.to_user_string() for key in loaded.resolve_asset_graph().get_all_asset_keys()}
    assert {"rides/rows", "rain/rows"} <= keys
    assert {"source_files/rides_rows", "source_files/rain_rows"} <= keys
