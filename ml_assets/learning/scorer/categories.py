"""Encoders of categories as tables: each category, unseen ones and missing ones → encoded numbers.

A table is computed by the fitted encoder itself, so its settings need not be known here. Encoders
treat each column by itself; so only one column is varied at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.errors import ContractViolation
from ml_assets.learning.scorer.values import Columns, NotSupported

ENCODERS = frozenset({"OneHotEncoder", "OrdinalEncoder"})
"""Encoders that treat each column by itself."""

BEFORE = frozenset({"SimpleImputer"})
"""Steps before an encoder that do so too."""

MISSING = (None, pd.NA, pd.NaT)
"""Missing values, besides NaN, which is not equal to itself."""


@dataclass(frozen=True)
class Table:
    """How the values of one column are encoded.

    Attributes:
        name: the column.
        positions: category, or a missing value → row of ``encoded``.
        unseen: row of all other categories.
        places: (p,) columns of the result that depend on it.
        encoded: (categories, p) their values; ``refused`` rows mean nothing.
        refused: rows whose values the encoder refuses.
    """

    name: str
    positions: Mapping[Any, int]
    unseen: int
    places: np.ndarray
    encoded: np.ndarray
    refused: frozenset[int]

    def of(self, values: Sequence[Any] | pd.Series) -> np.ndarray:
        """(n, p) encoded values.

        Raises:
            ContractViolation: the encoder refuses a value, or it is no single value.
        """
        listed = values.tolist() if isinstance(values, pd.Series) else values
        get, unseen = self.positions.get, self.unseen
        try:
            found = [get(value, unseen) for value in listed]
        except TypeError as error:
            raise ContractViolation(f"{self.name} is no text, or None: {error}") from None
        missing = self.positions[None]
        found = [
            missing if row == unseen and value != value else row  # noqa: PLR0124  NaN
            for row, value in zip(found, listed, strict=True)
        ]
        if self.refused and (wrong := self.refused.intersection(found)):
            value = listed[next(place for place, row in enumerate(found) if row in wrong)]
            raise ContractViolation(
                f"{self.name} is {value!r:.60}, which did not occur in training and which the "
                "encoder of this model refuses"
            )
        return self.encoded[found]


@dataclass(frozen=True)
class Categories:
    """Encoded columns.

    Attributes:
        base: (m,) the result for the first category of each column.
        tables: a table for each column.
    """

    base: np.ndarray
    tables: Sequence[Table]

    @property
    def width(self) -> int:
        """Number of columns of the result."""
        return len(self.base)

    def matrix(self, columns: Columns, rows: int) -> np.ndarray:
        """(rows, m) encoded columns."""
        found = np.tile(self.base, (rows, 1))
        for table in self.tables:
            found[:, table.places] = table.of(columns[table.name])
        return found


def categories(transformer: Any, names: Sequence[str]) -> Categories:
    """Tables of a fitted encoder, or of a pipeline that ends in one.

    Args:
        transformer: the fitted transformer.
        names: its input columns.

    Raises:
        NotSupported: it is not known to treat each column by itself, or its categories are no texts.
    """
    known = [
        _texts(name, found) for name, found in zip(names, _categories(transformer), strict=True)
    ]
    first = {name: of_name[0] for name, of_name in zip(names, known, strict=True)}
    base = _encoded(transformer, pd.DataFrame({name: [value] for name, value in first.items()}))
    if base is None:
        raise NotSupported("its encoder refuses categories that it was fitted on")
    tables = [
        _table(transformer, first, name, of_name, base)
        for name, of_name in zip(names, known, strict=True)
    ]
    return Categories(base[0], tables)


def is_encoder(transformer: Any) -> bool:
    """Whether a transformer encodes categories column by column."""
    *before, last = steps_of(transformer)
    return _name(last) in ENCODERS and all(_name(step) in BEFORE for step in before)


def steps_of(transformer: Any) -> list[Any]:
    """The steps of a pipeline, or a transformer as the only step."""
    steps = getattr(transformer, "steps", None)
    return [transformer] if steps is None else [step for _, step in steps]


def _categories(transformer: Any) -> Sequence[Any]:
    return steps_of(transformer)[-1].categories_


def _table(
    transformer: Any,
    first: Mapping[str, str | None],
    name: str,
    known: Sequence[str | None],
    base: np.ndarray,
) -> Table:
    """The table of one column, while the others have their first category."""
    seen = [value for value in known if value is not None]

    def encoded(values: Sequence[str | None]) -> np.ndarray | None:
        others = {each: [value] * len(values) for each, value in first.items()}
        return _encoded(transformer, pd.DataFrame({**others, name: values}))

    parts = [encoded(seen) if seen else base[:0], encoded([_unseen(seen)]), encoded([None])]
    if parts[0] is None:
        raise NotSupported(f"its encoder refuses categories of {name} that it was fitted on")
    refused = frozenset(len(seen) + i for i, part in enumerate(parts[1:]) if part is None)
    rows = np.vstack([base if part is None else part for part in parts])
    places = np.flatnonzero(_differs(rows, base))
    missing = len(seen) + 1
    positions: dict[Any, int] = {
        **{value: row for row, value in enumerate(seen)},
        **dict.fromkeys(MISSING, missing),
    }
    return Table(name, positions, len(seen), places, rows[:, places], refused)


def _differs(rows: np.ndarray, base: np.ndarray) -> np.ndarray:
    is_same = (rows == base) | (np.isnan(rows) & np.isnan(base))
    return ~is_same.all(axis=0)


def _encoded(transformer: Any, frame: pd.DataFrame) -> np.ndarray | None:
    """(n, m) encoded rows; None if the encoder refuses one."""
    try:
        found = transformer.transform(frame.astype("str"))
    except ValueError:
        return None
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=float)


def _texts(name: str, known: Sequence[Any]) -> list[str | None]:
    """Categories of a column, None for missing values."""
    found = [None if value != value else value for value in known]  # noqa: PLR0124  NaN
    if any(value is None for value in known) or not all(
        isinstance(value, str) for value in found if value is not None
    ):
        raise NotSupported(f"the categories of {name} are no texts")
    return [None if value is None else str(value) for value in found]


def _unseen(known: Sequence[str]) -> str:
    return next(text for i in count() if (text := f"unseen {i}") not in known)


def _name(step: Any) -> str:
    is_known = type(step).__module__.startswith("sklearn.")
    return type(step).__name__ if is_known else ""
