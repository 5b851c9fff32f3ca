"""Tests of fields: numbers, texts, missing values; and that they hold for no row outside their values."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ml_assets.errors import ContractViolation
from ml_assets.learning.ensembles.conditions import Condition, FieldTest, domains, holds

CONDITION: TypeAdapter[dict[str, FieldTest]] = TypeAdapter(Condition)
QUICK = settings(deadline=None, max_examples=100)
NAN = float("nan")
MISSING = [None, NAN, pd.NA]
NUMBERS = [-1, 0, 0.5, 1, 2, 3.5, None, NAN]
TEXTS = ["north", "south", "", None]


def found(condition: dict[str, Any], **columns: Any) -> list[bool]:
    """Whether a condition holds for each row of columns."""
    count = len(next(iter(columns.values())))
    return holds(CONDITION.validate_python(condition), columns, count).tolist()


@pytest.mark.parametrize(
    ("test", "values", "expected"),
    [
        pytest.param({"at_least": 2}, [1, 2, 3], [False, True, True], id="at least"),
        pytest.param({"above": 2}, [1, 2, 3], [False, False, True], id="above"),
        pytest.param({"at_most": 2}, [1, 2, 3], [True, True, False], id="at most"),
        pytest.param({"below": 2}, [1, 2, 3], [True, False, False], id="below"),
        pytest.param({"above": 1, "below": 3}, [1, 2, 3], [False, True, False], id="between"),
        pytest.param({"in": [1, 3]}, [1, 2, 3.0], [True, False, True], id="numbers"),
        pytest.param({"not_in": [1, 3]}, [1, 2, 3.0], [False, True, False], id="not numbers"),
        pytest.param({"in": ["a", "b"]}, ["a", "A", "c"], [True, False, False], id="texts"),
        pytest.param({"in": ["1"]}, ["1", "1.0"], [True, False], id="digits are a text"),
        pytest.param({"in": [True]}, [True, False], [True, False], id="truth values"),
        pytest.param({"at_least": 1}, [True, False], [True, False], id="truth values are 0 and 1"),
        pytest.param({"is": "missing"}, [1, *MISSING], [False, True, True, True], id="missing"),
        pytest.param({"is": "present"}, [1, *MISSING], [True, False, False, False], id="present"),
        pytest.param({"is": "present"}, ["", None], [True, False], id="an empty text is present"),
        pytest.param({"at_least": -9}, [1, *MISSING], [True, False, False, False], id="no number"),
        pytest.param({"in": [1]}, [1, *MISSING], [True, False, False, False], id="none of a list"),
        pytest.param(
            {"not_in": [2]}, [1, *MISSING], [True, False, False, False], id="not in a list"
        ),
        pytest.param(
            {"is": "present", "in": [1, 2], "not_in": [2], "at_least": 1},
            [1, 2, None],
            [True, False, False],
            id="all tests hold",
        ),
    ],
)
def test_a_field_is_tested(test: dict[str, Any], values: list[Any], expected: list[bool]) -> None:
    assert found({"field": test}, field=values) == expected
    series = pd.Series(values, dtype=object)
    assert found({"field": test}, field=series) == expected
    assert (
        holds(
            CONDITION.validate_python({"field": test}), pd.DataFrame({"field": series}), len(values)
        ).tolist()
        == expected
    )


@pytest.mark.parametrize("dtype", ["float64", "Int64", "Float32"])
def test_typed_columns_are_tested_like_lists(dtype: str) -> None:
    values = pd.Series([1, None, 3], dtype=dtype)

    assert found({"n": {"above": 1}}, n=values) == [False, False, True]
    assert found({"n": {"in": [1]}}, n=values) == [True, False, False]
    assert found({"n": {"is": "missing"}}, n=values) == [False, True, False]


def test_all_fields_have_to_pass() -> None:
    condition = {"n": {"at_least": 2}, "t": {"in": ["a"]}}

    assert found(condition, n=[1, 2, 3], t=["a", "a", "b"]) == [False, True, False]
    assert found({}, n=[1, 2]) == [True, True]


def test_a_text_is_not_compared_with_a_limit() -> None:
    with pytest.raises(ContractViolation, match=r"n is .many. of type str\. Expected a number"):
        found({"n": {"at_least": 2}}, n=["many"])


@pytest.mark.parametrize("value", ["score / 0 > 1", "1 if True else 2", 3, None, ["a"]])
def test_expressions_are_no_tests(value: Any) -> None:
    with pytest.raises(ValidationError, match="Expressions are not evaluated"):
        CONDITION.validate_python({"score": value})
    with pytest.raises(ValidationError, match="Expressions are not evaluated"):
        CONDITION.validate_python(value)


@st.composite
def field_tests(draw: st.DrawFn, values: list[Any]) -> dict[str, Any]:
    """A test of a field with some values."""
    present = [value for value in values if not pd.isna(value)]
    keys = ["is", "in", "not_in"]
    if not isinstance(present[0], str):
        keys += [
            draw(st.sampled_from(["at_least", "above"])),
            draw(st.sampled_from(["at_most", "below"])),
        ]
    found = {}
    for key in draw(st.lists(st.sampled_from(keys), min_size=1, unique=True)):
        if key == "is":
            found[key] = draw(st.sampled_from(["missing", "present"]))
        elif key in {"in", "not_in"}:
            found[key] = draw(st.lists(st.sampled_from(present), min_size=1, max_size=4))
        else:
            found[key] = draw(st.sampled_from(present))
    return {"is": "missing"} if found.get("is") == "missing" else found


@QUICK
@given(st.one_of(*(st.tuples(field_tests(each), st.just(each)) for each in (NUMBERS, TEXTS))))
def test_conditions_hold_exactly_for_the_values_of_their_domain(
    drawn: tuple[dict[str, Any], list[Any]],
) -> None:
    test, values = drawn
    condition = CONDITION.validate_python({"f": test})
    domain = domains(condition)["f"]

    held = holds(condition, {"f": values}, len(values))

    expected = [domain.missing if pd.isna(value) else domain.has(value) for value in values]
    assert held.tolist() == expected
    assert not (domain.is_empty and np.any(held))
