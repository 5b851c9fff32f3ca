"""What is read of ``defs.yaml``, and what is said of names that do not exist."""

import pytest

from ml_assets.configuration.documents import feature_table, pipelines
from ml_assets.errors import ConfigurationError
from ml_assets.lineage.pipelines import pipeline
from ml_assets.names import unknown


def test_pipeline_is_what_its_defs_yaml_says() -> None:
    found = pipeline("flight_delays")

    assert found.features == "flight_delays/flight_features"
    assert found.labels == "flight_delays/flight_outcomes"
    assert found.key == ("time_hour", "carrier", "flight")
    assert found.table("model") == "flight_delays/model"
    assert "flight_delays" in pipelines()


def test_computed_table_is_told_from_others() -> None:
    said = feature_table("flight_delays/flight_features")

    assert said is not None
    assert said["inputs"]["flights"]["asset"] == "sources/flights"
    assert feature_table("sources/flights") is None


def test_unknown_pipeline_is_told_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Is 'flight_delays' meant"):
        pipeline("flight_delay")


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        pytest.param("dep_dely", ["dep_delay", "dest"], "Is 'dep_delay' meant?", id="near"),
        pytest.param("zzz", ["dep_delay", "dest"], "There is dep_delay, dest.", id="far"),
        pytest.param("2014-07-10", ["2013-07-10", "2013-12-30"], "Is '2013-12-30'", id="day"),
        pytest.param("x", [], "there is none at all yet", id="nothing"),
        pytest.param("x", [f"2013-{n}" for n in range(10, 40)], "2013-10 … 2013-39", id="many"),
    ],
)
def test_unknown_name_is_told_what_there_is(name: str, known: list[str], told: str) -> None:
    assert told in str(unknown("column", name, known))
