"""Rejected rows with the reason: the contract of every ``…_dead_letters`` table, and making its rows."""

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.coercion import escaped, is_null
from ml_assets.contracts.contract import Contract, columns, key_columns, made


class DeadLetters(Contract):
    """Rows that broke their table's contract, as they came."""

    source_key: str = made("Key columns of the rejected row, joined by '|'.", ["{table}.{key}"])
    rule: str = made("Rules the row broke, joined by '; '.", ["{table}.{columns}"])
    row: str = made("The row as it came from its source, as JSON.", ["{table}.{columns}"])

    class Config:
        """Most days have none."""

        metadata = {"may_be_empty": True, "max_dead_letter_share": 0.0}


def dead_letters(
    rejected: pd.DataFrame, contract: type[Contract], rules: Sequence[str]
) -> pd.DataFrame:
    """Rejected rows as ``DeadLetters`` keeps them.

    Args:
        rejected: (n, columns) rows as they came, with ``ds``.
        contract: the contract of their table.
        rules: the rules that each of them broke.

    Returns:
        (n, …) dead letters, sorted.
    """
    keys = rejected.reindex(columns=key_columns(contract)).map(
        lambda value: escaped(str(held(value)))
    )
    records = [
        json.dumps(record, sort_keys=True, allow_nan=False)
        for record in _as_they_came(rejected.drop(columns=DAY))
    ]
    letters = pd.DataFrame(
        {
            DAY: rejected[DAY].astype("str"),
            "source_key": ["|".join(key) for key in keys.itertuples(index=False)],
            "rule": list(rules),
            "row": records,
        }
    )
    letters = letters.astype("str") if letters.empty else letters
    return letters.sort_values([DAY, "source_key", "row"], ignore_index=True)[
        [DAY, *columns(DeadLetters)]
    ]


def held(value: object) -> object:
    """The bytes that a view or an array of bytes holds; other values as they are."""
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def _as_they_came(rows: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {str(name): _plain(value) for name, value in record.items()}
        for record in rows.astype(object).to_dict("records")
    ]


def _plain(value: object) -> object:
    """A value as JSON can hold it: null for null, text for what JSON has no word for."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = pd.Timestamp(value) if isinstance(value, np.datetime64) else value.item()
    if is_null(value):
        return None
    value = held(value)
    if isinstance(value, bytes):
        return value.hex()
    is_json = isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
    return value if is_json else str(value)
