"""Parsing of timestamps, one value at a time, independent of the other values of a column.

A text is a timestamp only in this format: ``YYYY-MM-DD``, then optionally a time after a blank or
``T``, with or without seconds and fraction (cut to microseconds), then optionally ``Z`` or an
offset. Without an offset it is UTC. Numbers and other texts are not timestamps.
"""

import re
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import pandas as pd

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d)(?:[.](\d+))?)?(?: ?(Z|[+-]\d\d(?::?\d\d)?))?)?",
    re.ASCII,
)


DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
"""A timestamp without a time."""


def moments(values: pd.Series) -> pd.Series:
    """(n,) timestamps in UTC with microseconds, null where a value is not a timestamp."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return pd.to_datetime(values, utc=True).dt.as_unit("us")
    objects = values.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(objects, skipna=True) == "string":  # each text is parsed once
        codes, distinct = pd.factorize(objects, use_na_sentinel=False)
        found = _moments(distinct)[codes]
    else:
        found = _moments(objects)
    return pd.Series(found, index=values.index).dt.tz_localize("UTC")


def _moments(values: np.ndarray) -> np.ndarray:
    return np.array([moment(value) for value in values], dtype="datetime64[us]")


def moment(value: Any) -> datetime | None:
    """A value as a timestamp in UTC without a zone; None when it is not a timestamp."""
    if isinstance(value, str):
        return _in_utc(of_text(value))
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if value is pd.NaT or not isinstance(value, date):
        return None
    if isinstance(value, pd.Timestamp):
        return _in_utc(value.to_pydatetime(warn=False))
    return _in_utc(value if isinstance(value, datetime) else datetime.combine(value, time()))


def of_text(text: str) -> datetime | None:
    """A text as a timestamp, without a zone if it has no offset; None when it is not one."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    day, minute, second, fraction, zone = found.groups()
    written = f"{day}T{minute or '00:00'}:{second or '00'}.{(fraction or '')[:6]:0<6}{zone or ''}"
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None


def _in_utc(found: datetime | None) -> datetime | None:
    if found is None or found.tzinfo is None:
        return found
    try:
        return found.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return None
