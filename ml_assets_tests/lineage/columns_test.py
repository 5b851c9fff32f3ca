import pytest

from ml_assets.errors import ConfigurationError
from ml_assets.lineage.columns import columns_of, downstream, first_stored, origins, upstream

MADE_FROM = {
    ("features", "delay"): [("flights", "dep_delay"), ("flights", "origin")],
    ("features", "wind"): [("weather", "wind_speed")],
    ("model", "prediction"): [("features", "delay"), ("features", "wind")],
    ("champion", "fingerprint"): [("model", "prediction"), ("champion", "fingerprint")],
}


def test_upstream_finds_all_inputs_of_a_column_and_no_others() -> None:
    assert upstream(MADE_FROM, {("features", "delay")}) == {
        ("features", "delay"),
        ("flights", "dep_delay"),
        ("flights", "origin"),
    }


def test_downstream_finds_all_columns_computed_from_a_column() -> None:
    assert downstream(MADE_FROM, {("weather", "wind_speed")}) == {
        ("weather", "wind_speed"),
        ("features", "wind"),
        ("model", "prediction"),
        ("champion", "fingerprint"),
    }


def test_a_column_computed_from_itself_ends_the_traversal() -> None:
    assert ("flights", "origin") in upstream(MADE_FROM, {("champion", "fingerprint")})


def test_a_column_without_lineage_is_its_own_result() -> None:
    assert upstream(MADE_FROM, {("airports", "tzone")}) == {("airports", "tzone")}
    assert downstream(MADE_FROM, {("airports", "tzone")}) == {("airports", "tzone")}


def test_origins_are_the_columns_without_inputs() -> None:
    assert origins(MADE_FROM, [("champion", "fingerprint")]) == {
        ("flights", "dep_delay"),
        ("flights", "origin"),
        ("weather", "wind_speed"),
    }


def test_a_name_selects_a_column_or_all_of_a_table() -> None:
    assert columns_of(MADE_FROM, "features.wind") == [("features", "wind")]
    assert columns_of(MADE_FROM, "flights") == [("flights", "dep_delay"), ("flights", "origin")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("feature", "There is no table 'feature'.*Did you mean 'features'", id="table"),
        pytest.param(
            "flights.delay", "no column of flights 'delay'.*Did you mean 'dep_delay'", id="column"
        ),
    ],
)
def test_unknown_names_are_refused_with_the_most_similar_one(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        columns_of(MADE_FROM, name)


STORED = {
    ("flights", "dep_delay"): [("database", "dep_delay")],
    ("flights", "origin"): [("database", "origin")],
    ("features", "delay"): [("flights", "dep_delay"), ("flights", "origin")],
    ("chained", "delay"): [("features", "delay")],
    ("features", "constant"): [],
}


def test_first_stored_are_the_columns_of_source_tables() -> None:
    both = [("flights", "dep_delay"), ("flights", "origin")]

    assert first_stored(STORED, ("features", "delay")) == both
    assert first_stored(STORED, ("chained", "delay")) == both


@pytest.mark.parametrize(
    "column",
    [("flights", "origin"), ("features", "constant"), ("elsewhere", "x")],
    ids=["of a source table", "a constant", "nothing recorded"],
)
def test_first_stored_of_a_column_without_others_is_itself(column: tuple[str, str]) -> None:
    assert first_stored(STORED, column) == [column]
