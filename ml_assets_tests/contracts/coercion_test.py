"""Turning one column's raw values into its contract's type."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.contracts.coercion import coerce_column, escaped, value_coercer
from ml_assets.contracts.contract import Contract, columns, dtype


class Kinds(Contract):
    """A column of each type that contracts use."""

    number: float = pa.Field(nullable=True)
    count: int = pa.Field()
    flag: bool = pa.Field()
    text: str = pa.Field(nullable=True)
    moment: pd.DatetimeTZDtype = pa.Field(dtype_kwargs={"unit": "us", "tz": "UTC"})
    nanos: pd.DatetimeTZDtype = pa.Field(dtype_kwargs={"unit": "ns", "tz": "UTC"})


QUICK = settings(deadline=None, max_examples=60)
NOON = pd.Timestamp("2013-07-08 12:00", tz="UTC")
MICROS, NANOS = pd.DatetimeTZDtype("us", "UTC"), pd.DatetimeTZDtype("ns", "UTC")
FIRST_NS, LAST_NS = "1677-09-21T00:12:43.145225Z", "2262-04-11T23:47:16.854775Z"
"""The first and the last moment of a column in nanoseconds."""


def coerced(column: str, *values: Any) -> tuple[list[Any], list[bool]]:
    """Typed values with None for null, and the mask of bad ones."""
    raw = pd.Series(list(values), dtype=object)
    typed, bad = coerce_column(raw, columns(Kinds)[column])
    return [None if pd.isna(value) else value for value in typed], [*bad]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        pytest.param("number", 1.5, 1.5, id="float"),
        pytest.param("number", 3, 3.0, id="float from int"),
        pytest.param("number", "2.5", 2.5, id="float from text"),
        pytest.param("count", 7, 7, id="int"),
        pytest.param("count", 7.0, 7, id="int from whole float"),
        pytest.param("count", "7", 7, id="int from text"),
        pytest.param("count", 2**53 + 1, 2**53 + 1, id="int beyond the floats"),
        pytest.param("flag", True, True, id="bool"),
        pytest.param("flag", 0, False, id="bool from 0"),
        pytest.param("count", "7.0", 7, id="int from text with a point"),
        pytest.param("flag", "true", True, id="bool from text"),
        pytest.param("flag", "False", False, id="bool from text in any case"),
        pytest.param("flag", "t", True, id="bool from Postgres's text"),
        pytest.param("flag", "0", False, id="bool from a digit as text"),
        pytest.param("text", "EWR", "EWR", id="text"),
        pytest.param("text", 12, "12", id="text from int"),
        pytest.param("moment", NOON, NOON, id="moment"),
        pytest.param("moment", "2013-07-08 12:00", NOON, id="moment without a zone is UTC"),
        pytest.param("moment", "2013-07-08T08:00:00-04:00", NOON, id="moment of another zone"),
    ],
)
def test_value_becomes_its_type(column: str, value: Any, expected: Any) -> None:
    values, bad = coerced(column, value, None)

    assert values == [expected, None]
    assert bad == [False, False]


@pytest.mark.parametrize(
    ("column", "good", "value"),
    [
        pytest.param("number", 1.0, "twelve", id="text for a number"),
        pytest.param("number", 1.0, True, id="bool for a number"),
        pytest.param("number", 1.0, math.inf, id="infinity for a number"),
        pytest.param("number", 1.0, "inf", id="infinity as text for a number"),
        pytest.param("number", 1.0, "1_000", id="underscore in a number"),
        pytest.param("text", "EWR", "\ud800", id="half a character for a text"),
        pytest.param("count", 1, 1.5, id="fraction for a whole number"),
        pytest.param("count", 1, "one", id="text for a whole number"),
        pytest.param("flag", True, "maybe", id="text for a bool"),
        pytest.param("flag", True, 2, id="2 for a bool"),
        pytest.param("moment", NOON, "yesterday", id="text for a moment"),
        pytest.param("moment", NOON, 1373284800, id="number for a moment"),
    ],
)
def test_value_that_cannot_become_its_type_is_reported(column: str, good: Any, value: Any) -> None:
    values, bad = coerced(column, good, value, None)

    assert values == [good, None, None]
    assert bad == [False, True, False]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("number", True, id="bool for a number"),
        pytest.param("number", math.inf, id="infinity for a number"),
        pytest.param("number", datetime(2013, 7, 8, tzinfo=UTC), id="moment for a number"),
        pytest.param("number", timedelta(1), id="duration for a number"),
        pytest.param("number", "a", id="text for a number"),
        pytest.param("count", True, id="bool for a whole number"),
        pytest.param("count", datetime(2013, 7, 8), id="moment for a whole number"),
        pytest.param("flag", {"a": 1}, id="document for a bool"),
        pytest.param("flag", [1, 2], id="list for a bool"),
        pytest.param("moment", 1, id="number for a moment"),
        pytest.param("moment", "now", id="the word now for a moment"),
        pytest.param("moment", "today", id="the word today for a moment"),
    ],
)
def test_a_column_of_nothing_but_one_bad_value_is_bad(column: str, value: Any) -> None:
    assert coerced(column, value) == ([None], [True])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("text", 12, id="whole number as text"),
        pytest.param("text", datetime(2013, 7, 8), id="moment as text"),
        pytest.param("text", True, id="bool as text"),
        pytest.param("number", True, id="bool for a number"),
        pytest.param("number", datetime(2013, 7, 8, tzinfo=UTC), id="moment for a number"),
        pytest.param("count", 2**53 + 1, id="large whole number"),
        pytest.param("count", True, id="bool for a whole number"),
        pytest.param("flag", 1, id="1 for a bool"),
    ],
)
@pytest.mark.parametrize(
    "neighbour",
    [
        pytest.param(None, id="beside null"),
        pytest.param("x", id="beside text"),
        pytest.param(1, id="beside a number"),
    ],
)
def test_value_is_coerced_independently_of_others(column: str, value: Any, neighbour: Any) -> None:
    (alone,), (bad_alone,) = coerced(column, value)
    (beside, _), (bad_beside, _) = coerced(column, value, neighbour)

    assert (beside, bad_beside) == (alone, bad_alone)


@pytest.mark.parametrize(
    ("column", "value", "is_bad"),
    [
        pytest.param("number", 2**53, False, id="largest exact float"),
        pytest.param("number", 2**53 + 1, True, id="whole number that no float is"),
        pytest.param("count", 2.0**53, False, id="largest exact float as whole number"),
        pytest.param("count", 2.0**53 + 2, True, id="float that may have been rounded"),
        pytest.param("count", 2**63 - 1, False, id="largest whole number"),
        pytest.param("count", 2**63, True, id="one more than the largest"),
        pytest.param("count", -(2**63), False, id="smallest whole number"),
        pytest.param("count", -(2**63) - 1, True, id="one less than the smallest"),
        pytest.param("nanos", FIRST_NS, False, id="first moment"),
        pytest.param("nanos", "1677-09-21T00:12:43.145224Z", True, id="before the first moment"),
        pytest.param("nanos", LAST_NS, False, id="last moment"),
        pytest.param("nanos", "2262-04-11T23:47:16.854776Z", True, id="after the last moment"),
        pytest.param("moment", "1500-01-01T00:00:00Z", False, id="moment long ago"),
        pytest.param("moment", "2500-01-01T00:00:00Z", False, id="moment long from now"),
    ],
)
@pytest.mark.parametrize("neighbours", [[], ["?"]], ids=["alone", "beside text"])
def test_value_is_bad_beyond_the_bounds_of_its_type(
    column: str, value: Any, is_bad: bool, neighbours: list[Any]
) -> None:
    values, bad = coerced(column, value, *neighbours)

    assert bad[0] is is_bad
    assert (values[0] is None) is is_bad


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        pytest.param("datetime64[ns]", "2013-07-08T08:00:00-04:00", NOON, id="another zone"),
        pytest.param("datetime64[ns]", "2262-04-12T00:00:00Z", None, id="after the last moment"),
    ],
)
def test_moment_without_a_zone_is_that_of_utc(
    kind: str, value: str, expected: pd.Timestamp | None
) -> None:
    typed, bad = coerce_column(pd.Series([value], dtype=object), pa.Column(kind))

    assert [*bad] == [expected is None]
    assert [*typed.dropna()] == ([] if expected is None else [expected.tz_localize(None)])


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        pytest.param(NANOS, FIRST_NS, datetime.fromisoformat(FIRST_NS), id="first moment"),
        pytest.param(NANOS, "1677-09-21T00:12:43.145224Z", None, id="before the first moment"),
        pytest.param(NANOS, LAST_NS, datetime.fromisoformat(LAST_NS), id="last moment"),
        pytest.param(NANOS, "2262-04-11T23:47:16.854776Z", None, id="after the last moment"),
        pytest.param(
            "datetime64[ns]",
            "2013-07-08T08:00:00-04:00",
            datetime(2013, 7, 8, 12),
            id="another zone for a type without a zone",
        ),
        pytest.param(
            "datetime64[ns]", "2262-04-12T00:00:00Z", None, id="after the last without a zone"
        ),
        pytest.param(
            MICROS,
            "2500-01-01T00:00:00Z",
            datetime(2500, 1, 1, tzinfo=UTC),
            id="long from now",
        ),
        pytest.param("bool", "t", True, id="bool from text"),
        pytest.param("bool", "maybe", None, id="text for a bool"),
    ],
)
def test_single_value_is_coerced_as_in_a_column(
    kind: Any, value: str, expected: datetime | bool | None
) -> None:
    column = pa.Column(kind)

    found = value_coercer(column)(value)
    [in_column] = coerce_column(pd.Series([value], dtype=object), column)[0]

    assert found == expected
    assert (None if pd.isna(in_column) else in_column) == expected


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param("number", "float64", id="float"),
        pytest.param("count", "Int64", id="int"),
        pytest.param("flag", "object", id="bool"),
        pytest.param("text", "str", id="text"),
    ],
)
@pytest.mark.parametrize("values", [[{}], [{}, 1], [1, 2.0], [1.0], [None]], ids=str)
def test_type_and_index_of_a_column_do_not_depend_on_its_values(
    column: str, kind: str, values: list[Any]
) -> None:
    raw = pd.Series(values, index=[7, 3][: len(values)], dtype=object)

    typed, bad = coerce_column(raw, columns(Kinds)[column])

    assert typed.dtype == kind
    assert [*typed.index] == [*bad.index] == [*raw.index]


@pytest.mark.parametrize(
    ("column", "value"),
    [pytest.param("number", 1.5, id="float"), pytest.param("count", 2.0, id="int")],
)
def test_null_of_pandas_among_floats_is_null(column: str, value: float) -> None:
    assert coerced(column, value, pd.NA) == ([value, None], [False, False])


def test_lone_surrogates_are_escaped_and_other_text_is_kept() -> None:
    assert escaped("a\ud800é") == "a\\ud800é"


@pytest.mark.parametrize("column", columns(Kinds))
def test_nulls_are_never_bad(column: str) -> None:
    assert coerced(column, None, float("nan"), None) == ([None] * 3, [False] * 3)


@pytest.mark.parametrize("column", columns(Kinds))
def test_no_values_give_no_values(column: str) -> None:
    assert coerced(column) == ([], [])


@QUICK
@given(
    st.lists(
        st.one_of(st.none(), st.integers(-5, 5), st.floats(), st.booleans(), st.text(max_size=3))
    ),
    st.sampled_from(list(columns(Kinds))),
)
def test_every_value_is_typed_or_null_or_bad(values: list[Any], column: str) -> None:
    raw = pd.Series(values, dtype=object)

    typed, bad = coerce_column(raw, columns(Kinds)[column])

    assert [*typed.index] == [*bad.index] == [*raw.index]
    assert typed[bad].isna().all()
    assert typed[raw.notna() & ~bad].notna().all()
    assert typed[raw.isna()].isna().all()


@QUICK
@given(st.lists(st.one_of(st.floats(allow_infinity=False), st.text(max_size=2))))
def test_one_bad_value_does_not_affect_others(others: list[Any]) -> None:
    raw = pd.Series([*others, "not a number"], dtype=object)

    typed, bad = coerce_column(raw, columns(Kinds)["number"])
    alone, bad_alone = coerce_column(raw.iloc[:-1], columns(Kinds)["number"])

    assert bad.iloc[-1]
    pd.testing.assert_series_equal(typed.iloc[:-1], alone)
    pd.testing.assert_series_equal(bad.iloc[:-1], bad_alone)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        pytest.param("number", [1.0, None], id="float"),
        pytest.param("count", [1, 2**63 - 1], id="int"),
        pytest.param("text", ["EWR", None], id="text"),
        pytest.param("moment", [NOON, None], id="moment"),
    ],
)
def test_typed_column_is_returned_unchanged(name: str, raw: list[Any]) -> None:
    column = columns(Kinds)[name]
    values = pd.Series(raw, dtype=dtype(column))

    typed, bad = coerce_column(values, column)

    pd.testing.assert_series_equal(typed, values)
    assert not bad.any()
