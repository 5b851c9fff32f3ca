"""How much of the target one column leaves unexplained, on rows newer than those it is fitted on.

The share is 1 for a column that says nothing and 0 for one that says all: 1 - R² of a regression,
2 (1 - AUC) of two classes, and of more classes the errors relative to those of the most frequent
class. A column is fitted as a shallow tree would be: the mean of the target in each of its bins.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

MIN_ROWS = 30
MIN_CLASS_ROWS = 10
"""Rows, and rows of a second class, below which a score says nothing."""

MIN_BIN_ROWS = 5
MAX_BINS = 256


@dataclass(frozen=True)
class Split:
    """Positions of older and newer rows, and the target.

    Attributes:
        older: positions on which a column is fitted.
        newer: positions on which it is scored.
        target: (n,) values, or codes of classes.
        classes: number of classes; 0 for a regression.
    """

    older: np.ndarray
    newer: np.ndarray
    target: np.ndarray
    classes: int


def unexplained(split: Split, values: np.ndarray) -> float | None:
    """The share that a column of numbers leaves unexplained; None if there are too few rows.

    Args:
        split: rows to fit on, rows to score on.
        values: (n,) the column, NaN where it is empty.
    """
    older = split.older[np.isfinite(values[split.older])]
    newer = split.newer[np.isfinite(values[split.newer])]
    if not _enough(split, older, newer):
        return None
    edges = _edges(values[older])
    bins = np.searchsorted(edges, values, side="left")
    shares = [_binned(split, bins, len(edges) + 1, older, newer)]
    if split.classes != 0:
        return (
            min(shares) if split.classes > 2 else min(*shares, _ranked(split, values, older, newer))
        )
    slope, level = _line(values[older], split.target[older])
    return min(*shares, _residual(split.target[newer], slope * values[newer] + level))


def unexplained_by_labels(split: Split, codes: np.ndarray) -> float | None:
    """The share that a column of labels leaves unexplained; None if there are too few rows.

    Args:
        split: rows to fit on, rows to score on.
        codes: (n,) codes of the labels, -1 where the column is empty.
    """
    older, newer = split.older[codes[split.older] >= 0], split.newer[codes[split.newer] >= 0]
    if not _enough(split, older, newer):
        return None
    return _binned(split, codes, int(codes.max()) + 1, older, newer)


def _enough(split: Split, older: np.ndarray, newer: np.ndarray) -> bool:
    """Whether both parts have rows enough, and values that differ."""
    for part in (older, newer):
        if len(part) < MIN_ROWS:
            return False
        values = split.target[part]
        if split.classes == 0 and np.ptp(values) == 0:
            return False
        if split.classes and np.sum(values != _mode(values)) < MIN_CLASS_ROWS:
            return False
    return True


def _mode(codes: np.ndarray) -> int:
    return int(np.bincount(codes.astype(int)).argmax())


def _edges(values: np.ndarray) -> np.ndarray:
    """Upper ends of the bins, each with about the same number of rows."""
    count = int(np.clip(len(values) // (2 * MIN_BIN_ROWS), 2, MAX_BINS))
    return np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))


def _binned(
    split: Split, bins: np.ndarray, count: int, older: np.ndarray, newer: np.ndarray
) -> float:
    if split.classes > 2:
        return _wrong_labels(split, bins, count, older, newer)
    told = _means(bins[older], split.target[older], count)[bins[newer]]
    if split.classes == 0:
        return _residual(split.target[newer], told)
    return 2 * (1 - auc(split.target[newer] > 0, told))


def _means(bins: np.ndarray, target: np.ndarray, count: int) -> np.ndarray:
    """The mean of the target in each bin, that of all rows where a bin has too few."""
    rows = np.bincount(bins, minlength=count)
    sums = np.bincount(bins, weights=target, minlength=count)
    return np.where(rows >= MIN_BIN_ROWS, sums / np.maximum(rows, 1), target.mean())


def _wrong_labels(
    split: Split, bins: np.ndarray, count: int, older: np.ndarray, newer: np.ndarray
) -> float:
    """Errors relative to those of the most frequent class."""
    codes = split.target.astype(int)
    table = np.zeros((count, split.classes))
    np.add.at(table, (bins[older], codes[older]), 1)
    usual = _mode(codes[older])
    told = np.where(table.sum(axis=1) >= MIN_BIN_ROWS, table.argmax(axis=1), usual)[bins[newer]]
    base = np.mean(codes[newer] != _mode(codes[newer]))
    return float(np.mean(told != codes[newer]) / base)


def _ranked(split: Split, values: np.ndarray, older: np.ndarray, newer: np.ndarray) -> float:
    """The column itself as a score, in the direction that the older rows show."""
    area = auc(split.target[newer] > 0, values[newer])
    return 2 * (1 - area if auc(split.target[older] > 0, values[older]) > 0.5 else area)


def auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Share of pairs of a positive and another row in which the positive one scores higher."""
    ranks = pd.Series(scores).rank().to_numpy()
    count = int(positive.sum())
    above = ranks[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(scores) - count)))


def _residual(target: np.ndarray, told: np.ndarray) -> float:
    return float(np.sum((target - told) ** 2) / np.sum((target - target.mean()) ** 2))


def _line(values: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Slope and level of the straight line of least squares; a level line for a constant."""
    centred = values - values.mean()
    square = float(centred @ centred)
    slope = float(centred @ target) / square if square > 0 else 0.0
    return slope, float(target.mean() - slope * values.mean())
