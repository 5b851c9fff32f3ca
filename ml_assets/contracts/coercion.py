"""Coercion of raw values to the types of a contract, one value at a time.

A value that cannot be coerced is reported, never guessed, so that one bad cell neither hides other
violations of its column nor affects other rows. The result of a value does not depend on other
rows: columns of a single type are coerced at once, with the same result as value by value.
"""

import contextlib
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import dtype
from ml_assets.contracts.moments import moment, moments

Coerced = tuple[pd.Series, pd.Series]
"""(n,) typed values, null where bad, and the (n,) mask of values that cannot be coerced."""

EXACT = 2**53
"""Largest magnitude up to which each integer is exactly representable as a float."""


def coerce_column(values: pd.Series, column: pa.Column) -> Coerced:
    """Coerce one column to its contract's type.

    Args:
        values: (n,) raw values of any type.
        column: the contract's column.

    Returns:
        (n,) typed values where bad ones are null, and the (n,) mask of bad ones. Nulls are never
        bad; validation checks whether they are allowed.
    """
    typed = _coercer(dtype(column))(values)
    return typed, typed.isna() & values.notna()


def value_coercer(column: pa.Column) -> Callable[[Any], Any]:
    """A function that coerces one value as ``coerce_column`` does; it returns None for a bad one.

    Args:
        column: the contract's column.
    """
    target = dtype(column)
    if isinstance(target, pd.DatetimeTZDtype):
        return lambda value: _moment(value, target.unit, UTC)
    if _is_kind(target, "M"):
        unit, _ = np.datetime_data(cast("np.dtype[np.datetime64]", target))
        return lambda value: _moment(value, unit, None)
    if _is_kind(target, "b"):
        return _boolean
    if _is_kind(target, "iu"):
        return _integer
    return _number if _is_kind(target, "f") else _text


def _moment(value: Any, unit: str, zone: tzinfo | None) -> datetime | None:
    found = moment(value)
    if found is None or (unit == "ns" and not _FIRST_NS <= found <= _LAST_NS):
        return None
    return found.replace(tzinfo=zone)


def _coercer(target: object) -> Callable[[pd.Series], pd.Series]:
    if isinstance(target, pd.DatetimeTZDtype):
        return lambda values: _in_bounds(moments(values), target.unit)
    if _is_kind(target, "M"):
        unit, _ = np.datetime_data(cast("np.dtype[np.datetime64]", target))
        return lambda values: _in_bounds(moments(values), unit).dt.tz_localize(None)
    if _is_kind(target, "b"):
        return lambda values: _one_by_one(values, _boolean, "object")
    if _is_kind(target, "iu"):
        return _to_integer
    if _is_kind(target, "f"):
        return _to_float
    return _to_text


def _is_kind(target: object, kinds: str) -> bool:
    return isinstance(target, np.dtype) and target.kind in kinds


def _one_by_one(values: pd.Series, convert: Callable[[Any], object], result_type: str) -> pd.Series:
    converted = [None if is_null(value) else convert(value) for value in values.astype(object)]
    return pd.Series(converted, index=values.index, dtype=result_type)


def is_null(value: object) -> bool:
    """Whether a single value of any type is null."""
    if value is None:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)):
        return bool(value != value)  # noqa: PLR0124
    return value is pd.NA or value is pd.NaT


def _in_bounds(found: pd.Series, unit: str) -> pd.Series:
    """Timestamps, null outside the range of nanoseconds from 1677 to 2262 if ``unit`` is ``ns``."""
    if unit != "ns":
        return found
    return found.where(
        found.between(
            pd.Timestamp(_FIRST_NS).tz_localize("UTC"), pd.Timestamp(_LAST_NS).tz_localize("UTC")
        )
    )


def _to_float(values: pd.Series) -> pd.Series:
    if _is_kind(values.dtype, "f") or _holds_only(values, "floating"):
        numbers = _floats(values)
        return numbers.where(np.isfinite(numbers))
    if _holds_only(values, "integer"):
        integers = _to_integer(values)
        return integers.where(integers.abs() <= EXACT).astype("float64")
    return _one_by_one(values, _number, "float64")


def _to_integer(values: pd.Series) -> pd.Series:
    """Integers, nullable if a row has none, as those rows are dropped later."""
    if _is_kind(values.dtype, "i"):
        return values
    if _is_kind(values.dtype, "f") or _holds_only(values, "floating"):
        numbers = _floats(values)
        whole = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (numbers.abs() <= EXACT)
        return numbers.where(whole).astype("Int64")
    if _holds_only(values, "integer"):
        with contextlib.suppress(OverflowError):
            return values.astype("Int64")
    return _one_by_one(values, _integer, "Int64")


def _floats(values: pd.Series) -> pd.Series:
    try:
        return values.astype("float64")
    except TypeError:  # an object column of floats may contain pandas' own null
        return values.where(values.notna(), np.nan).astype("float64")


def _to_text(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.StringDtype) or _holds_only(values, "string"):
        with contextlib.suppress(UnicodeEncodeError):
            return values.astype("str")
    return _one_by_one(values, _text, "str")


def _holds_only(values: pd.Series, kind: str) -> bool:
    return values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) == kind


def _number(value: Any) -> float | None:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (*_NUMBERS, str)):
        return None
    if isinstance(value, str) and "_" in value:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    is_exact = not isinstance(value, (int, np.integer)) or abs(int(value)) <= EXACT
    return number if math.isfinite(number) and is_exact else None


def _integer(value: Any) -> int | None:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        number = int(value)
    elif isinstance(value, str):
        if not _WHOLE.fullmatch(value):
            return None
        number = int(value.partition(".")[0])
    else:
        real = _number(value)
        if real is None or real != math.floor(real) or abs(real) > EXACT:
            return None
        number = int(real)
    return number if -(2**63) <= number < 2**63 else None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return BOOLEANS.get(value.lower())
    if isinstance(value, (bool, np.bool_, *_NUMBERS)) and value in (0, 1):
        return bool(value)
    return None


def _text(value: Any) -> str | None:
    if not isinstance(value, (str, bool, np.bool_, *_NUMBERS, date)):
        return None
    text = str(value)
    return text if escaped(text) == text else None


def escaped(text: str) -> str:
    """The text with escapes for lone surrogates, which files and databases cannot store."""
    return text.encode("utf-8", "backslashreplace").decode()


BOOLEANS = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}
"""Texts of booleans, as databases write them to files."""

_FIRST_NS = pd.Timestamp.min.ceil("us").to_pydatetime()
_LAST_NS = pd.Timestamp.max.floor("us").to_pydatetime()
_WHOLE = re.compile(r"\s*[+-]?\d{1,19}(\.0*)?\s*", re.ASCII)
_NUMBERS = (int, float, np.integer, np.floating, Decimal)
