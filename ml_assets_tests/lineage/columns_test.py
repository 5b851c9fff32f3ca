import pytest

from ml_assets.errors import ConfigurationError
from ml_assets.lineage.columns import columns_of, downstream, origins, upstream

MADE_FROM = {
    ("features", "delay"): [("flights", "dep_delay"), ("flights", "origin")],
    ("features", "wind"): [("weather", "wind_speed")],
    ("model", "prediction"): [("features", "delay"), ("features", "wind")],
    ("champion", "fingerprint"): [("model", "prediction"), ("champion", "fingerprint")],
}


def test_upstream_goes_down_to_the_sources_of_a_column_and_of_no_other() -> None:
    assert upstream(MADE_FROM, {("features", "delay")}) == {
        ("features", "delay"),
        ("flights", "dep_delay"),
        ("flights", "origin"),
    }


def test_downstream_finds_all_that_is_made_from_a_column() -> None:
    assert downstream(MADE_FROM, {("weather", "wind_speed")}) == {
        ("weather", "wind_speed"),
        ("features", "wind"),
        ("model", "prediction"),
        ("champion", "fingerprint"),
    }


def test_a_column_that_is_made_from_itself_ends_the_walk() -> None:
    assert ("flights", "origin") in upstream(MADE_FROM, {("champion", "fingerprint")})


def test_a_column_that_nothing_is_known_of_is_its_own_answer() -> None:
    assert upstream(MADE_FROM, {("airports", "tzone")}) == {("airports", "tzone")}
    assert downstream(MADE_FROM, {("airports", "tzone")}) == {("airports", "tzone")}


def test_origins_are_the_columns_that_no_other_makes() -> None:
    assert origins(MADE_FROM, [("champion", "fingerprint")]) == {
        ("flights", "dep_delay"),
        ("flights", "origin"),
        ("weather", "wind_speed"),
    }


def test_a_name_means_a_column_or_all_of_a_table() -> None:
    assert columns_of(MADE_FROM, "features.wind") == [("features", "wind")]
    assert columns_of(MADE_FROM, "flights") == [("flights", "dep_delay"), ("flights", "origin")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("feature", "There is no table 'feature'.*Is 'features' meant", id="table"),
        pytest.param(
            "flights.delay", "no column of flights 'delay'.*Is 'dep_delay' meant", id="column"
        ),
    ],
)
def test_unknown_names_are_refused_with_the_most_similar_one(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        columns_of(MADE_FROM, name)
