"""Bins of a feature, derived from a reference.

The bins are few and fixed, so counts of different rows can be compared and added. ``profile``
counts the rows of days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

BINS = 64
"""Largest number of bins of a numeric feature; the error of KS is .003 on average, at most .016."""

Kind = Literal["numeric", "categorical", "text"]


@dataclass(frozen=True, eq=False)
class Bins:
    """The bins of one feature.

    The bins of k edges are: below the first, equal to the first, above an edge up to and
    including the next, above the last. So values outside the range of the reference have their own
    bins, even if the range is a single value. A categorical feature has a bin per category and one
    for all others. Free text has the bins of its length, as nearly every text is another one.

    Attributes:
        feature: name of the feature.
        kind: numeric, categorical or text.
        edges: (k,) ascending edges of a numeric feature, in its unit; of text in characters.
        categories: categories as text.
    """

    feature: str
    kind: Kind
    edges: np.ndarray
    categories: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether the bins are categories, and not ranges of numbers."""
        return self.kind == "categorical"

    @property
    def size(self) -> int:
        """Number of bins."""
        if self.is_named:
            return len(self.categories) + 1
        return len(self.edges) + 2 if len(self.edges) else 1


def bins_of(
    rows: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
    text: Sequence[str] = (),
) -> list[Bins]:
    """The bins of a reference.

    Args:
        rows: (n, …) rows of the reference with the features.
        numeric: numeric features.
        categorical: categorical features.
        text: features of free text.

    Returns:
        One ``Bins`` per feature, in this order.
    """
    return [
        *(Bins(name, "numeric", _edges(_numbers(rows[name]))) for name in numeric),
        *(Bins(name, "text", _edges(_lengths(rows[name]))) for name in text),
        *(
            Bins(name, "categorical", np.array([]), tuple(sorted(set(_labels(rows[name])[1]))))
            for name in categorical
        ),
    ]


def bin_numbers(column: pd.Series, bins: Bins) -> tuple[np.ndarray, np.ndarray]:
    """The bin of each value.

    Args:
        column: (n,) values of any type.
        bins: bins of the feature.

    Returns:
        (n,) values to sum, lengths of text and 0 for categories, and (n,) numbers of bins, -1 for
        missing values: null, infinite, or not a number in a numeric feature.
    """
    if bins.is_named:
        code, labels = _labels(column)
        position = {name: place for place, name in enumerate(bins.categories)}
        unseen = len(position)
        places = np.array([*(position.get(label, unseen) for label in labels), -1])
        return np.zeros(len(column)), places[code]
    values = _lengths(column) if bins.kind == "text" else _numbers(column)
    place = np.searchsorted(bins.edges, values, side="left")
    if len(bins.edges):
        place += values >= bins.edges[0]
    return values, np.where(np.isfinite(values), place, -1)


def _edges(values: np.ndarray) -> np.ndarray:
    """All values if there are few, quantiles otherwise; always values of the reference."""
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    if len(distinct) <= BINS - 2:
        return distinct
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS - 2), method="inverted_cdf"))


def _numbers(column: pd.Series) -> np.ndarray:
    """(n,) values as floats, NaN for missing ones."""
    is_number = pd.api.types.is_numeric_dtype(column.dtype)
    numbers = column if is_number else pd.to_numeric(column, errors="coerce")
    return numbers.to_numpy("float64", na_value=np.nan)


def _lengths(column: pd.Series) -> np.ndarray:
    """(n,) numbers of characters, NaN for missing texts."""
    return _numbers(column.astype("str").str.len())


def _labels(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """(n,) code of each value, -1 for missing ones, and the category of each code."""
    code, values = pd.factorize(column)
    return code, [_name(value) for value in values]


def _name(value: object) -> str:
    """A category as text; whole floats as integers (pandas makes floats of them if one is null)."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
