"""Configuration read from ``defs.yaml``, and errors for unknown names."""

import pytest

from ml_assets.configuration.documents import feature_table
from ml_assets.configuration.models import pipelines
from ml_assets.errors import ConfigurationError
from ml_assets.lineage.pipelines import pipeline
from ml_assets.names import unknown
from ml_assets.settings import settings
from ml_assets_tests.project import overridden


def test_pipeline_is_read_from_defs_yaml() -> None:
    found = pipeline("flight_delays")

    assert found.features == "flight_delays/flight_features"
    assert found.labels == "flight_delays/flight_outcomes"
    assert found.join_keys == ("time_hour", "carrier", "flight")
    assert found.table("model") == "flight_delays/model"
    assert "flight_delays" in pipelines()


def test_only_feature_tables_have_a_feature_table_document() -> None:
    document = feature_table("flight_delays/flight_features")

    assert document is not None
    assert document["inputs"]["flights"]["asset"] == "sources/flights"
    assert feature_table("sources/flights") is None


def test_error_of_an_unknown_pipeline_suggests_a_similar_one() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'flight_delays'"):
        pipeline("flight_delay")


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        pytest.param("dep_dely", ["dep_delay", "dest"], "Did you mean 'dep_delay'?", id="near"),
        pytest.param("zzz", ["dep_delay", "dest"], "Known: dep_delay, dest.", id="far"),
        pytest.param(
            "2014-07-10", ["2013-07-10", "2013-12-30"], "Did you mean '2013-12-30'?", id="day"
        ),
        pytest.param("x", [], "none exists yet", id="nothing"),
        pytest.param("x", [f"2013-{n}" for n in range(10, 40)], "2013-10 … 2013-39", id="many"),
    ],
)
def test_error_of_an_unknown_name_lists_known_ones(
    name: str, known: list[str], message: str
) -> None:
    assert message in str(unknown("column", name, known))


def test_a_pipeline_that_serves_collects_its_log_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "logged_predictions" not in pipeline("flight_delays").scoring
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(serving={"predictions": "log"}))
    settings.cache_clear()

    found = pipeline("flight_delays")

    settings.cache_clear()
    assert found.is_logged
    assert found.scoring[:2] == ["logged_predictions", "predictions"]
