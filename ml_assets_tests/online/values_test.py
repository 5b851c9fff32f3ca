"""Values come back from JSON as they were, to the last bit."""

import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import ContractViolation
from ml_assets.online.values import Plain, decoded, encoded, entity_key, entity_values, plain

numbers = st.floats(allow_nan=False, allow_subnormal=True)
moments = st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-4))]))
values = st.one_of(st.none(), st.booleans(), st.integers(), numbers, st.text(), moments.map(plain))


def bits(value: Plain) -> object:
    """A value so that equal ones have the same type, bits and zone."""
    if isinstance(value, float):
        return "float", struct.pack("d", value)
    return type(value), value, getattr(value, "tzinfo", None)


@given(st.dictionaries(st.text(), values))
def test_values_survive(given_values: dict[str, Plain]) -> None:
    found = decoded(encoded(given_values))

    assert {name: bits(value) for name, value in found.items()} == {
        name: bits(value) for name, value in given_values.items()
    }


@given(st.lists(st.one_of(st.integers(), st.text()), min_size=1))
def test_an_entity_is_told_by_its_key(entity: list[Plain]) -> None:
    assert entity_values(entity_key(entity)) == entity


def test_equal_values_have_equal_texts_whatever_the_order_of_columns() -> None:
    assert encoded({"a": 1, "b": None}) == encoded({"b": None, "a": 1})


def test_a_text_is_ascii_without_control_characters() -> None:
    text = encoded({"name": "Bjørn\x00\n\u2028"})

    assert text.isascii()
    assert text.isprintable()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param(np.float32(0.1), float(np.float32(0.1)), id="float32"),
        pytest.param(np.int64(2**53 + 1), 2**53 + 1, id="int64"),
        pytest.param(np.bool_(True), True, id="boolean"),
        pytest.param(np.nan, None, id="missing number"),
        pytest.param(pd.NaT, None, id="missing timestamp"),
        pytest.param(pd.NA, None, id="missing"),
        pytest.param(math.inf, math.inf, id="infinite"),
        pytest.param(
            pd.Timestamp("2013-05-01 12:00:00.000001", tz="America/New_York"),
            datetime(2013, 5, 1, 16, 0, 0, 1, tzinfo=UTC),
            id="timestamp of a zone",
        ),
        pytest.param(np.datetime64("2013-05-01T12", "us"), datetime(2013, 5, 1, 12), id="no zone"),
    ],
)
def test_a_cell_becomes_a_plain_value(cell: object, expected: Plain) -> None:
    assert bits(plain(cell)) == bits(expected)
    assert bits(decoded(encoded({"x": plain(cell)}))["x"]) == bits(expected)


def test_a_cell_of_another_type_is_refused() -> None:
    with pytest.raises(ContractViolation, match="Decimal cannot be stored online, expected"):
        plain(Decimal("0.1"))
