"""Conditions over the fields of a row: declared as values and limits, never as an expression."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ml_assets.learning.ensembles.domains import Domain, Value
from ml_assets.learning.scorer.values import numbers

SCORE = "score"
"""The field with the combined prediction, as the rules before left it."""

SECTION = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


def _is_condition(values: Any) -> Any:
    if isinstance(values, Mapping):
        return values
    raise ValueError(
        f"{values!r} is no condition; expected fields with their tests, such as "
        "'score: {at_least: 0.9}'. Expressions are not evaluated"
    )


def _is_test(values: Any) -> Any:
    if isinstance(values, Mapping):
        return values
    raise ValueError(
        f"{values!r} is no test of a field; expected a mapping such as 'at_least: 3' or 'in: [a, b]'. "
        "Expressions are not evaluated"
    )


def _is_value(value: Any) -> Any:
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"{value!r} is no value; expected a text, a finite number, true or false")


def _is_no_truth_value(value: Any) -> Any:
    if not isinstance(value, bool):
        return value
    raise ValueError(f"{str(value).lower()} is no number")


Number = Annotated[float, BeforeValidator(_is_no_truth_value)]
"""A finite number."""
Listed = Annotated[Value, BeforeValidator(_is_value)]
"""A value that a field is compared with."""


class FieldTest(BaseModel):
    """What the value of a field has to be; all that is given has to hold.

    Attributes:
        is_: whether the value has to be missing or present.
        in_: the value is one of these.
        not_in: the value is none of these.
        at_least: the number is this or greater.
        above: the number is greater than this.
        at_most: the number is this or less.
        below: the number is less than this.
    """

    model_config = SECTION

    is_: Literal["missing", "present"] | None = Field(None, alias="is")
    in_: tuple[Listed, ...] | None = Field(None, alias="in", min_length=1)
    not_in: tuple[Listed, ...] | None = Field(None, min_length=1)
    at_least: Number | None = None
    above: Number | None = None
    at_most: Number | None = None
    below: Number | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        given = [name for name, value in self if value is not None]
        if not given:
            raise ValueError("nothing is tested; expected is, in, not_in, at_least, above, …")
        if self.is_ == "missing" and len(given) > 1:
            raise ValueError("a value that is missing cannot be compared: remove the other tests")
        for one, other in (("at_least", "above"), ("at_most", "below")):
            if one in given and other in given:
                raise ValueError(f"'{one}' and '{other}' are both given: keep one")
        return self

    @property
    def described(self) -> str:
        """The tests, as in a file."""
        lists = {"in": self.in_, "not_in": self.not_in}
        given = {name: f"[{', '.join(map(str, one))}]" for name, one in lists.items() if one}
        given |= {name: f"{value:g}" for name, value in self.limits.items()}
        return ", ".join(f"{name}: {text}" for name, text in given.items())

    @property
    def limits(self) -> dict[str, float]:
        """Name → value of the limits of a number that are given."""
        names = ("at_least", "above", "at_most", "below")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def listed(self) -> list[tuple[str, int, Value]]:
        """The values that it names, each with the key and the number of its place."""
        lists = (("in", self.in_ or ()), ("not_in", self.not_in or ()))
        return [(key, number, one) for key, values in lists for number, one in enumerate(values)]

    @property
    def domain(self) -> Domain:
        """The values for which it holds."""
        if self.is_ == "missing":
            return Domain(listed=frozenset())
        low = self.above if self.above is not None else self.at_least
        high = self.below if self.below is not None else self.at_most
        whole = Domain()
        return Domain(
            listed=None if self.in_ is None else frozenset(self.in_),
            excluded=frozenset(self.not_in or ()),
            low=whole.low if low is None else low,
            is_above=self.above is not None,
            high=whole.high if high is None else high,
            is_below=self.below is not None,
            missing=False,
        )


Condition: TypeAlias = Annotated[
    dict[str, Annotated[FieldTest, BeforeValidator(_is_test)]], BeforeValidator(_is_condition)
]
"""Field → its test; all have to hold. Alternatives are several routes or rules."""


def domains(condition: Condition) -> dict[str, Domain]:
    """Field → the values for which a condition holds."""
    return {field: test.domain for field, test in condition.items()}


def holds(
    condition: Condition, columns: Mapping[str, Any] | pd.DataFrame, count: int
) -> np.ndarray:
    """(count,) whether a condition holds for each row.

    Args:
        condition: the condition.
        columns: field → its (count,) values: numbers, texts, None or NaN.
        count: number of rows.
    """
    found = np.ones(count, dtype=bool)
    for field, test in condition.items():
        found &= _passes(field, test, columns[field])
    return found


def _passes(
    field: str, test: FieldTest, values: Sequence[Any] | np.ndarray | pd.Series
) -> np.ndarray:
    is_missing = _missing(values)
    if test.is_ == "missing":
        return is_missing
    found = ~is_missing
    if test.in_ is not None:
        found &= _is_listed(values, test.in_)
    if test.not_in is not None:
        found &= ~_is_listed(values, test.not_in)
    if test.limits:
        given = numbers(field, values)
        for name, limit in test.limits.items():
            found &= _COMPARED[name](given, limit)
    return found


def _missing(values: Sequence[Any] | np.ndarray | pd.Series) -> np.ndarray:
    if isinstance(values, (np.ndarray, pd.Series)):
        return np.asarray(pd.isna(values), dtype=bool)
    return np.array([_is_missing(value) for value in values], bool)


def _is_missing(value: Any) -> bool:
    if isinstance(value, (float, np.floating)):
        return math.isnan(value)
    return value is None or value is pd.NA


def _is_listed(
    values: Sequence[Any] | np.ndarray | pd.Series, listed: Sequence[Value]
) -> np.ndarray:
    known = frozenset(listed)
    return np.array([value in known for value in values], dtype=bool)


_COMPARED = {
    "at_least": np.greater_equal,
    "above": np.greater,
    "at_most": np.less_equal,
    "below": np.less,
}
