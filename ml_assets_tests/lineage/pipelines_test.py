"""Configuration read from ``defs.yaml``, and errors for unknown names."""

import pytest

from ml_assets.configuration.documents import feature_table
from ml_assets.configuration.models import pipelines
from ml_assets.errors import ConfigurationError
from ml_assets.lineage.pipelines import pipeline
from ml_assets.names import unknown


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
