"""Point-in-time features: trailing sums and latest values of what was known at a time.

Values are integers so that sums are exact: a day gives the same bits whether it is computed alone
or together with a year.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml_assets.errors import ContractViolation


@dataclass(frozen=True)
class Events:
    """Events with the time at which each was known.

    Attributes:
        known_at: (n,) times, timezone-aware.
        group: (n,) group labels.
        value: (n,) integer values, or floats without a fraction.

    Raises:
        ContractViolation: a value is null, infinite or has a fraction.
    """

    known_at: pd.Series
    group: pd.Series
    value: pd.Series

    def __post_init__(self) -> None:
        """Refuse values that would be truncated to integers."""
        if self.value.dtype.kind in "iub" and not self.value.hasnans:
            return
        numbers = self.value.to_numpy(dtype="float64", na_value=np.nan)
        bad = ~(np.isfinite(numbers) & (numbers == np.floor(numbers)))
        if bad.any():
            raise ContractViolation(
                f"Events need whole numbers: {bad.sum()} of {len(bad)} values of "
                f"'{self.value.name}' are not, the first is {self.value[bad].iloc[0]}. Reject "
                "fractions in the contract of the input (whole_number=True in pa.Field), or round "
                "them in the feature function."
            )


def trailing(
    events: Events, at: pd.Series, group: pd.Series, window: pd.Timedelta
) -> tuple[np.ndarray, np.ndarray]:
    """Count and sum of the events of a group known in ``(at - window, at]``.

    Args:
        events: n events.
        at: (m,) ends of the windows, timezone-aware.
        group: (m,) groups of the events.
        window: length of the windows.

    Returns:
        (m,) counts and (m,) integer sums.
    """
    labels = pd.concat([events.group, group], ignore_index=True)
    codes = pd.factorize(labels)[0].astype("int64")
    known, moments, reach = _microseconds(events.known_at), _microseconds(at), _width(window)
    origin = min(known.min(initial=moments.min(initial=0)), moments.min(initial=0)) - reach - 1
    latest = max(known.max(initial=origin), moments.max(initial=origin))
    span = latest - origin + 1
    position = codes[: len(known)] * span + (known - origin)
    order = np.argsort(position, kind="stable")
    position = position[order]
    sums = np.concatenate([[0], np.cumsum(events.value.to_numpy(dtype="int64")[order])])
    until = codes[len(known) :] * span + (moments - origin)
    first = np.searchsorted(position, until - reach, side="right")
    last = np.searchsorted(position, until, side="right")
    return last - first, sums[last] - sums[first]


def trailing_mean(
    events: Events, at: pd.Series, group: pd.Series, window: pd.Timedelta
) -> np.ndarray:
    """Mean of the events of a group known in ``(at - window, at]``; NaN without events."""
    count, total = trailing(events, at, group, window)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def latest_known(
    rows: pd.DataFrame,
    known: pd.DataFrame,
    *,
    at: str,
    known_at: str,
    by: list[str],
    max_age: pd.Timedelta,
) -> pd.DataFrame:
    """For each row the newest row of ``known`` with equal ``by``, not older than ``max_age``.

    Args:
        rows: (m, …) rows with the columns ``at`` and ``by``.
        known: (n, …) rows with the columns ``known_at`` and ``by``, and values.
        at: time column of ``rows``.
        known_at: time column of ``known``.
        by: columns that must be equal in both.
        max_age: largest age of a row of ``known``.

    Returns:
        (m, …) the columns of ``known``, indexed as ``rows``; null where nothing was known.
    """
    left = rows[[at, *by]].assign(_row=rows.index).sort_values([at, "_row"], kind="stable")
    right = known.sort_values([known_at, *known.columns.drop(known_at)], kind="stable")
    merged = pd.merge_asof(
        left, right, left_on=at, right_on=known_at, by=by, tolerance=max_age, direction="backward"
    )
    return merged.set_index("_row").loc[rows.index, list(known.columns)]


def _microseconds(moments: pd.Series) -> np.ndarray:
    return moments.dt.as_unit("us").astype("int64").to_numpy()


def _width(window: pd.Timedelta) -> int:
    return int(window.total_seconds() * 1_000_000)
