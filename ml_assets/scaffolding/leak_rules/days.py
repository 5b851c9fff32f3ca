"""Columns with one value a day that are the target of later days, or an aggregate over them."""

import numpy as np
import pandas as pd

from ml_assets.scaffolding.leak_rules.aggregates import moves_with_later
from ml_assets.scaffolding.leak_rules.columns import Column
from ml_assets.scaffolding.leak_rules.copies import shifted
from ml_assets.scaffolding.leak_rules.history import History

CONSTANT = 0.99
"""Share of the rows that have the value of their day."""


def later_days(history: History, column: Column) -> str | None:
    """Whether the column says what the mean target of a later day is, or of several."""
    if not column.has_numbers:
        return None
    for days, daily in history.by_day:
        values = _of_day(column.numbers, days, len(daily))
        if values is None:
            continue
        by_day = Column(column.name, pd.Series(values), daily)
        if found := shifted(daily, by_day) or moves_with_later(daily, by_day):
            return f"has one value a day, and by day {found}"
    return None


def _of_day(numbers: np.ndarray, days: np.ndarray, count: int) -> np.ndarray | None:
    """The value of each day, NaN where it has none; None if the rows of a day differ."""
    known = np.flatnonzero(np.isfinite(numbers))
    values = np.full(count, np.nan)
    values[days[known]] = numbers[known]
    if np.mean(values[days[known]] == numbers[known]) < CONSTANT:
        return None
    return values
