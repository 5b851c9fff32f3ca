"""Counts of one reference in the bins of another, so that two references can be compared.

The rows are not needed. A reference with few values is recounted exactly. For one with quantiles as
edges, counts are spread within a bin; the error is at most the share of one quantile, .016.
"""

import numpy as np

from ml_assets.monitoring.bins import BINS, Bins
from ml_assets.monitoring.profile import Profile

QUANTILES = BINS - 3
"""Number of quantile bins of a reference with many values, see ``bins``."""


def recounted(reference: Profile, bins: Bins) -> Profile:
    """A reference, counted in other bins.

    Args:
        reference: profile of a whole reference in its own bins, without a leading axis.
        bins: bins of another reference of the same feature.

    Returns:
        The profile in these bins, with fractional counts and sums of 0.
    """
    recount = _names if bins.is_named else _numbers
    counts = recount(reference, bins)
    return Profile(bins, reference.rows, reference.missing, counts, np.zeros(bins.size))


def _names(reference: Profile, bins: Bins) -> np.ndarray:
    place = {name: number for number, name in enumerate(bins.categories)}
    unseen = len(place)
    places = [*(place.get(name, unseen) for name in reference.bins.categories), unseen]
    return np.bincount(places, reference.counts, bins.size)


def _numbers(reference: Profile, bins: Bins) -> np.ndarray:
    total = reference.counts.sum()
    if not len(bins.edges):
        return np.array([total], dtype="float64")
    below_first = _rows_until(reference, bins.edges[:1], side="left")
    until = _rows_until(reference, bins.edges, side="right")
    return np.diff(np.concatenate([[0], below_first, until, [total]]))


def _rows_until(reference: Profile, values: np.ndarray, side: str) -> np.ndarray:
    """(v,) number of rows below each value; 'right': or equal.

    The upper edge of a bin is a value of the reference. With quantiles as edges, rows of a bin
    beyond the share of one quantile have this value; with few values, all rows do.
    """
    edges = reference.bins.edges
    until = np.cumsum(reference.counts)[1:-1] if len(edges) else np.array([])
    in_bin = np.diff(until, prepend=0)
    is_every_value = len(edges) < BINS - 2
    spread = 0 * in_bin if is_every_value else np.minimum(in_bin, until[-1] / QUANTILES)
    place = np.searchsorted(edges, values, side="right" if side == "right" else "left")
    inside = (place > 0) & (place < len(edges))
    start, end = edges[place[inside] - 1], edges[place[inside]]
    rows = np.concatenate([[0], until])[place].astype("float64")
    rows[inside] += spread[place[inside]] * (values[inside] - start) / (end - start)
    return rows
