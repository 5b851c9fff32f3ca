"""A day contract proposed from history: suitable measures, observed ranges and a margin."""

import re
from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from ml_assets.content import DAY
from ml_assets.contracts import day
from ml_assets.contracts.contract import Contract, columns, dtype
from ml_assets.contracts.day import AGAINST_USUAL, MISSING, PRESENT, RATE, DayContract, measures_of

MAX_VALUES = 20
"""Maximum number of distinct values of a column for ``values_present``."""

MARGIN = 0.5
"""Share of the observed range that is added on both sides."""

MIN_MARGIN = 0.05
"""Minimum margin, on a scale from 0 to 1."""


def candidates(contract: type[Contract], rows: pd.DataFrame) -> type[DayContract]:
    """A day contract without bounds: every measure that suits the columns of a table.

    Args:
        contract: the row contract.
        rows: (n, …) rows of several days, from which expected values are taken.
    """
    fields: dict[str, object] = {"rows_against_usual": day.against_usual()}
    for name, column in columns(contract).items():
        field = re.sub(r"\W", "_", name)
        if column.nullable:
            fields[f"{field}_missing"] = day.missing_share(name)
        if _is_rate(column, rows[name]):
            fields[f"{field}_rate"] = day.rate(name)
        if values := _expected(column, rows, name):
            fields[f"{field}_present"] = day.values_present(name, values)
    annotations = dict.fromkeys(fields, float)
    found = type(_class_name(contract), (DayContract,), {**fields, "__annotations__": annotations})
    assert issubclass(found, DayContract)
    return found


def proposal(contract: type[Contract], measures: pd.DataFrame, proposed: type[DayContract]) -> str:
    """Python text of a day contract that the stored days pass.

    Args:
        contract: the row contract.
        measures: (days, fields) values of the candidates on the stored days.
        proposed: the candidates.
    """
    lines: list[str] = []
    helpers: set[str] = set()
    for item in measures_of(proposed):
        observed = measures[item.name].dropna()
        if observed.empty:
            continue
        low, high = float(observed.min()), float(observed.max())
        bounds = _bounds(item.kind, low, high)
        if not bounds:
            continue
        observed_range = f"{low:.3g} ({observed.idxmin()}) to {high:.3g} ({observed.idxmax()})"
        arguments = [
            *([repr(item.column)] if item.column else []),
            *([repr(list(item.expected))] if item.expected else []),
            *(f"{name}={value:g}" for name, value in bounds.items()),
        ]
        helpers.add(item.kind)
        lines += [
            f"    # {observed_range}" if low < high else f"    # {low:.3g} on every day",
            f"    {item.name}: float = {item.kind}({', '.join(arguments)})",
        ]
    days = f"{measures.index.min()} to {measures.index.max()}"
    imported = ", ".join(["DayContract", *sorted(helpers)])
    return "\n".join(
        [
            f"from ml_assets.contracts.day import {imported}",
            "",
            "",
            f"class {_class_name(contract)}(DayContract):",
            f'    """A day of {contract.__name__}; ranges of the {len(measures)} partitions {days}."""',
            "",
            *(lines or ["    # no measure has a value on the stored days"]),
            "",
        ]
    )


def _class_name(contract: type[Contract]) -> str:
    return f"{contract.__name__}Day"


def _is_rate(column: pa.Column, values: pd.Series) -> bool:
    """Whether a column is a boolean, or has no values but 0 and 1."""
    if pd.api.types.is_bool_dtype(dtype(column)):
        return True
    known = values.dropna()
    return (
        pd.api.types.is_numeric_dtype(dtype(column))
        and known.nunique() == 2
        and bool(known.isin([0, 1]).all())
    )


def _expected(column: pa.Column, rows: pd.DataFrame, name: str) -> Sequence[str]:
    """Texts that occur on every day, for a column with few distinct texts."""
    if not isinstance(dtype(column), pd.StringDtype) or rows[name].nunique() > MAX_VALUES:
        return []
    seen = rows[[DAY, name]].dropna().drop_duplicates()
    counts = seen[name].value_counts()
    return sorted(counts[counts == rows[DAY].nunique()].index)


def _bounds(kind: str, low: float, high: float) -> dict[str, float]:
    """Bounds with a margin; none if they would include every possible value."""
    if kind == PRESENT:
        return {"ge": 1.0} if low == 1 else {}
    margin = max(MARGIN * (high - low), MIN_MARGIN)
    lower, upper = round(max(low - margin, 0), 3), round(high + margin, 3)
    if kind == AGAINST_USUAL:
        return {"ge": lower, "le": upper}
    upper = min(upper, 1.0)
    bounds = {"le": upper} if upper < 1 else {}
    if kind == RATE and lower > 0:
        bounds = {"ge": lower, **bounds}
    return bounds if kind in (RATE, MISSING) else {}
