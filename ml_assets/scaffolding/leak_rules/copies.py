"""Columns that are the target of their own row or of a later row, in other words or numbers."""

import numpy as np

from ml_assets.scaffolding.leak_rules.columns import Column
from ml_assets.scaffolding.leak_rules.history import History

MIN_ROWS = 30
"""Rows with a value below which nothing is said."""

MIN_CHANGES = 5
"""Rows at which the target changes; without them, a copy cannot be distinguished from an older value."""

SAME = 0.99
"""Share of the rows in which a copy agrees, also among those at which the target changes."""

ORDERED = 0.999
"""Share of the steps between neighbouring values at which the target moves in one direction."""

RESIDUAL = 1e-3
"""Deviation from a straight line, relative to how far the target moves from row to row."""

LATER = (1, 2, 3)
EARLIER = (-1, -2, -3, -4, -5, -6, -7)
"""Rows that the target is shifted by."""

MAX_LABELS, ROWS_PER_LABEL = 20, 5
"""Values of a column of labels (of more classes, twice their number), and rows of each."""


def copy(history: History, column: Column) -> str | None:
    """Whether the column is the target itself, rescaled, relabelled or as a text."""
    if found := agreement(history, column, 0):
        return f"{found} `{history.name}` of the same row"
    if not history.classes and _is_monotone(history, column):
        return (
            f"rises or falls with `{history.name}` in every row: it is the target on another scale"
        )
    return None


def shifted(history: History, column: Column) -> str | None:
    """Whether the column is the target of a later row, and of no earlier one."""
    for rows in LATER:
        found = agreement(history, column, rows)
        if found and not any(agreement(history, column, earlier) for earlier in EARLIER):
            return f"{found} `{history.name}` {rows} row{'s' * (rows > 1)} later"
    return None


def agreement(history: History, column: Column, rows: int) -> str:
    """How the column says the target of ``rows`` rows later; empty if it does not."""
    wanted = history.shifted(history.target, rows, history.sample)
    if history.classes:
        return _same_labels(history, column, wanted, rows)
    if not column.has_numbers:
        return ""
    return same_numbers(history, column.numbers[history.sample], wanted, rows, RESIDUAL)


def same_numbers(
    history: History, values: np.ndarray, wanted: np.ndarray, rows: int, residual: float
) -> str:
    """How numbers of the sampled rows say the target of ``rows`` rows later; empty if they do not.

    Args:
        history: the table.
        values: (m,) the numbers, NaN where there are none.
        wanted: (m,) the target of ``rows`` rows later.
        rows: how many rows later.
        residual: deviation from a straight line, relative to how far the target moves.
    """
    both = np.isfinite(values) & np.isfinite(wanted)
    if both.sum() < MIN_ROWS:
        return ""
    values, target = values[both], wanted[both]
    moved = history.shifted(history.changes, rows, history.sample)[both] > 0
    if moved.sum() < MIN_CHANGES or np.ptp(values) == 0:
        return ""
    equal = np.isclose(values, target, rtol=1e-9, atol=0)
    if equal.mean() >= SAME and equal[moved].mean() >= SAME:
        return f"equals, in {equal.mean():.1%} of {len(values):,} rows,"
    slope, level = np.polyfit(values - values.mean(), target, 1)
    error = np.abs(target - level - slope * (values - values.mean()))
    close = error <= residual * history.innovation
    if close.mean() < SAME or close[moved].mean() < SAME:
        return ""
    return f"is, in {close.mean():.1%} of {len(values):,} rows, a linear function of"


def _same_labels(history: History, column: Column, wanted: np.ndarray, rows: int) -> str:
    codes = column.codes[history.sample]
    both = (codes >= 0) & np.isfinite(wanted)
    labels, classes = len(column.distinct), len(history.classes)
    most = min(max(MAX_LABELS, 2 * classes), both.sum() // ROWS_PER_LABEL)
    if both.sum() < MIN_ROWS or not 2 <= labels <= most:
        return ""
    codes, target = codes[both], wanted[both].astype(int)
    moved = history.shifted(history.changes, rows, history.sample)[both] > 0
    table = np.zeros((labels, classes))
    np.add.at(table, (codes, target), 1)
    right = table.argmax(axis=1)[codes] == target
    base = table.sum(axis=0).max() / len(codes)
    if moved.sum() < MIN_CHANGES or base == 1 or right[moved].mean() < SAME:
        return ""
    if 1 - right.mean() > (1 - SAME) * (1 - base) or column.is_calendar:
        return ""
    return f"tells, in {right.mean():.1%} of {len(codes):,} rows,"


def _is_monotone(history: History, column: Column) -> bool:
    """Whether the order of the column is that of the target, and not that of time."""
    both = history.sample[np.isfinite(column.numbers[history.sample])]
    values, target = column.numbers[both], history.target[both]
    if len(both) < MIN_ROWS or len(np.unique(values)) < 0.5 * len(np.unique(target)):
        return False
    return _in_order(values, target) and not _in_order(history.moments[both], target)


def _in_order(values: np.ndarray, target: np.ndarray) -> bool:
    """Whether the target rises, or falls, with the values, and differs only where they do."""
    order = np.argsort(values, kind="stable")
    steps, rises = np.diff(target[order]), np.diff(values[order]) > 0
    rises = rises[steps != 0]
    steps = steps[steps != 0]
    if len(steps) < MIN_ROWS:
        return False
    share = max((rises & (steps > 0)).mean(), (rises & (steps < 0)).mean())
    return bool(share >= ORDERED)
