"""Turning values as they came into the types a contract names, one value at a time.

A value that cannot become its type is reported and never guessed at, so that one bad cell
neither hides other violations of its column nor stops the rows around it.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import dtype

Coerced = tuple[pd.Series, pd.Series]
"""The typed values (bad ones null), and a boolean mask of the rows that could not be coerced."""


def coerce_column(values: pd.Series, column: pa.Column) -> Coerced:
    """Coerce one column to its contract's type.

    Args:
        values: (n,) raw values of any type.
        column: the contract's column.

    Returns:
        (n,) typed values where bad ones are null, and the (n,) mask of bad ones. Nulls are
        never bad here; whether they may stand is for validation to say.
    """
    wanted = dtype(column)
    values = values.infer_objects() if values.dtype == object else values
    if values.dtype == wanted:
        return values, pd.Series(False, index=values.index)
    typed = _coercer(wanted)(values)
    return typed, typed.isna() & values.notna()


def _coercer(wanted: object) -> Callable[[pd.Series], pd.Series]:
    if isinstance(wanted, pd.DatetimeTZDtype):
        return _to_utc
    if _is_kind(wanted, "M"):
        return lambda values: _to_utc(values).dt.tz_localize(None)
    if _is_kind(wanted, "b"):
        return _to_bool
    if _is_kind(wanted, "iu"):
        return _to_integer
    if _is_kind(wanted, "f"):
        return _to_float
    return _to_text


def _is_kind(wanted: object, kinds: str) -> bool:
    return isinstance(wanted, np.dtype) and wanted.kind in kinds


def _to_utc(values: pd.Series) -> pd.Series:
    text_or_time = values.where(~values.map(_is_number), None) if values.dtype == object else values
    if pd.api.types.is_numeric_dtype(text_or_time.dtype):
        text_or_time = pd.Series(pd.NaT, index=values.index)
    utc = pd.to_datetime(text_or_time, utc=True, errors="coerce", format="ISO8601")
    return utc.dt.as_unit("us")


def _to_float(values: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(_without_booleans(values), errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers))


def _to_integer(values: pd.Series) -> pd.Series:
    """Integers, or whole floats with nulls where a row has none: those rows are dropped later."""
    if pd.api.types.is_integer_dtype(values.dtype):
        return values
    numbers = _to_float(values)
    return numbers.where(numbers == np.floor(numbers))


def _to_bool(values: pd.Series) -> pd.Series:
    meanings = {1: True, 0: False, "true": True, "false": False}  # True is 1, False is 0
    return values.map(lambda value: meanings.get(value) if pd.notna(value) else None)


def _to_text(values: pd.Series) -> pd.Series:
    return values.where(values.isna(), values.map(str)).astype("str")


def _without_booleans(values: pd.Series) -> pd.Series:
    if values.dtype != object:
        return values
    return values.where(~values.map(lambda value: isinstance(value, bool)), None)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not pd.isna(value)
