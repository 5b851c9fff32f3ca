"""Which columns change with another one, compared with the declared column lineage."""

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.lineage.measurement.perturbation import differing
from ml_assets.provenance.provenance import Column

SUMS = {"sums"}
"""Columns with JSON lists of sums, whose last digits follow from the order of the terms."""

Dependents = Mapping[Column, set[str]]
"""Changed column → the columns of the table that changed with it."""


def variants(values: pd.Series, *, nullable: bool = False) -> Iterator[pd.Series]:
    """The values changed in several ways that leave their type and, mostly, their range.

    Args:
        values: (n,) values as they are stored.
        nullable: whether some of them may be null.
    """
    yield in_other_order(values)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        yield values - pd.Timedelta(hours=5)
    elif pd.api.types.is_bool_dtype(values.dtype):
        yield ~values
    elif pd.api.types.is_numeric_dtype(values.dtype):
        yield (values // 2 + 1).astype(values.dtype)
    else:
        yield pd.Series(values.dropna().iloc[0], index=values.index, dtype=values.dtype)
    if nullable:
        yield values.where(np.arange(len(values)) % 2 == 0)


def in_other_order(values: pd.Series) -> pd.Series:
    """The same values in other rows, deterministically."""
    order = np.random.default_rng(0).permutation(len(values))
    order = order[::-1] if (order == np.arange(len(values))).all() else order
    return pd.Series(values.to_numpy()[order], index=values.index, dtype=values.dtype)


def reversed_values(values: pd.Series) -> pd.Series:
    """Numbers in reversed and permuted order."""
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    return in_other_order(values.max() - values if is_number else values)


def differing_columns(before: pd.DataFrame, after: pd.DataFrame, by: Sequence[str]) -> set[str]:
    """Columns that differ in rows that are in both tables.

    Args:
        before: rows of a table.
        after: the same, computed from a changed input.
        by: columns that identify a row.
    """
    names = [name for name in before.columns if name != DAY and name not in by]
    one, other = (rows.drop_duplicates([DAY, *by], keep=False) for rows in (before, after))
    both = one.merge(other, on=[DAY, *by], suffixes=("", "|after"), validate="one_to_one")
    return {name for name in names if _differ(both[name], both[f"{name}|after"])}


def differences(declared: Mapping[str, Sequence[Column]], found: Dependents) -> list[str]:
    """Declared dependencies that no change shows, and dependencies that are not declared.

    Args:
        declared: column → the columns that it is computed from; only those in ``found`` count.
        found: the columns that changed with each of them.
    """
    return [
        f"{name} is declared to be computed from {table}.{column} and does not change with it"
        if name not in found[table, column]
        else f"{name} changes with {table}.{column}, which is not declared"
        for table, column in found
        for name in declared
        if ((table, column) in declared[name]) != (name in found[table, column])
    ]


def _differ(one: pd.Series, other: pd.Series) -> bool:
    if one.name in SUMS:
        pairs = zip(one.map(json.loads), other.map(json.loads), strict=True)
        return not all(len(a) == len(b) and np.allclose(a, b) for a, b in pairs)
    return differing(one, other) > 0
