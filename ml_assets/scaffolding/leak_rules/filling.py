"""Columns whose missing values reveal the target, or that are filled afterwards."""

import numpy as np

from ml_assets.scaffolding.leak_rules.columns import Column, follows_calendar
from ml_assets.scaffolding.leak_rules.history import History
from ml_assets.scaffolding.leak_rules.scores import auc

MIN_ROWS = 20
"""Rows with and without a value below which nothing is said, and changes between the two."""

PURE = 0.99
"""Share of the filled (or empty) rows that have one class."""

MIXED = 0.8
"""Share of that class in all rows, above which its share in the filled ones says nothing."""

APART = 0.98
"""Share of pairs of a filled and an empty row of which the filled one has the larger target."""

FILLED_BEFORE = 0.5
TOGETHER = 0.8
FILLED_OTHERWISE = 0.99


def filled_afterwards(history: History, column: Column) -> str | None:
    """Whether the column is filled for old rows only, or with the target."""
    return _with_target(history, column) or _empty_tail(history, column)


def filling_tells(history: History, column: Column) -> str | None:
    """Whether the absence of a value reveals the target."""
    filled = column.filled
    if min(filled.sum(), (~filled).sum()) < MIN_ROWS:
        return None
    switches = int(np.sum(filled[1:] != filled[:-1]))
    if switches < MIN_ROWS or follows_calendar(filled.astype(int), history):
        return None
    if not history.classes:
        area = auc(filled, history.target)
        if max(area, 1 - area) < APART:
            return None
        more = "larger" if area > 0.5 else "smaller"
        return (
            f"is filled in {filled.mean():.1%} of the rows, and `{history.name}` is {more} there "
            f"than in the others ({max(area, 1 - area):.1%} of all pairs of rows)"
        )
    for word, rows in (("filled", filled), ("empty", ~filled)):
        if finding := _class_told(history, rows, word):
            return finding
    return None


def _class_told(history: History, rows: np.ndarray, word: str) -> str | None:
    """Whether the rows that are filled, or empty, are those of one class."""
    codes = history.target.astype(int)
    of_class = np.bincount(codes, minlength=len(history.classes))
    inside = np.bincount(codes[rows], minlength=len(history.classes))
    for code, name in enumerate(history.classes):
        purity, share = inside[code] / rows.sum(), of_class[code] / len(history)
        recall = inside[code] / max(of_class[code], 1)
        others = (rows.sum() - inside[code]) / (len(history) - of_class[code])
        if inside[code] < MIN_ROWS or not _changes_class(history, rows):
            continue
        if purity >= PURE and share <= MIXED:
            return (
                f"is {word} in {rows.sum():,} rows, of which {purity:.1%} have the class {name} of "
                f"`{history.name}`, against {share:.1%} of all rows"
            )
        if recall >= PURE and others <= 1 - MIXED:
            return (
                f"is {word} in {recall:.1%} of the rows with the class {name} of "
                f"`{history.name}`, and in {others:.1%} of the others"
            )
    return None


def _changes_class(history: History, rows: np.ndarray) -> bool:
    """Whether the target mostly differs where the column begins or ceases to be filled.

    In a series whose class seldom changes, long stretches of one class meet long stretches
    without values by chance.
    """
    begins = np.flatnonzero(rows[1:] != rows[:-1])
    base = max(np.bincount(history.target.astype(int))) / len(history)
    differs = history.target[begins] != history.target[begins + 1]
    return bool(differs.mean() >= (1 - base) / 2)


def _with_target(history: History, column: Column) -> str | None:
    """Whether the column is empty where the target is, though most others are filled there."""
    missing = history.unknown
    if len(missing) < MIN_ROWS or column.filled.mean() < FILLED_OTHERWISE:
        return None
    empty = float(missing[column.name].isna().mean())
    others = missing.drop(columns=[column.name, history.name])
    if empty < TOGETHER or others.notna().to_numpy().mean() < 0.5:
        return None
    return (
        f"is empty in {empty:.1%} of the rows whose `{history.name}` is unknown, and filled in "
        f"{column.filled.mean():.1%} of the others"
    )


def _empty_tail(history: History, column: Column) -> str | None:
    """Whether the newest rows, and no such stretch before them, are empty."""
    filled = column.filled[history.by_time]
    stored = np.flatnonzero(filled)
    if len(stored) < MIN_ROWS:
        return None
    last = int(stored[-1])
    tail = len(filled) - 1 - last
    longest = int(np.diff(stored).max()) - 1
    before = len(stored) / (last + 1)
    if tail < max(MIN_ROWS, len(filled) // 200) or tail < 2 * longest or before < FILLED_BEFORE:
        return None
    return (
        f"is empty in the newest {tail:,} rows and filled in {before:.1%} of the older ones: it is "
        "filled afterwards, or no longer"
    )
