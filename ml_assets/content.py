"""The content hash of a day of rows: equal rows in any order have the same hash.

It is the data version of a partition. It does not depend on row order, process or machine; it
depends on column names and types.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

DAY = "ds"
"""Partition column of every table: the key of ``cadence``, or ``SNAPSHOT`` for a table without days."""

NO_ROWS = pd.DataFrame({DAY: pd.Series([], dtype="str")})
"""The rows of no partition."""

SNAPSHOT = "snapshot"

KEY_LENGTH = len("2024-11-03-01:00-0500")
"""Length of the longest key of a partition."""

HASH_LENGTH = 16


def digest(*parts: str | bytes) -> str:
    """Short hex digest of parts, with a separator between them."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part.encode() if isinstance(part, str) else part)
        state.update(b"\x1f")
    return state.hexdigest()[:HASH_LENGTH]


def schema_of(rows: pd.DataFrame) -> str:
    """Columns and dtypes of rows as JSON, sorted by name, without the partition column.

    It is stored with each content hash: a day is hashed with the schema it was stored with, even if
    its table has more columns since.
    """
    names = sorted(name for name in rows.columns if name != DAY)
    return json.dumps([[name, str(rows[name].dtype)] for name in names], separators=(",", ":"))


def columns_of(schema: str) -> dict[str, str]:
    """Column → dtype of a result of ``schema_of``."""
    return dict(json.loads(schema))


def typed(rows: pd.DataFrame, schema: str) -> pd.DataFrame:
    """Rows with the columns and dtypes of a schema, and the partition column.

    Raises:
        KeyError: a column is missing.
        ValueError: a value does not fit its dtype.
        TypeError: a value cannot be converted to its dtype.
    """
    types = columns_of(schema)
    found = rows[[DAY, *types]]
    other = {name: dtype for name, dtype in types.items() if str(rows[name].dtype) != dtype}
    return found.astype(other) if other else found


def day_hashes(rows: pd.DataFrame, days: Sequence[str]) -> dict[str, str]:
    """Content hash of each day, order-insensitive, schema included.

    Args:
        rows: (n, columns) with the partition column ``ds``.
        days: the requested days; one without rows has the hash of an empty frame.

    Returns:
        day → hash of ``HASH_LENGTH`` hex digits.
    """
    columns = sorted(column for column in rows.columns if column != DAY)
    schema = ",".join(f"{column}:{rows[column].dtype}" for column in columns)
    hashed = pd.util.hash_pandas_object(rows[columns], index=False).to_numpy()
    day_of_row = rows[DAY].to_numpy(dtype=f"U{KEY_LENGTH}")
    order = np.lexsort((hashed, day_of_row))
    hashed, day_of_row = hashed[order], day_of_row[order]
    starts = np.searchsorted(day_of_row, np.asarray(days, dtype=f"U{KEY_LENGTH}"), side="left")
    ends = np.searchsorted(day_of_row, np.asarray(days, dtype=f"U{KEY_LENGTH}"), side="right")
    return {
        day: digest(schema, hashed[start:end].tobytes())
        for day, start, end in zip(days, starts, ends, strict=True)
    }
