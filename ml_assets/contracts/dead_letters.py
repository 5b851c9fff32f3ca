"""Dead letters: the contract of every ``…_dead_letters`` table, and its rows from rejected rows."""

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.coercion import escaped, is_null
from ml_assets.contracts.contract import Contract, columns, computed, key_columns


class DeadLetters(Contract):
    """Rows that broke their table's contract, with their raw values."""

    source_key: str = computed("Key columns of the rejected row, joined by '|'.", ["{table}.{key}"])
    rule: str = computed("Rules the row broke, joined by '; '.", ["{table}.{columns}"])
    row: str = computed("The rejected row before validation, as JSON.", ["{table}.{columns}"])

    class Config:
        """Most days have no dead letters."""

        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}


def dead_letters(
    rejected: pd.DataFrame, contract: type[Contract], rules: Sequence[str]
) -> pd.DataFrame:
    """Rejected rows as rows of ``DeadLetters``.

    Args:
        rejected: (n, columns) raw rows, with ``ds``.
        contract: the contract of their table.
        rules: (n,) the rules that each row broke.

    Returns:
        (n, …) dead letters, sorted.
    """
    if rejected.empty:
        return no_dead_letters()
    keys = rejected.reindex(columns=key_columns(contract)).map(
        lambda value: escaped(str(as_bytes(value)))
    )
    records = [
        json.dumps(record, sort_keys=True, allow_nan=False)
        for record in _json_records(rejected.drop(columns=DAY))
    ]
    letters = pd.DataFrame(
        {
            DAY: rejected[DAY].astype("str"),
            "source_key": ["|".join(key) for key in keys.itertuples(index=False)],
            "rule": list(rules),
            "row": records,
        }
    )
    return letters.sort_values([DAY, "source_key", "row"], ignore_index=True)[
        [DAY, *columns(DeadLetters)]
    ]


def no_dead_letters() -> pd.DataFrame:
    """An empty frame of ``DeadLetters``."""
    return pd.DataFrame({name: pd.Series([], dtype="str") for name in [DAY, *columns(DeadLetters)]})


def as_bytes(value: object) -> object:
    """A byte array or a view of bytes as bytes; other values unchanged."""
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def _json_records(rows: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {str(name): _json_value(value) for name, value in record.items()}
        for record in rows.astype(object).to_dict("records")
    ]


def _json_value(value: object) -> object:
    """A value as JSON, with text for types that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(name): _json_value(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_json_value(part) for part in value]
    if isinstance(value, np.generic):
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item()
    if is_null(value):
        return None
    value = as_bytes(value)
    if isinstance(value, bytes):
        return value.hex()
    is_json = isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
    return value if is_json else str(value)
