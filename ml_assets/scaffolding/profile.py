"""Profile of a table: type, nulls, range and distinct values of each column."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ml_assets.contracts.moments import moments

Kind = Literal["int", "float", "bool", "text", "time", "empty"]

MIXED = 0.9
"""Share of numbers above which a column of texts probably is one of numbers with errors."""

FEW = 20
"""Number of distinct texts up to which a contract lists them."""

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_CODE = re.compile(r"0\d+", re.ASCII)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its name.
        kind: the type that all of its values have.
        null_share: share of rows without a value.
        distinct: number of distinct values.
        low: smallest number; None of other kinds.
        high: largest number.
        numbers: share of values that are numbers.
        texts: the distinct texts, if they are few.
    """

    name: str
    kind: Kind
    null_share: float
    distinct: int
    low: float | None = None
    high: float | None = None
    numbers: float = 0.0
    texts: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in {"int", "float"}

    @property
    def is_mixed(self) -> bool:
        """Whether most values are numbers, but not all."""
        return self.kind == "text" and self.numbers >= MIXED

    @property
    def seen(self) -> str:
        """Its range or number of values, for people."""
        if self.low is None or self.high is None:
            return f"{self.distinct} values"
        return f"{self.low:.6g} to {self.high:.6g}"


def profile(rows: pd.DataFrame) -> tuple[list[Column], pd.DataFrame]:
    """The columns of a table, and its rows with their types.

    Args:
        rows: (n, …) raw values, of which those of CSV files are texts.
    """
    columns, typed = [], {}
    for name in rows.columns:
        kind, values = _typed(rows[name])
        known = values.dropna()
        is_number = kind in {"int", "float"} and len(known) > 0
        is_listed = kind == "text" and known.nunique() <= FEW < len(known)
        columns.append(
            Column(
                name=str(name),
                kind=kind,
                null_share=float(values.isna().mean()),
                distinct=int(known.nunique()),
                low=float(known.min()) if is_number else None,
                high=float(known.max()) if is_number else None,
                numbers=_share_of_numbers(known) if kind == "text" else 0.0,
                texts=tuple(sorted(known.unique())) if is_listed else (),
            )
        )
        typed[str(name)] = values
    return columns, pd.DataFrame(typed)


def _typed(values: pd.Series) -> tuple[Kind, pd.Series]:
    known = values.dropna()
    if known.empty:
        return "empty", values
    found = pd.api.types.infer_dtype(known, skipna=True)
    if found == "boolean":
        return ("bool", values) if len(known) == len(values) else ("text", values.astype("str"))
    if found in {"integer", "floating", "mixed-integer-float", "decimal"}:
        return _number(values.astype("float64"))
    if found in {"datetime64", "datetime", "date"}:
        return "time", moments(values)
    return _of_texts(values.astype("str"))


def _of_texts(texts: pd.Series) -> tuple[Kind, pd.Series]:
    distinct = [text for text in texts.unique() if isinstance(text, str)]
    if all(_NUMBER.fullmatch(text) for text in distinct):
        if any(_CODE.fullmatch(text) for text in distinct):
            return "text", texts
        return _number(pd.to_numeric(texts, errors="coerce"))
    if {text.lower() for text in distinct} <= {"true", "false"} and texts.notna().all():
        return "bool", texts.str.lower() == "true"
    times = moments(texts)
    return ("time", times) if times.notna().sum() == texts.notna().sum() else ("text", texts)


def _number(values: pd.Series) -> tuple[Kind, pd.Series]:
    values = values.astype("float64")
    is_whole = values.notna().all() and bool((values == np.floor(values)).all())
    return ("int", values.astype("int64")) if is_whole else ("float", values)


def _share_of_numbers(known: pd.Series) -> float:
    return float(known.astype("str").str.fullmatch(_NUMBER.pattern).mean())
