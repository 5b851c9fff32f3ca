"""Columns that are an aggregate of the target over rows that are later, or over all rows."""

import numpy as np

from ml_assets.scaffolding.leak_rules.columns import Column
from ml_assets.scaffolding.leak_rules.history import History, evenly, values_at

MIN_ROWS = 100
"""Rows below which nothing is said."""

SAMPLED_ROWS = 6_000
MAX_LAG = 31
LONG_LAGS = (56, 60, 84, 90, 91, 168, 180, 182, 364, 365)
ROWS_PER_LAG = 10
"""Rows for each earlier and later target that the moves of a column are fitted with."""

EXPLAINED = 0.05
"""Share of a column's moves that the target leaves unexplained, if it is an aggregate of it."""

OF_PAST, BY_PAST = 0.1, 0.01
"""That share relative to what earlier targets alone leave unexplained; and the least that they do."""

MIN_GROUPS, GROUP_ROWS = 4, 5
GROUP_RESIDUAL = 5e-3
"""Deviation of a group's value from the mean target of its rows, relative to their spread."""

WINDOWS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 24, 28, 30)
SAME = 0.98


def future_aggregate(history: History, column: Column) -> str | None:
    """Whether the column is a mean, sum, largest or smallest of targets not yet known."""
    if not column.has_numbers or column.is_calendar:
        return None
    return (
        _mean_of_group(history, column)
        or _moves_with_later(history, column)
        or _extreme_of_later(history, column)
    )


def _mean_of_group(history: History, column: Column) -> str | None:
    """Whether each value of the column is the mean target of the rows that have it."""
    rows = np.bincount(column.codes[column.filled], minlength=len(column.distinct))
    values = np.zeros(len(rows))
    values[column.codes[column.filled]] = column.numbers[column.filled]
    used = (rows >= 2) & np.isfinite(values)
    if used.sum() < MIN_GROUPS or rows[used].sum() < GROUP_ROWS * used.sum():
        return None
    for signal in history.signals:
        sums = np.bincount(
            column.codes[column.filled], weights=signal[column.filled], minlength=len(rows)
        )
        means = sums[used] / rows[used]
        spread = float(means.std())
        for words, expected, scale in (
            ("mean", means, spread),
            ("sum", sums[used], float(sums[used].std())),
        ):
            close = np.abs(values[used] - expected) <= GROUP_RESIDUAL * scale
            if scale > 0 and close.mean() >= SAME:
                return (
                    f"is the {words} of `{history.name}` over all rows with the same value, later "
                    f"ones included, for {close.mean():.1%} of {used.sum():,} values"
                )
    return None


def _moves_with_later(history: History, column: Column) -> str | None:
    """Whether later targets explain how the column moves from row to row, and earlier do not."""
    moves = column.numbers - history.shifted(column.numbers, -1)
    known = np.flatnonzero(np.isfinite(moves))
    if len(known) < MIN_ROWS or np.mean(moves[known] != 0) < 0.1:
        return None
    chosen = known[evenly(len(known), SAMPLED_ROWS)]
    for signal in history.signals:
        found = _shares(history, signal, moves, chosen)
        if found and found[1] <= min(EXPLAINED, OF_PAST * found[0]) and found[0] >= BY_PAST:
            return (
                f"moves with the `{history.name}` of its own and later rows (R² {1 - found[1]:.3f}, "
                f"from earlier rows alone {max(1 - found[0], 0):.3f})"
            )
    return None


def _shares(
    history: History, signal: np.ndarray, moves: np.ndarray, chosen: np.ndarray
) -> tuple[float, float] | None:
    """What earlier targets, and all near ones, leave unexplained of the moves of a column."""
    length = len(history) / len(np.unique(history.entities))
    most = int(min(MAX_LAG, length // 4, len(chosen) // (4 * ROWS_PER_LAG)))
    lags = [*range(1, most + 1), *(lag for lag in LONG_LAGS if lag <= length // 8)]
    if len(lags) < 3:
        return None
    earlier = [values_at(signal, history.entities, chosen, -lag) for lag in lags]
    later = [values_at(signal, history.entities, chosen, lag) for lag in (0, *lags)]
    ones = np.ones(len(chosen))
    design = np.column_stack([ones, *earlier, *later])
    whole = np.isfinite(design).all(axis=1)
    if whole.sum() < max(MIN_ROWS, ROWS_PER_LAG * design.shape[1] / 2):
        return None
    target = moves[chosen][whole]
    if np.ptp(target) == 0:
        return None
    design = design[whole]
    return _left(design[:, : len(lags) + 1], target), _left(design, target)


def _left(design: np.ndarray, target: np.ndarray) -> float:
    """Unexplained share of a linear fit, adjusted for the number of its terms."""
    weights = np.linalg.lstsq(design, target, rcond=None)[0]
    error = np.sum((target - design @ weights) ** 2) / (len(target) - design.shape[1])
    return float(error / np.var(target, ddof=1))


def _extreme_of_later(history: History, column: Column) -> str | None:
    """Whether the column is the largest or smallest target of some rows to come."""
    if history.classes:
        return None
    for word, pick in (("largest", np.fmax), ("smallest", np.fmin)):
        for first in (0, 1):
            running = history.shifted(history.target, first)
            for rows in range(first + 1, first + max(WINDOWS)):
                running = pick(running, history.shifted(history.target, rows))
                size = rows - first + 1
                if size in WINDOWS and _equals(history, column, running):
                    return f"is the {word} `{history.name}` of {size} rows from {first} rows later"
    return None


def _equals(history: History, column: Column, wanted: np.ndarray) -> bool:
    both = np.isfinite(column.numbers) & np.isfinite(wanted)
    if both.sum() < MIN_ROWS:
        return False
    values = column.numbers[both]
    same = np.isclose(values, wanted[both], rtol=1e-9, atol=0)
    changed = values != history.shifted(column.numbers, -1)[both]
    return bool(same.mean() >= SAME and changed.sum() > MIN_ROWS and same[changed].mean() >= SAME)
