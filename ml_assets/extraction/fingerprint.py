"""Seeing which days of a source changed, without trusting its timestamps."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from ml_assets.lake.content import DAY, day_hashes


def assign_days(
    rows: pd.DataFrame, time_column: str, days: Sequence[str], starts: Sequence[datetime]
) -> pd.DataFrame:
    """Add the local day each raw row belongs to.

    Args:
        rows: raw rows whose times all lie within ``days``.
        time_column: their timestamp column, in UTC when it has no zone.
        days: consecutive local days.
        starts: first moment of each of them, timezone-aware.
    """
    moments = pd.to_datetime(rows[time_column], utc=True).dt.as_unit("us").astype("int64")
    first = pd.DatetimeIndex(pd.to_datetime(list(starts), utc=True)).as_unit("us").asi8
    position = np.searchsorted(first, moments.to_numpy(), side="right") - 1
    return rows.assign(**{DAY: np.asarray(days, dtype=object)[position]})


def raw_fingerprints(rows: pd.DataFrame, days: Sequence[str]) -> dict[str, str]:
    """Hash of each day's raw values, the same whichever other days are read with it.

    Args:
        rows: (n, columns) raw objects with ``ds``.
        days: the days wanted.
    """
    hashed = {name: _value_hashes(rows[name]) for name in sorted(rows.columns) if name != DAY}
    return day_hashes(pd.DataFrame({DAY: rows[DAY], **hashed}), days)


def _value_hashes(values: pd.Series) -> np.ndarray:
    codes, distinct = pd.factorize(values.to_numpy(dtype=object), use_na_sentinel=True)
    texts = np.array([repr(value) for value in distinct] + ["None"], dtype=object)
    return pd.util.hash_array(texts, categorize=False)[codes]
