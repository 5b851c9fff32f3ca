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

OTHERS, UNSEEN = "others", "new"
"""Bars of the other categories, and of those that the reference lacks."""

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
    labels = [f"< {edges[0]}", *edges, f"> {edges[-1]}"]
    return labels, np.array([reference.counts, now.counts], dtype="float64")


def _ranges(reference: Profile, now: Profile) -> tuple[list[str], np.ndarray]:
    """Ranges of equal width, the first and the last with all smaller and larger values."""
    curves = [_cumulative(one) for one in (reference, now)]
    low = min(float(np.interp(TAIL, below, values)) for values, below in curves)
    high = max(float(np.interp(1 - TAIL, below, values)) for values, below in curves)
    borders = np.linspace(low, high, BARS + 1)[1:-1]
    cumulative = np.array([np.interp(borders, values, below) for values, below in curves])
    counted = np.diff(cumulative, prepend=0.0, append=1.0, axis=1)
    named = [_short(border) for border in borders]
    between = [f"{one} – {other}" for one, other in pairwise(named)]
    return [f"≤ {named[0]}", *between, f"> {named[-1]}"], counted


def _cumulative(profile: Profile) -> tuple[np.ndarray, np.ndarray]:
    """(2k - 1,) the k edges and the mean of each bin between two, and the share up to each.

    Below and above its mean, the values of a bin are spread evenly; their shares follow from the mean.
    """
    edges, counts = profile.bins.edges, profile.counts[2:-1]
    low, high = edges[:-1], edges[1:]
    middle = (low + high) / 2
    mean = np.divide(profile.sums[2:-1], counts, out=middle, where=counts > 0).clip(low, high)
    cumulative = np.cumsum(profile.counts)
    below = cumulative[1:-2] + counts * (high - mean) / (high - low)
    values = np.append(np.column_stack([low, mean]).ravel(), edges[-1])
    upto = np.append(np.column_stack([cumulative[1:-2], below]).ravel(), cumulative[-2])
    return values, upto / cumulative[-1]


def _short(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1_000 else f"{value:,.0f}"
