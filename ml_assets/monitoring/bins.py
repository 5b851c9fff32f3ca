"""How the values of a feature are counted: in bins that a reference gives.

They are few and fixed, so that counts of any rows can be compared and added. Counting whole days
is in ``profile``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

BINS = 64
"""Most bins of a numeric feature: KS is then off by .003 on average, .016 at most."""

Kind = Literal["numeric", "categorical"]


@dataclass(frozen=True, eq=False)
class Bins:
    """How one feature's values are counted.

    The bins of k edges are: below the first, equal to the first, above an edge up to and
    including the next, above the last. So a value outside of the reference's range is told apart,
    also where the range is a single value. A categorical feature has a bin per category and one
    for all others.

    Attributes:
        feature: its name.
        kind: whether its values are numbers or names.
        edges: (k,) ascending edges of a numeric feature, in its own unit.
        categories: its categories as text.
    """

    feature: str
    kind: Kind
    edges: np.ndarray
    categories: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of bins."""
        if self.kind == "categorical":
            return len(self.categories) + 1
        return len(self.edges) + 2 if len(self.edges) else 1


def bins_of(rows: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str]) -> list[Bins]:
    """The bins of a reference.

    Args:
        rows: (n, …) rows of the reference with the features.
        numeric: features whose values are numbers.
        categorical: features whose values are names.

    Returns:
        One ``Bins`` per feature, in the order given.
    """
    return [
        *(Bins(name, "numeric", _edges(_numbers(rows[name]))) for name in numeric),
        *(
            Bins(name, "categorical", np.array([]), tuple(sorted(set(_labels(rows[name])[1]))))
            for name in categorical
        ),
    ]


def places(column: pd.Series, bins: Bins) -> tuple[np.ndarray, np.ndarray]:
    """In which bin each value lies.

    Args:
        column: (n,) values of any type.
        bins: the feature's.

    Returns:
        (n,) values to sum, 0 for categories, and (n,) numbers of bins, -1 where a value is
        missing: null, infinite, or no number where a number is meant.
    """
    if bins.kind == "categorical":
        code, labels = _labels(column)
        position = {name: place for place, name in enumerate(bins.categories)}
        unseen = len(position)
        places = np.array([*(position.get(label, unseen) for label in labels), -1])
        return np.zeros(len(column)), places[code]
    values = _numbers(column)
    place = np.searchsorted(bins.edges, values, side="left")
    if len(bins.edges):
        place += values >= bins.edges[0]
    return values, np.where(np.isfinite(values), place, -1)


def _edges(values: np.ndarray) -> np.ndarray:
    """Each value where there are few, quantiles otherwise; always values of the reference."""
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    if len(distinct) <= BINS - 2:
        return distinct
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS - 2), method="inverted_cdf"))


def _numbers(column: pd.Series) -> np.ndarray:
    """(n,) values as floats, NaN where there is none."""
    is_number = pd.api.types.is_numeric_dtype(column.dtype)
    numbers = column if is_number else pd.to_numeric(column, errors="coerce")
    return numbers.to_numpy("float64", na_value=np.nan)


def _labels(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """(n,) code of each value, -1 where there is none, and the names that the codes stand for."""
    code, values = pd.factorize(column)
    return code, [_name(value) for value in values]


def _name(value: object) -> str:
    """A category as text; a column of whole numbers turns to floats where one is missing."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
