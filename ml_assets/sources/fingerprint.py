"""Fingerprints of raw days: they show changes of a source without relying on its timestamps."""

import json
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.coercion import escaped, is_null

NULL = "null"

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Context that normalizes decimals without rounding them."""


def assign_days(
    rows: pd.DataFrame, at: pd.Series, days: Sequence[str], starts: Sequence[datetime]
) -> pd.DataFrame:
    """Add the local day of each raw row.

    Args:
        rows: (n, columns) raw rows.
        at: (n,) their moments in UTC, all of them within ``days``.
        days: consecutive local days.
        starts: first moment of each of them, timezone-aware.
    """
    found = at.astype("int64").to_numpy()
    first = pd.DatetimeIndex(pd.to_datetime(list(starts), utc=True)).as_unit("us").asi8
    position = np.searchsorted(first, found, side="right") - 1
    return rows.assign(**{DAY: np.asarray(days, dtype=object)[np.maximum(position, 0)]})


def raw_fingerprints(
    rows: pd.DataFrame, days: Sequence[str], columns: Collection[str]
) -> dict[str, str]:
    """Hash of each day's raw values, independent of other days that are read with it.

    Columns outside the contract and the driver's representation of values (see ``canonical``) do
    not change it; a missing column does.

    Args:
        rows: (n, columns) raw objects with ``ds``.
        days: the requested days.
        columns: the contract's columns; missing ones are left out.
    """
    hashed = {name: _value_hashes(rows[name]) for name in sorted(columns) if name in rows.columns}
    return day_hashes(pd.DataFrame({DAY: rows[DAY], **hashed}), days)


def observed_schema(rows: pd.DataFrame, columns: Collection[str]) -> str:
    """The columns that a fingerprint covers, in the format of the ledger's schemas."""
    return json.dumps([[name, "raw"] for name in sorted(columns) if name in rows.columns])


def canonical(value: Any) -> str:
    """A value as text, equal for values that drivers represent differently.

    The kind precedes the value, so that 1, 1.0 and '1' are different, as contracts may treat them
    differently. Timestamps with a zone are in UTC, independent of a session's time zone.
    """
    if isinstance(value, np.generic):
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item()
    if is_null(value):
        return NULL
    for kinds, name, write in _FORMATS:
        if isinstance(value, kinds):
            return f"{name} {write(value)}"
    return f"{type(value).__name__} {value!r}"


def _decimal(value: Decimal) -> str:
    return str(value.normalize(EXACT) if value else 0)


def _moment(value: datetime) -> str:
    return (_in_utc(value) if value.tzinfo else value).isoformat()


def _document(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=canonical)


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # the first or last representable hours
        return value


_Format = tuple[type | tuple[type, ...], str, Callable[[Any], str]]

_FORMATS: Sequence[_Format] = (
    (str, "text", escaped),
    (bool, "bool", repr),
    (int, "int", repr),
    (float, "float", repr),
    (Decimal, "decimal", _decimal),
    ((bytes, bytearray, memoryview), "bytes", lambda value: bytes(value).hex()),
    (datetime, "moment", _moment),
    ((date, time), "time", lambda value: value.isoformat()),
    (UUID, "text", str),
    ((dict, list, tuple), "document", _document),
)
"""Types, the name of their kind, and the function that formats a value; the first match is used."""


def _value_hashes(values: pd.Series) -> np.ndarray:
    """(n,) hash of each value's text; columns of one kind format each distinct value once."""
    objects = values.to_numpy(dtype=object)
    kind = pd.api.types.infer_dtype(objects, skipna=True)
    if kind == "floating":
        codes, bits = pd.factorize(
            np.where(pd.isna(objects), np.nan, objects).astype("float64").view("int64")
        )
        texts = [canonical(number) for number in bits.view("float64").tolist()]
    elif kind in ("string", "integer"):
        codes, distinct = pd.factorize(objects, use_na_sentinel=False)
        texts = [canonical(value) for value in distinct]
    else:
        written = np.array([canonical(value) for value in objects], dtype=object)
        codes, distinct = pd.factorize(written)
        texts = list(distinct)
    return pd.util.hash_array(np.array(texts, dtype=object), categorize=False)[codes]
