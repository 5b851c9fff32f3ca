"""Distributions of a feature in the reference and now, from counts in the bins of the reference.

The bins of a number are quantiles of the reference, so they are counted anew in bins of equal width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ml_assets.monitoring.profile import Profile, from_rows, merge, reference_from_rows

BARS = 20
"""Bars of a number with many different values."""

MAX_VALUES = 14
"""Largest number of different values, or categories, that have a bar each."""

TAIL = 0.01
"""Share of the rows, at each end, that is counted in the first and the last bar."""

OTHERS, UNSEEN = "all others", "not in the reference"
REFERENCE, NOW = "reference", "now"


@dataclass(frozen=True)
class Distribution:
    """Shares of the rows by value.

    Attributes:
        feature: name of the feature.
        labels: the b bars, in order.
        reference: (b,) share of the reference's values.
        now: (b,) share of the newest values.
        reference_missing: share of the reference's rows without a value.
        now_missing: share of the newest rows without a value.
        has_ranges: whether the bars are ranges of numbers in their order.
    """

    feature: str
    labels: Sequence[str]
    reference: np.ndarray
    now: np.ndarray
    reference_missing: float
    now_missing: float
    has_ranges: bool

    def rows(self) -> pd.DataFrame:
        """A row for each bar of the reference and of now."""
        return pd.DataFrame(
            {
                "value": [*self.labels] * 2,
                "of": [REFERENCE] * len(self.labels) + [NOW] * len(self.labels),
                "share": [*self.reference, *self.now],
            }
        )


def distributions(
    reference: pd.DataFrame, profiles: pd.DataFrame, features: Sequence[str]
) -> list[Distribution]:
    """Distributions of some features.

    Args:
        reference: rows of the ``FeatureReference`` contract, of one reference.
        profiles: rows of the ``FeatureProfile`` contract, of some days with this reference.
        features: names; those without values in both are left out.
    """
    chosen = reference[reference["feature"].isin(features)]
    chosen = chosen[chosen["feature"].isin(profiles["feature"])]
    wholes = {one.bins.feature: one for one in reference_from_rows(chosen)}
    daily = from_rows(profiles, [one.bins for one in wholes.values()])
    windows = {one.bins.feature: merge([one]) for one in daily}
    return [
        _distribution(wholes[name], windows[name])
        for name in features
        if name in wholes and wholes[name].counts.sum() and windows[name].counts.sum()
    ]


def _distribution(reference: Profile, now: Profile) -> Distribution:
    bins = reference.bins
    has_ranges = len(bins.edges) > MAX_VALUES
    count = _categories if bins.is_named else _ranges if has_ranges else _values
    labels, counted = count(reference, now)
    filled = np.asarray(counted.any(axis=0))
    shares = counted / counted.sum(axis=1, keepdims=True)
    return Distribution(
        feature=bins.feature,
        labels=[label for label, is_filled in zip(labels, filled, strict=True) if is_filled],
        reference=shares[0, filled],
        now=shares[1, filled],
        reference_missing=float(reference.missing / max(reference.rows, 1)),
        now_missing=float(now.missing / max(now.rows, 1)),
        has_ranges=has_ranges,
    )


def _categories(reference: Profile, now: Profile) -> tuple[list[str], np.ndarray]:
    """The most frequent categories, all others together, and those that the reference lacks."""
    counts = np.array([reference.counts, now.counts], dtype="float64")
    shares = counts[:, :-1] / counts.sum(axis=1, keepdims=True)
    order = np.argsort(-shares.max(axis=0), kind="stable")
    shown, others = order[:MAX_VALUES], order[MAX_VALUES:]
    labels = [*(reference.bins.categories[place] for place in shown), OTHERS, UNSEEN]
    rest = counts[:, others].sum(axis=1, keepdims=True)
    return labels, np.concatenate([counts[:, shown], rest, counts[:, -1:]], axis=1)


def _values(reference: Profile, now: Profile) -> tuple[list[str], np.ndarray]:
    """The values of the reference and what is between, below and above them."""
    edges = [_short(edge) for edge in reference.bins.edges]
    labels = [f"below {edges[0]}", *edges, f"above {edges[-1]}"]
    return labels, np.array([reference.counts, now.counts], dtype="float64")


def _ranges(reference: Profile, now: Profile) -> tuple[list[str], np.ndarray]:
    """Ranges of equal width, the first and the last with all smaller and larger values."""
    edges = reference.bins.edges
    shares = [_at_most(one) for one in (reference, now)]
    low, high = (
        pick(float(np.interp(share, below, edges)) for below in shares)
        for pick, share in ((min, TAIL), (max, 1 - TAIL))
    )
    borders = np.linspace(low, high, BARS + 1)[1:-1]
    cumulative = np.array([np.interp(borders, edges, below) for below in shares])
    counted = np.diff(cumulative, prepend=0.0, append=1.0, axis=1)
    named = [_short(border) for border in borders]
    between = [f"{one} to {other}" for one, other in pairwise(named)]
    return [f"up to {named[0]}", *between, f"over {named[-1]}"], np.clip(counted, 0, None)


def _at_most(profile: Profile) -> np.ndarray:
    """(k,) share of the values that are at most each of the k edges."""
    cumulative = np.cumsum(profile.counts)
    return cumulative[1:-1] / cumulative[-1]


def _short(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1_000 else f"{value:,.0f}"
