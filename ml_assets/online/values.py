"""Values of features as JSON: types and bits survive, and equal values have equal texts.

Numbers are written so that reading them gives the same bits. JSON has neither timestamps nor
infinite numbers: these are objects with one key, as in ``{"time": "2013-05-01T12:00:00+00:00"}``.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.contracts.coercion import is_null
from ml_assets.errors import ContractViolation

Plain = None | bool | int | float | str | datetime
"""A value without pandas and numpy; a missing number is None, a timestamp is in UTC or naive."""

_TIME, _NUMBER = "time", "number"
_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def plain(value: Any) -> Plain:
    """A cell of a table as a plain value.

    Raises:
        ContractViolation: it has a type that no contract has.
    """
    if is_null(value):
        return None
    for kinds, kind in ((bool | np.bool_, bool), (int | np.integer, int), (str, str)):
        if isinstance(value, kinds):
            return kind(value)
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, datetime | np.datetime64):
        moment = pd.Timestamp(value).to_pydatetime(warn=False)
        return moment.astimezone(UTC) if moment.tzinfo else moment
    raise ContractViolation(
        f"{value!r} of type {type(value).__name__} cannot be stored online, expected a number, a text, "
        "a boolean or a timestamp. Change the type of its column in the contract."
    )


def encoded(values: Mapping[str, Plain]) -> str:
    """Values by name as JSON, sorted by name, in ASCII."""
    return _json({name: _as_json(value) for name, value in values.items()})


def decoded(text: str) -> dict[str, Plain]:
    """The values of a text of ``encoded``."""
    return {name: _from_json(value) for name, value in json.loads(text).items()}


def entity_key(values: Sequence[Plain]) -> str:
    """The values that identify an entity as JSON."""
    return _json([*values])


def entity_values(key: str) -> list[Plain]:
    """The values of an entity, from its key."""
    return json.loads(key)


def _as_json(value: Plain) -> Any:
    if isinstance(value, datetime):
        return {_TIME: value.isoformat()}
    if isinstance(value, float) and not math.isfinite(value):
        return {_NUMBER: str(value)}
    return value


def _from_json(value: Any) -> Plain:
    if not isinstance(value, dict):
        return value
    [(kind, text)] = value.items()
    return datetime.fromisoformat(text) if kind == _TIME else float(text)
