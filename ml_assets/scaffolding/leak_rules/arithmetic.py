"""Columns that are the target of their own row together with one other column."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from ml_assets.scaffolding.leak_rules.columns import Column
from ml_assets.scaffolding.leak_rules.copies import EARLIER, MIN_ROWS, agreement, same_numbers
from ml_assets.scaffolding.leak_rules.history import History, evenly

RESIDUAL = 1e-2
"""Deviation from the target relative to how far it moves from row to row: amounts are rounded."""

TRIED_ROWS = 200
NEARLY = 0.99
"""Rows with which all pairs are tried, and the least correlation with the target to look closer."""

Numbers = Mapping[str, np.ndarray]


def arithmetic(history: History, numbers: Numbers) -> dict[str, str]:
    """Columns that are the target as product, quotient, sum or difference with another column.

    Of both columns the one is named that alone tells more of the target, unless it is known in time
    as an earlier target or by the calendar: ``revenue`` of ``units`` = ``revenue`` / ``price``.

    Args:
        history: the table.
        numbers: column → (m,) its numbers in the sampled rows, NaN where there are none; of columns
            that tell nothing alone.

    Returns:
        Column → what was found.
    """
    if history.classes:
        return {}
    target = history.target[history.sample]
    tried = evenly(len(target), TRIED_ROWS)
    few = {name: values[tried] for name, values in numbers.items()}
    found: dict[str, str] = {}
    for one, other in combinations(numbers, 2):
        nearly = {
            formula
            for formula, values in _combined(one, few[one], other, few[other])
            if _follows(values, target[tried])
        }
        for formula, values in _combined(one, numbers[one], other, numbers[other]):
            if formula in nearly and (how := same_numbers(history, values, target, 0, RESIDUAL)):
                text = f"and another column tell `{history.name}`: {formula} {how} `{history.name}`"
                if named := _named(history, {name: numbers[name] for name in (one, other)}):
                    found[named] = text
    return found


def _combined(
    one: str, left: np.ndarray, other: str, right: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Formulas with two columns, and their values, NaN where there are none."""
    with np.errstate(all="ignore"):
        yield f"`{one}` + `{other}`", left + right
        yield f"`{one}` - `{other}`", left - right
        yield f"`{one}` * `{other}`", left * right
        yield f"`{one}` / `{other}`", left / np.where(right == 0, np.nan, right)
        yield f"`{other}` / `{one}`", right / np.where(left == 0, np.nan, left)


def _follows(values: np.ndarray, target: np.ndarray) -> bool:
    """Whether values rise or fall with the target nearly on a line."""
    both = np.isfinite(values)
    if both.sum() < min(MIN_ROWS, len(values)) or np.ptp(values[both]) == 0:
        return False
    if np.ptp(target[both]) == 0:
        return False
    return bool(abs(np.corrcoef(values[both], target[both])[0, 1]) >= NEARLY)


def _named(history: History, numbers: Numbers) -> str:
    """The column of two that is not known in advance and explains more of the target; empty if both are known."""
    new = {name: values for name, values in numbers.items() if not _is_known(history, name)}
    target = pd.Series(history.target[history.sample])
    strength = {
        name: abs(target.corr(pd.Series(values), method="spearman")) for name, values in new.items()
    }
    return max(strength, key=lambda name: strength[name], default="")


def _is_known(history: History, name: str) -> bool:
    """Whether a column is an earlier target or follows the calendar."""
    column = Column(name, history.frame[name], history)
    return column.is_calendar or any(agreement(history, column, rows) for rows in EARLIER)
