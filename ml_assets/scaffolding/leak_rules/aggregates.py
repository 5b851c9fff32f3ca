"""Columns that are an aggregate of the target over rows that are later, or over all rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ml_assets.scaffolding.leak_rules.columns import Column
from ml_assets.scaffolding.leak_rules.history import History, evenly

MIN_ROWS = 100
"""Rows below which nothing is said."""

FITTED_ROWS = 4_000
MAX_SIGNALS = 5
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

MAX_WINDOW, MIN_CHANGES = 30, 30
SAME = 0.98
ROUNDING = 1e-9
"""Relative difference of equal values."""

KEPT = 32
"""Histories whose targets are kept: a table's own and those of its days."""


def future_aggregate(history: History, column: Column) -> str | None:
    """Whether the column is a mean, sum, largest or smallest of targets not yet known."""
    if not column.has_numbers:
        return None
    found = (
        _mean_of_group(history, column)
        or moves_with_later(history, column)
        or _extreme_of_later(history, column)
    )
    return None if found and column.is_calendar else found


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


def moves_with_later(history: History, column: Column) -> str | None:
    """Whether later targets explain how the column moves from row to row, and earlier do not."""
    rows = history.sample
    moves = np.full(len(history), np.nan)
    moves[rows] = column.numbers[rows] - history.shifted(column.numbers, -1, rows)
    known = np.isfinite(moves[rows])
    if known.sum() < MIN_ROWS or np.mean(moves[rows][known] != 0) < 0.1:
        return None
    for near in _neighbourhoods(history):
        found = near and _shares(near, moves)
        if found and found[1] <= min(EXPLAINED, OF_PAST * found[0]) and found[0] >= BY_PAST:
            return (
                f"moves with the `{history.name}` of its own and later rows (R² {1 - found[1]:.3f}, "
                f"from earlier rows alone {max(1 - found[0], 0):.3f})"
            )
    return None


@dataclass(frozen=True)
class Neighbourhood:
    """Earlier and later targets of some rows.

    Attributes:
        rows: (m,) positions of the rows.
        targets: (m, 1 + 2 k + 1) a constant, ``k`` earlier targets, then the row's own and later ones.
        earlier: number of the first columns, which are known before the row.
    """

    rows: np.ndarray
    targets: np.ndarray
    earlier: int


@lru_cache(KEPT)
def _neighbourhoods(history: History) -> Sequence[Neighbourhood | None]:
    """The same for the signals of a target, which all columns are compared with."""
    return [_neighbourhood(history, signal) for signal in history.signals[:MAX_SIGNALS]]


def _neighbourhood(history: History, signal: np.ndarray) -> Neighbourhood | None:
    """The targets near evenly spread rows; None when the series are too short."""
    length = len(history) / len(np.unique(history.entities))
    most = int(min(MAX_LAG, length // 4, len(history) // (2 * ROWS_PER_LAG)))
    lags = [*range(1, most + 1), *(lag for lag in LONG_LAGS if lag <= length // 8)]
    if len(lags) < 3:
        return None
    rows = evenly(len(history), FITTED_ROWS)
    shifts = [*(-lag for lag in lags), 0, *lags]
    targets = np.column_stack(
        [np.ones(len(rows)), *(history.shifted(signal, shift, rows) for shift in shifts)]
    )
    whole = np.isfinite(targets).all(axis=1)
    return Neighbourhood(rows[whole], targets[whole], len(lags) + 1)


def _shares(near: Neighbourhood, moves: np.ndarray) -> tuple[float, float] | None:
    """What earlier targets, and all near ones, leave unexplained of the moves of a column."""
    wanted = moves[near.rows]
    known = np.isfinite(wanted)
    terms = near.targets.shape[1]
    if known.sum() < max(MIN_ROWS, ROWS_PER_LAG * terms / 2) or np.ptp(wanted[known]) == 0:
        return None
    design, wanted = near.targets[known], wanted[known]
    products, moments = design.T @ design, design.T @ wanted
    products[np.diag_indices(terms)] += 1e-10 * np.trace(products) / terms

    def left(used: int) -> float:
        """Unexplained share with the first columns, adjusted for their number."""
        weights = np.linalg.solve(products[:used, :used], moments[:used])
        error = np.sum((wanted - design[:, :used] @ weights) ** 2) / (len(wanted) - used)
        return float(error / np.var(wanted, ddof=1))

    return left(near.earlier), left(terms)


def _extreme_of_later(history: History, column: Column) -> str | None:
    """Whether the column is the largest or smallest target of some rows to come."""
    if history.classes:
        return None
    rows = evenly(len(history), FITTED_ROWS)
    values = column.numbers[rows]
    changed = values != history.shifted(column.numbers, -1, rows)
    extremes = _extremes(history)
    found = np.flatnonzero(_equal(values, extremes.targets, changed))
    return extremes.words[found[0]] if len(found) else None


@dataclass(frozen=True)
class Extremes:
    """The largest and smallest targets of some rows to come.

    Attributes:
        words: (k,) what a column is that has such values.
        targets: (k, m) the targets, for evenly spread rows.
    """

    words: Sequence[str]
    targets: np.ndarray


@lru_cache(KEPT)
def _extremes(history: History) -> Extremes:
    """All of them that a column is compared with."""
    rows = evenly(len(history), FITTED_ROWS)
    later = [history.shifted(history.target, shift, rows) for shift in range(MAX_WINDOW + 1)]
    found = {
        f"is the {word} `{history.name}` of {size} rows from {start} on": targets
        for word, pick in (("largest", np.fmax), ("smallest", np.fmin))
        for first, start in enumerate(("the row itself", "the next row"))
        for size, targets in enumerate(pick.accumulate(later[first : first + MAX_WINDOW]), start=1)
        if size > 1
    }
    return Extremes(list(found), np.stack(list(found.values())))


def _equal(values: np.ndarray, wanted: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """(k,) whether values are those of each wanted row, also where they have just changed."""
    both = np.isfinite(values) & np.isfinite(wanted)
    with np.errstate(invalid="ignore"):
        same = both & (np.abs(values - wanted) <= ROUNDING * np.abs(wanted))
    moved = (both & changed).sum(axis=1)
    return (
        (moved >= MIN_CHANGES)
        & (same.sum(axis=1) >= SAME * both.sum(axis=1))
        & ((same & changed).sum(axis=1) >= SAME * moved)
    )
