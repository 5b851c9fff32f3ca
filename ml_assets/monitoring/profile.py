"""Mergeable daily profiles of features in the bins of a reference.

A profile contains the number and the sum of a day's values in each bin. Profiles of several days
add up to the profile of all their rows, so a report over a month does not read rows. The bins are
those of a reference, the rows that a model was trained on. ``drift`` compares profiles.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic_core import from_json

from ml_assets.content import DAY
from ml_assets.contracts.contract import columns
from ml_assets.errors import ContractViolation
from ml_assets.monitoring.bins import Bins, bin_numbers
from ml_assets.monitoring.contracts.profiles import FeatureProfile


@dataclass(frozen=True, eq=False)
class Profile:
    """Counts of one feature, of one span of days (no leading axis) or of each of d days.

    Attributes:
        bins: the b bins of the feature.
        rows: (…) number of rows.
        missing: (…) rows without a finite value.
        counts: (…, b) rows in each bin.
        sums: (…, b) sum of the values in each bin, in the feature's unit, of text in characters; 0
            for categories.
    """

    bins: Bins
    rows: np.ndarray
    missing: np.ndarray
    counts: np.ndarray
    sums: np.ndarray

    @property
    def unseen(self) -> np.ndarray:
        """(…) rows whose category the reference lacks; 0 for features without categories."""
        return self.counts[..., -1] if self.bins.is_named else np.zeros_like(self.rows)


def daily_profiles(
    rows: pd.DataFrame, bins: Sequence[Bins], day: str = DAY
) -> tuple[list[str], list[Profile]]:
    """Count the rows of each day.

    Args:
        rows: (n, …) rows with the features and a day.
        bins: bins of each feature.
        day: column with the ISO day of a row.

    Returns:
        The d days in order, and a profile per feature whose first axis is these days.
    """
    day_of_row, days = pd.factorize(rows[day], sort=True)
    rows_of_day = np.bincount(day_of_row, minlength=len(days))
    profiles = [_count(rows[each.feature], each, day_of_row, rows_of_day) for each in bins]
    return [str(each) for each in days], profiles


def merge(profiles: Sequence[Profile]) -> Profile:
    """Add up profiles of one feature.

    Args:
        profiles: at least one, all with the same bins.

    Returns:
        One profile, without a leading axis, of all their rows.
    """
    bins = profiles[0].bins
    return Profile(
        bins,
        np.sum([each.rows.sum() for each in profiles], axis=0),
        np.sum([each.missing.sum() for each in profiles], axis=0),
        np.sum([each.counts.reshape(-1, bins.size).sum(axis=0) for each in profiles], axis=0),
        np.sum([each.sums.reshape(-1, bins.size).sum(axis=0) for each in profiles], axis=0),
    )


def to_rows(days: Sequence[str], profiles: Sequence[Profile], reference: str) -> pd.DataFrame:
    """Daily profiles as rows.

    Args:
        days: d days.
        profiles: a profile per feature whose first axis is these days.
        reference: as-of day of the model with these bins.

    Returns:
        Rows of the ``FeatureProfile`` contract with ``ds``.
    """
    records = [
        {DAY: day, "reference": reference, "unseen": unseen, **record}
        for profile in profiles
        for day, unseen, record in zip(days, profile.unseen, _records(profile), strict=True)
    ]
    return pd.DataFrame(records, columns=[DAY, *columns(FeatureProfile)])


def from_rows(rows: pd.DataFrame, bins: Sequence[Bins]) -> list[Profile]:
    """Daily profiles from their rows.

    Args:
        rows: rows of the ``FeatureProfile`` contract, of some days and one reference.
        bins: bins of the reference.

    Returns:
        A profile per entry of ``bins``, whose first axis is the rows of its feature.

    Raises:
        ContractViolation: a feature has no rows, or they were counted in other bins.
    """
    rows_of = rows.groupby("feature").indices
    if lacking := sorted({each.feature for each in bins} - set(rows_of)):
        raise ContractViolation(
            f"there is no profile of {', '.join(lacking)}, which the reference has. "
            "Profile these days again."
        )
    read = {name: rows[name].to_numpy("object") for name in ("rows", "missing", "counts", "sums")}
    return [
        _parsed({name: values[rows_of[each.feature]] for name, values in read.items()}, each)
        for each in bins
    ]


def reference_to_row(profile: Profile) -> dict[str, object]:
    """The profile of a whole reference as a row of ``FeatureReference``, without thresholds."""
    return {
        **_records(profile)[0],
        "edges": _compact(profile.bins.edges.tolist()),
        "categories": _compact(list(profile.bins.categories)),
    }


def reference_from_rows(rows: pd.DataFrame) -> list[Profile]:
    """The profile of each feature of a reference.

    Args:
        rows: rows of the ``FeatureReference`` contract, of one reference.

    Returns:
        Profiles without a leading axis, in the order of the rows. ``daily_profiles`` needs their
        ``bins``.
    """
    bins = [
        Bins(name, kind, np.array(from_json(edges), dtype="float64"), tuple(from_json(names)))
        for name, kind, edges, names in zip(
            rows["feature"], rows["kind"], rows["edges"], rows["categories"], strict=True
        )
    ]
    return [merge([profile]) for profile in from_rows(rows, bins)]


def _count(
    column: pd.Series, bins: Bins, day_of_row: np.ndarray, rows_of_day: np.ndarray
) -> Profile:
    """Counts by day and bin."""
    values, place = bin_numbers(column, bins)
    is_known = place >= 0
    cell = day_of_row[is_known] * bins.size + place[is_known]
    shape = (len(rows_of_day), bins.size)
    cells = shape[0] * shape[1]
    counts = np.bincount(cell, minlength=cells).reshape(shape)
    sums = np.bincount(cell, weights=values[is_known], minlength=cells).reshape(shape)
    return Profile(bins, rows_of_day, rows_of_day - counts.sum(axis=1), counts, sums)


def _records(profile: Profile) -> list[dict[str, object]]:
    """One record per day, or a single one without a leading axis."""
    size = profile.bins.size
    lists = zip(
        profile.rows.reshape(-1).tolist(),
        profile.missing.reshape(-1).tolist(),
        profile.counts.reshape(-1, size).tolist(),
        profile.sums.reshape(-1, size).tolist(),
        strict=True,
    )
    return [
        {
            "feature": profile.bins.feature,
            "kind": profile.bins.kind,
            "rows": rows,
            "missing": missing,
            "counts": _compact(counts),
            "sums": _compact([] if profile.bins.is_named else sums),
        }
        for rows, missing, counts, sums in lists
    ]


def _compact(values: list[float] | list[str]) -> str:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def _parsed(read: Mapping[str, np.ndarray], bins: Bins) -> Profile:
    """A profile from the (d,) values of its columns; JSON lists are parsed together."""
    counts, sums = (from_json(f"[{','.join(read[name])}]") for name in ("counts", "sums"))
    if any(len(each) != bins.size for each in counts):
        raise ContractViolation(
            f"profiles of '{bins.feature}' were not counted in the {bins.size} bins of its "
            "reference: the reference changed. Profile these days again."
        )
    shape = (len(counts), bins.size)
    return Profile(
        bins,
        read["rows"].astype("int64"),
        read["missing"].astype("int64"),
        np.array(counts, dtype="int64"),
        np.zeros(shape) if bins.is_named else np.array(sums, dtype="float64"),
    )
