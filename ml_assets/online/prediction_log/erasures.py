"""Erasures from the prediction log: of the entries of an entity, or of all entries of a day.

What was erased is recorded without its values: with a salted hash of them, by which a person who
knows the values finds out whether they were erased.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.values import Plain

Where = Mapping[str, str]
"""Column of a request or of the features → its value as a text; all have to be equal."""


@dataclass(frozen=True)
class Erasure:
    """Entries of one day that were erased together.

    Attributes:
        pipeline: name of the pipeline.
        day: their day.
        columns: columns by whose values they were chosen; empty if all of the day were erased.
        values_hash: salted hash of these values; empty without columns.
        entries: their number.
        by: who erased them.
        reason: why.
        at: when, in UTC.
    """

    pipeline: str
    day: str
    columns: Sequence[str]
    values_hash: str
    entries: int
    by: str
    reason: str
    at: datetime

    def is_of(self, where: Where) -> bool:
        """Whether entries with these values were erased."""
        salt = self.values_hash.partition(":")[0]
        return bool(salt) and self.values_hash == values_hash(where, bytes.fromhex(salt))


def values_hash(where: Where, salt: bytes) -> str:
    """Hash of values that takes long to compute, as there may be few values to guess from.

    Args:
        where: column → value.
        salt: random bytes, of which the hash begins with.
    """
    text = json.dumps(where, sort_keys=True).encode()
    return f"{salt.hex()}:{hashlib.scrypt(text, salt=salt, n=2**14, r=8, p=1, dklen=32).hex()}"


def new_salt() -> bytes:
    """Random bytes for ``values_hash``."""
    return os.urandom(16)


def matching(entries: Iterable[LoggedPrediction], where: Where) -> list[LoggedPrediction]:
    """The entries whose request, or else whose features, have some values."""
    return [
        entry
        for entry in entries
        if all(text_of(_value(entry, name)) == text for name, text in where.items())
    ]


def known_columns(entries: Iterable[LoggedPrediction]) -> list[str]:
    """Columns of the requests and features of some entries."""
    return sorted({name for entry in entries for name in (*entry.request, *entry.features)})


def text_of(value: Plain) -> str | None:
    """A value as it is written in ``Where``; None for a missing one, which equals nothing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _value(entry: LoggedPrediction, name: str) -> Plain:
    return entry.request[name] if name in entry.request else entry.features.get(name)
