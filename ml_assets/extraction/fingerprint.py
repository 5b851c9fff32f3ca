"""Seeing which days of a source changed, without trusting its timestamps."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

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
    parsed = pd.to_datetime(rows[time_column], utc=True, format="ISO8601", errors="coerce")
    moments = parsed.dt.as_unit("us").astype("int64")
    first = pd.DatetimeIndex(pd.to_datetime(list(starts), utc=True)).as_unit("us").asi8
    position = np.searchsorted(first, moments.to_numpy(), side="right") - 1
    unreadable = parsed.isna().to_numpy()
    if unreadable.any():  # the database compared them as text, so their day is that of the text
        texts = rows.loc[unreadable, time_column].map(lambda value: str(value)[:19]).to_list()
        firsts = [f"{start.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for start in starts]
        position[unreadable] = [bisect_right(firsts, text) - 1 for text in texts]
    return rows.assign(**{DAY: np.asarray(days, dtype=object)[np.maximum(position, 0)]})


def raw_fingerprints(rows: pd.DataFrame, days: Sequence[str]) -> dict[str, str]:
    """Hash of each day's raw values, the same whichever other days are read with it.

    Args:
        rows: (n, columns) raw objects with ``ds``.
        days: the days wanted.
    """
    hashed = {name: _value_hashes(rows[name]) for name in sorted(rows.columns) if name != DAY}
    return day_hashes(pd.DataFrame({DAY: rows[DAY], **hashed}), days)


def _value_hashes(values: pd.Series) -> np.ndarray:
    """(n,) hash of each value's ``repr``; columns of one kind are written out once per value."""
    objects = values.to_numpy(dtype=object)
    kind = pd.api.types.infer_dtype(objects, skipna=True)
    if kind == "floating":
        codes, bits = pd.factorize(objects.astype("float64").view("int64"))
        texts = [_text(number) for number in bits.view("float64").tolist()]
    elif kind in ("string", "integer"):
        codes, distinct = pd.factorize(objects, use_na_sentinel=False)
        texts = [_text(value) for value in distinct]
    else:
        codes, distinct = pd.factorize(np.array([_text(value) for value in objects], dtype=object))
        texts = list(distinct)
    return pd.util.hash_array(np.array(texts, dtype=object), categorize=False)[codes]


def _text(value: Any) -> str:
    is_null = value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124
    return "None" if is_null else repr(value)
