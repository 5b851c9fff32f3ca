"""Plain values of rows as numbers; what a model of scikit-learn refuses is refused by column."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.errors import ContractViolation

Columns = Mapping[str, Sequence[Any] | pd.Series] | pd.DataFrame
"""Input column → its values, one for each row."""

NUMBERS = (int, float, np.number, np.bool_)
"""Types of numbers; a bool is an int."""


class NotSupported(Exception):
    """A part of a model that only scikit-learn can compute; the message is the end of a sentence."""


def columns_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    """The values of rows by column.

    Args:
        rows: n rows, column → value; other columns are ignored.
        names: input columns.

    Raises:
        ContractViolation: a row lacks a column.
    """
    try:
        return {name: [row[name] for row in rows] for name in names}
    except KeyError as error:
        raise ContractViolation(
            f"A row to predict lacks '{error.args[0]}'. Expected {', '.join(names)}; a value that is not "
            "known is None"
        ) from None


def numbers(name: str, values: Sequence[Any] | np.ndarray | pd.Series) -> np.ndarray:
    """(n,) numbers of a column, NaN where they are missing.

    Args:
        name: name of the column.
        values: n numbers, booleans, None or NaN.

    Raises:
        ContractViolation: a value is no number, or too large for one.
    """
    if isinstance(values, pd.Series):
        if values.dtype != object and pd.api.types.is_numeric_dtype(values.dtype):
            return values.to_numpy(dtype=float, na_value=np.nan)
        values = values.tolist()
    elif isinstance(values, np.ndarray) and values.dtype.kind in "bif":
        return values.astype(float)
    return np.array([_number(name, value) for value in values], dtype=float)


def refuse_infinite(names: Sequence[str], matrix: np.ndarray) -> None:
    """Refuse infinite numbers.

    Args:
        names: the m columns; empty for those without a name.
        matrix: (n, m) numbers.

    Raises:
        ContractViolation: there is one.
    """
    _refuse(names, np.isinf(matrix), "infinite, or too large")


def refuse_missing(names: Sequence[str], matrix: np.ndarray) -> None:
    """Refuse missing numbers, like ``refuse_infinite``."""
    _refuse(names, np.isnan(matrix), "missing, which this model does not accept")


def _refuse(names: Sequence[str], is_wrong: np.ndarray, problem: str) -> None:
    if not is_wrong.any():
        return
    wrong = np.flatnonzero(is_wrong.any(axis=0))
    where = ", ".join(name for place in wrong.tolist() if (name := names[place])) or "an input"
    raise ContractViolation(f"A row cannot be predicted: {where} is {problem}")


def _number(name: str, value: Any) -> float:
    if value is None or value is pd.NA:
        return np.nan
    try:
        if isinstance(value, NUMBERS):
            return float(value)
    except OverflowError:
        raise ContractViolation(f"{name} is an integer that is too large for a number") from None
    raise ContractViolation(
        f"{name} is {value!r:.60} of type {type(value).__name__}. Expected a number, or None"
    )
