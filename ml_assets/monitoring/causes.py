"""The likely cause of a breach of a limit: the source columns whose features changed at the same time.

A feature has moved if its window is further from the windows before it than any window of its history was: then
the distance, divided by the greatest one of the history, is above 1. Season, weekdays and the weather make every
week different, and so are the windows of the history.

Columns of one source move together, so features are not ranked one by one. A source column explains the change if
the features that moved are made from it, and the features that are made from it moved: ``agreement`` is the harmonic mean
of both shares. A feature that is made from many columns says little about each of them.

With many features one of them has often moved by chance. So causes are computed for each window of the history in the
same way, compared with the windows of the history that do not overlap it. A cause is likely only if it is stronger
than the first cause of nine of ten of these windows.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.learning.specification import ModelSpecification
from ml_assets.monitoring.bins import bins_of
from ml_assets.monitoring.drift import LEAST_DISTANCE, LEAST_MISSING, LEAST_ROWS
from ml_assets.monitoring.measures import js, ks, missing_shift
from ml_assets.monitoring.profile import Profile, daily_profiles

BASE_WINDOWS = 4
"""Shortest windows before a window that it is compared with: enough to average weekdays and weather,
few enough to be of the same season."""

HISTORY_WINDOWS = 21
"""Shortest windows before the breach whose distances are the usual ones: five months."""

LEAST_HISTORY = 8
"""Least number of windows of the history: of fewer, the greatest distance is often exceeded by chance."""

LEAST_DIVERGENCE = 0.03
"""Least usual Jensen-Shannon distance: rows of few bins have it by chance."""

UNMOVED = 0.5
"""What a feature that did not move counts against a column, in logarithms of a ratio: as one that moved by a
ratio of 1.6 counts for it."""

MOST = 3.0
"""Greatest logarithm of a ratio that counts: a ratio of 20."""

LEAST_STRENGTH = 0.1
"""Least strength of a cause that is named: a ratio of 1.1 in full agreement."""

USUAL_SHARE = 0.9
"""Share of the windows of the history whose first cause is weaker than one that is named."""

NAMED = 3
"""Causes that are listed."""

Column = tuple[str, str]
"""Table and column."""


@dataclass(frozen=True)
class Movement:
    """How far a feature has moved.

    Attributes:
        feature: the feature.
        ratio: distance of its window from those before, divided by the greatest usual one.
        since: first day of the last days that are all further away than usual; the first of the window
            if single days are not.
        usual: the ratio of each window of the history: to the greatest distance of those windows of the history
            that do not overlap it; NaN where they are too few.
    """

    feature: str
    ratio: float
    since: str
    usual: tuple[float, ...] = ()


@dataclass(frozen=True)
class Cause:
    """A source column that explains which features moved.

    Attributes:
        columns: source columns from which the same features are made, so that they cannot be distinguished.
        movement: the feature made from it that moved most.
        strength: agreement times the logarithm of the ratio.
        usual: the strength that the first causes of ``USUAL_SHARE`` of the history do not exceed.
    """

    columns: tuple[Column, ...]
    movement: Movement
    strength: float
    usual: float

    @property
    def is_likely(self) -> bool:
        """Whether it is strong enough to be named."""
        return self.strength >= LEAST_STRENGTH and self.strength > self.usual


def movements(
    specification: ModelSpecification,
    rows: pd.DataFrame,
    window: Sequence[str],
    base: int,
    history: int,
) -> list[Movement]:
    """How far each feature has moved in a window.

    Args:
        specification: the model, for the features and their kinds.
        rows: (n, …) features with ``ds``, of the window and the days before it.
        window: first and last partition of the window.
        base: partitions with which a window is compared.
        history: partitions before the window whose windows are the usual ones.

    Returns:
        The features that can be compared; none with too short a history.
    """
    rows = rows[rows[DAY] <= window[1]]
    days = sorted(rows[DAY].unique())
    length = sum(day >= window[0] for day in days)
    base = min(base, len(days) - length)
    if not length or len(days) < length + base + length + LEAST_HISTORY:
        return []
    compared = rows[rows[DAY].isin(days[-length - base : -length])]
    bins = bins_of(compared, specification.numeric, specification.categorical, specification.text)
    first = max(0, len(days) - length - base - history)
    _, profiles = daily_profiles(rows[rows[DAY].isin(days[first:])], bins)
    found = [_movement(profile, days[first:], length, base) for profile in profiles]
    return [each for each in found if each is not None]


def causes(moved: Sequence[Movement], made_from: Mapping[str, Sequence[Column]]) -> list[Cause]:
    """The source columns that explain which features moved, the strongest first.

    Args:
        moved: how far each feature moved.
        made_from: feature → the source columns that it is made from; other features are ignored.

    Returns:
        At most ``NAMED`` causes, likely or not.
    """
    of = {each.feature: each for each in moved if made_from.get(each.feature)}
    if not of:
        return []
    groups = _groups({name: made_from[name] for name in of})
    ratios = np.array([(*each.usual, each.ratio) for each in of.values()])
    share = np.array([1 / len(made_from[name]) for name in of])
    rows = [np.isin([*of], names) for _, names in groups]
    agreement, strength = _explained(ratios, share, rows)
    first = np.take_along_axis(strength, agreement.argmax(axis=0)[None], axis=0)[0]
    known = first[:-1][np.isfinite(ratios[:, :-1]).any(axis=0)]
    usual = float(np.quantile(known, USUAL_SHARE)) if len(known) else 0.0
    ranked = sorted(range(len(groups)), key=lambda number: -agreement[number, -1])
    return [
        Cause(
            groups[number][0],
            max((of[name] for name in groups[number][1]), key=lambda one: (one.ratio, one.feature)),
            float(strength[number, -1]),
            usual,
        )
        for number in ranked[:NAMED]
        if agreement[number, -1] > 0
    ]


def _groups(
    made_from: Mapping[str, Sequence[Column]],
) -> list[tuple[tuple[Column, ...], tuple[str, ...]]]:
    """Columns that the same features are made from, and these features, in the order of the columns."""
    members: dict[Column, list[str]] = defaultdict(list)
    for name, columns in made_from.items():
        for column in columns:
            members[column].append(name)
    together: dict[tuple[str, ...], list[Column]] = defaultdict(list)
    for column, names in members.items():
        together[tuple(sorted(names))].append(column)
    return sorted((tuple(sorted(columns)), names) for names, columns in together.items())


def _explained(
    ratios: np.ndarray, share: np.ndarray, groups: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How well each group of features explains what moved in each window.

    Args:
        ratios: (f, w) ratios of f features in w windows; NaN if unknown.
        share: (f,) what a feature says about each of its columns.
        groups: (f,) which features are made from the columns, of each of g groups.

    Returns:
        (g, w) agreement and (g, w) strength; 0 where nothing of the group moved.
    """
    mass = np.log(np.clip(np.nan_to_num(ratios), 1, math.exp(MOST)))
    weighted = mass * share[:, None]
    unmoved = UNMOVED * share[:, None] * (np.isfinite(ratios) & (mass == 0))
    explained = np.array([weighted[rows].sum(axis=0) for rows in groups])
    against = np.array([unmoved[rows].sum(axis=0) for rows in groups])
    total = weighted.sum(axis=0)
    # the harmonic mean of explained / (explained + against) and explained / total
    agreement = 2 * explained / np.maximum(explained + against + total, 1e-9)
    return agreement, agreement * np.array([mass[rows].max(axis=0) for rows in groups])


