"""Documents of chained features: what they are completed with, and what is refused as they load."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_assets.components import ChainedFeatures
from ml_assets.components.broken import Broken
from ml_assets.configuration import documents
from ml_assets.configuration.models import pipeline
from ml_assets.configuration.objects import load_contract
from ml_assets.contracts.contract import columns, key_columns
from ml_assets.errors import ConfigurationError
from ml_assets_tests.components.ensembles.sequence import text

HEAVY, BROKEN = "heavy/parcels", "broken/parcels"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Models in sequence."""
    found = tmp_path / "shop" / "defs.yaml"
    found.parent.mkdir()
    found.write_text(text(), "utf-8")
    return found


def changed(file: Path, key: str, **changes: Any) -> ChainedFeatures:
    """The component of a table whose document has other attributes."""
    every = list(yaml.safe_load_all(file.read_text("utf-8")))
    [wanted] = [one["attributes"] for one in every if one["attributes"].get("key") == key]
    wanted |= changes
    file.write_text(yaml.safe_dump_all(every), "utf-8")
    return ChainedFeatures.of(wanted, file)


def test_days_owners_and_key_are_those_of_the_features(file: Path) -> None:
    config = changed(file, HEAVY).config
    assert (config.days.first, config.days.last) == ("2024-01-01", "2024-02-29")
    assert config.owners == ("team:shop",)
    assert config.parameters == {"joined": {"expected_weight": {"order": "order"}}}
    assert key_columns(load_contract(config.contract)) == ["order"]


def test_the_contract_has_a_column_for_each_prediction_which_may_be_missing(file: Path) -> None:
    found = columns(load_contract(changed(file, BROKEN).config.contract))
    assert [*found] == ["order", "region", "items", "hour", "expected_weight", "heavy"]
    assert found["heavy"].nullable
    assert found["heavy"].metadata == {"from": ["heavy/predictions.prediction"]}
    assert found["heavy"].description == (
        "The prediction of heavy; missing for rows without one that was known in time."
    )


def test_a_table_has_predictions_of_several_pipelines(file: Path) -> None:
    both = {"first": {"pipeline": "weight"}, "second": {"pipeline": "heavy"}}
    table = changed(file, BROKEN, predictions=both)
    lineage = table._lineage()
    assert lineage["first"][0] == ("weight/predictions", "prediction")
    assert lineage["second"][0] == ("heavy/predictions", "prediction")
    assert lineage["expected_weight"] == [("heavy/parcels", "expected_weight")]


def test_a_model_without_a_list_of_features_uses_the_prediction(file: Path) -> None:
    every = list(yaml.safe_load_all(file.read_text("utf-8")))
    [model] = [one["attributes"] for one in every if one["attributes"].get("pipeline") == "heavy"]
    del model["estimator"]["numeric"], model["estimator"]["categorical"]
    file.write_text(yaml.safe_dump_all(every), "utf-8")
    assert pipeline("heavy", file).estimator.numeric == ("items", "hour", "expected_weight")


def test_predictions_have_the_days_of_the_features_of_their_pipeline(file: Path) -> None:
    days = documents.days_of("heavy/predictions", file)
    assert days is not None
    assert (days.first, days.cadence) == ("2024-01-01", "daily")
    assert documents.days_of("nobody/predictions", file) is None


def test_hourly_forecasts_become_features_of_daily_rows_that_know_their_hour() -> None:
    document = {
        "key": "flight_delays/with_forecast",
        "features": "flight_delays/flight_features",
        "cut": "predicted_at",
        "predictions": {"forecast": {"pipeline": "airport_visibility"}},
    }
    file = documents.DEFS / "flight_delays" / "defs.yaml"
    config = ChainedFeatures.of(document, file).config
    assert config.inputs["forecast"].cadence == "hourly"
    assert config.parameters == {
        "joined": {"forecast": {"origin": "origin", "time_hour": "time_hour"}},
        "cut": "predicted_at",
        "targets": {"forecast": "time_hour"},
    }


def test_predictions_of_the_same_rows_are_known_at_their_cut() -> None:
    document = {
        "key": "flight_delays/with_delay",
        "features": "flight_delays/flight_features",
        "cut": "predicted_at",
        "predictions": {"first_guess": {"pipeline": "flight_delays"}},
    }
    file = documents.DEFS / "flight_delays" / "defs.yaml"
    assert ChainedFeatures.of(document, file).config.parameters["targets"] == {}


def test_a_model_whose_features_may_be_known_too_late_is_refused(file: Path) -> None:
    every = list(yaml.safe_load_all(file.read_text("utf-8")))
    [model] = [one["attributes"] for one in every if one["attributes"].get("pipeline") == "broken"]
    model["predicted_at"] = "ordered_at"
    file.write_text(yaml.safe_dump_all(every), "utf-8")
    with pytest.raises(ConfigurationError, match=f"{BROKEN} .*Add 'cut: ordered_at'"):
        pipeline("broken", file)
    changed(file, BROKEN, cut="ordered_at")
    with pytest.raises(ConfigurationError, match=f"{HEAVY} .*Add 'cut: ordered_at'"):
        pipeline("broken", file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"features": "shop/parcel"}, "no computed table 'shop/parcel'", id="features"),
        pytest.param(
            {"predictions": {"expected_weight": {"pipeline": "wait"}}},
            "no pipeline 'wait'",
            id="pipeline",
        ),
        pytest.param({"predictions": {}}, "predictions", id="no predictions"),
        pytest.param({"function": "a.b"}, "function", id="unknown key"),
        pytest.param(
            {"predictions": {"items": {"pipeline": "weight"}}},
            "the column 'items', which Parcels has already",
            id="column of the features",
        ),
        pytest.param(
            {"predictions": {"w": {"pipeline": "weight", "join_keys": {"number": "order"}}}},
            "shop/parcels has no column 'number' to find predictions of weight by",
            id="own join key",
        ),
        pytest.param(
            {"predictions": {"w": {"pipeline": "weight", "join_keys": {"order": "ordr"}}}},
            "predictions of weight have no column 'ordr'; they have order. Did you mean 'order'?",
            id="join key of the predictions",
        ),
        pytest.param({"cut": "hours"}, "which shop/parcels does not have", id="cut"),
        pytest.param(
            {"cut": "hour"},
            "the time at which a prediction of weight was known cannot be compared",
            id="times",
        ),
        pytest.param(
            {"predictions": {"w": {"pipeline": "heavy"}}},
            f"{HEAVY} in defs.yaml is made from itself",
            id="its own model",
        ),
        pytest.param(
            {"predictions": {"w": {"pipeline": "damage"}}},
            f"{HEAVY} in defs.yaml is made from itself",
            id="an ensemble that has its model",
        ),
        pytest.param({"features": HEAVY}, f"{HEAVY} in defs.yaml is made from itself", id="itself"),
        pytest.param(
            {"features": BROKEN}, f"{HEAVY} in defs.yaml is made from itself", id="a later table"
        ),
    ],
)
def test_a_document_that_cannot_be_used_is_refused(
    file: Path, changes: dict[str, Any], message: str
) -> None:
    found = changed(file, HEAVY, **changes)
    assert isinstance(found, Broken)
    assert message in found.problem