def _movement(profile: Profile, days: Sequence[str], length: int, base: int) -> Movement | None:
    """The movement of one feature; None where rows are too few."""
    sums = _Sums(profile)
    ends = np.arange(base + length, len(days) + 1)
    usual = ends[(ends <= len(days) - length) | (ends == len(days))]
    windows = sums.between(usual - length, usual)
    bases = sums.between(usual - length - base, usual - length)
    is_apart = np.abs(usual[:-1, None] - usual[None, :-1]) >= length
    ratios = [
        _ratios(distances, least, is_apart)
        for distances, least in _distances(bases, windows)
        if np.isfinite(distances[-1]) and np.isfinite(distances[:-1]).sum() >= LEAST_HISTORY
    ]
    if not ratios:
        return None
    *of_history, ratio = np.fmax.reduce(ratios).tolist()
    since = _since(sums, days, length, base)
    return Movement(profile.bins.feature, ratio, since, tuple(of_history))


def _ratios(distances: np.ndarray, least: float, is_apart: np.ndarray) -> np.ndarray:
    """(h + 1,) each distance divided by the greatest usual one; NaN if it is one of too few.

    Args:
        distances: (h + 1,) distances of the windows of the history and of the last one.
        least: least usual distance.
        is_apart: (h, h) whether two windows of the history do not overlap.
    """
    is_compared = np.vstack([is_apart, np.ones(len(distances) - 1, dtype=bool)])
    is_compared = is_compared & np.isfinite(distances[:-1])
    greatest = np.where(is_compared, distances[:-1], least).max(axis=1).clip(least)
    return np.where(is_compared.sum(axis=1) >= LEAST_HISTORY, distances / greatest, np.nan)


def _since(sums: "_Sums", days: Sequence[str], length: int, base: int) -> str:
    """The first of the last days that are further from the base than each of its own days."""
    start, end = len(days) - length - base, len(days)
    each = np.arange(start, end)
    of_days = sums.between(each, each + 1)
    of_base = sums.between(np.full(base + length, start), np.full(base + length, start + base))
    far = np.zeros(length, dtype=bool)
    for distances, least in _distances(of_base, of_days, min_rows=1):
        known = distances[:base][np.isfinite(distances[:base])]
        far |= distances[base:] > max(least, known.max() if len(known) else least)
    run = length - int(np.argmax(~far[::-1])) if not far.all() else 0
    return days[start + base + run] if run < length else days[start + base]


class _Sums:
    """Profiles of any spans of days, from the sums of all days before."""

    def __init__(self, profile: Profile) -> None:
        self._bins = profile.bins
        self._before = [
            np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
            for values in (profile.rows, profile.missing, profile.counts, profile.sums)
        ]

    def between(self, first: np.ndarray, end: np.ndarray) -> Profile:
        """(s, …) profile of each of s spans of days, without its end."""
        return Profile(self._bins, *(before[end] - before[first] for before in self._before))


def _distances(
    base: Profile, window: Profile, *, min_rows: int = LEAST_ROWS
) -> list[tuple[np.ndarray, float]]:
    """(s,) distances of each of s windows from its base by each measure, and the least usual one of it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        missing = np.where(window.rows >= min_rows, missing_shift(base, window), np.nan)
        is_enough = window.rows - window.missing >= min_rows
        found = [
            (missing, LEAST_MISSING),
            (np.where(is_enough, js(base.counts, window.counts), np.nan), LEAST_DIVERGENCE),
        ]
        if not base.bins.is_named:
            found.append(
                (np.where(is_enough, ks(base.counts, window.counts), np.nan), LEAST_DISTANCE)
            )
    return found


def column_name(column: Column) -> str:
    """A column as text: ``sources/orders.items``."""
    return f"{column[0]}.{column[1]}"


def columns_text(columns: Sequence[Column]) -> str:
    """Columns as a JSON list of texts."""
    return json.dumps([column_name(column) for column in columns])
