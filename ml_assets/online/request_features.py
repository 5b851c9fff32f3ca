"""Features of a request: what it says itself, what the online store knows, and what is computed of both.

The rows of a request stand in no table. It names entities, whose newest values are looked up with one
query, and the function that training calls, too, computes the features that depend on several of them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.errors import ContractViolation
from ml_assets.online.definition import OnlineTable
from ml_assets.online.rows import OnlineRow
from ml_assets.online.store import OnlineStore
from ml_assets.online.values import Plain, decoded, entity_key, plain

Request = Mapping[str, Plain]
"""Column → value, as requested."""
EntityOfTable = tuple[str, str]
"""A table and the key of an entity."""


@dataclass(frozen=True)
class Completed:
    """The features of one request.

    Attributes:
        features: input column of the model → value; None where it is missing.
        ages: table → age of its values in seconds; None if the store knew nothing of the entity.
        missing: input columns without a value.
        stale: tables whose values are older than their ``ttl``.
    """

    features: Mapping[str, Plain]
    ages: Mapping[str, float | None]
    missing: Sequence[str]
    stale: Sequence[str]


@dataclass(frozen=True)
class Computation:
    """Features that are computed at request time.

    Attributes:
        function: ``f(*, <column>=series, …)`` from n values of each column to n of each feature, by
            name. The feature function of training calls it with the columns of its own rows.
        columns: column of requests, of lookups, or ``time`` → its type.
        features: input columns of the model that the function computes.
        time: name of the column with the time as of which features are requested.
    """

    function: Callable[..., Mapping[str, Any]]
    columns: Mapping[str, Any]
    features: Sequence[str]
    time: str | None = None

    def of(self, rows: Sequence[Request], at: Sequence[datetime]) -> list[dict[str, Plain]]:
        """The features of n rows that were requested as of n times.

        Raises:
            ContractViolation: the function returns another number of values.
        """
        given = {
            name: at if name == self.time else [row.get(name) for row in rows]
            for name in self.columns
        }
        found = self.function(
            **{name: series(given[name], kind) for name, kind in self.columns.items()}
        )
        values = [[plain(each) for each in found[name]] for name in self.features]
        for name, each in zip(self.features, values, strict=True):
            if len(each) != len(rows):
                raise ContractViolation(
                    f"The function of request-time features returned {len(each)} values of {name} for "
                    f"{len(rows)} requests. Expected one for each, in their order."
                )
        return [dict(zip(self.features, row, strict=True)) for row in zip(*values, strict=True)]


@dataclass(frozen=True)
class RequestFeatures:
    """How the features of a request are found.

    A value of the request wins over one that is looked up or computed.

    Attributes:
        lookups: tables of the online store whose entities columns of the request identify.
        features: input columns of the model.
        computation: the features that are computed at request time; None without any.
    """

    lookups: Sequence[OnlineTable]
    features: Sequence[str]
    computation: Computation | None = None

    def of(
        self, store: OnlineStore, requests: Sequence[Request], at: Sequence[datetime]
    ) -> list[Completed]:
        """The features of requests.

        Args:
            store: the online store, which is asked once.
            requests: n requests, which fit their contract.
            at: (n,) times as of which the features are requested, timezone-aware; rows of the store
                that became known later are not used.

        Raises:
            OnlineStoreUnavailable: the store does not answer.
            ContractViolation: the function does not fit.
        """
        keys = [self._keys(request) for request in requests]
        rows = store.rows_of_tables({*chain.from_iterable(keys)})
        values = {key: decoded(row.features) for key, row in rows.items()}
        known = [
            [row if (row := rows.get(key)) and row.event_time <= moment else None for key in each]
            for each, moment in zip(keys, at, strict=True)
        ]
        merged = [
            _merged(request, [values[key] for key, row in zip(each, found, strict=True) if row])
            for request, each, found in zip(requests, keys, known, strict=True)
        ]
        if self.computation and requests:
            computed = self.computation.of(merged, at)
            merged = [_merged(row, [new]) for row, new in zip(merged, computed, strict=True)]
        return [
            self._completed(row, found, moment)
            for row, found, moment in zip(merged, known, at, strict=True)
        ]

    def _keys(self, request: Request) -> list[EntityOfTable]:
        return [
            (table.table, entity_key([request[name] for name in table.entity]))
            for table in self.lookups
        ]

    def _completed(
        self, row: Request, found: Sequence[OnlineRow | None], at: datetime
    ) -> Completed:
        pairs = zip(self.lookups, found, strict=True)
        ages = [(table, at - known.event_time if known else None) for table, known in pairs]
        features = {name: row.get(name) for name in self.features}
        return Completed(
            features=features,
            ages={table.table: None if age is None else age.total_seconds() for table, age in ages},
            missing=[name for name, value in features.items() if value is None],
            stale=[table.table for table, age in ages if age is not None and age > table.ttl],
        )


def series(values: Sequence[Any], kind: Any) -> pd.Series:
    """(n,) plain values as a column of a type; null where they are None.

    Args:
        values: n values.
        kind: type of pandas, such as that of a column of a contract. Whole numbers that are missing
            make a column of floats.
    """
    if isinstance(kind, pd.DatetimeTZDtype):
        moments = [each and each.astimezone(UTC).replace(tzinfo=None) for each in values]
        utc = pd.DatetimeIndex(np.array(moments, dtype=f"datetime64[{kind.unit}]"), tz="UTC")
        return pd.Series(utc.tz_convert(kind.tz))
    if isinstance(kind, np.dtype) and kind.kind in "iuf":
        is_complete = None not in values
        numbers = values if is_complete else [math.nan if each is None else each for each in values]
        return pd.Series(np.array(numbers, dtype=kind if is_complete else "float64"))
    return pd.Series(values, dtype=kind)


def _merged(row: Request, others: Sequence[Request]) -> dict[str, Plain]:
    """Values of a row, and where it has none those of others."""
    found = {name: value for other in others for name, value in other.items()}
    return found | {name: value for name, value in row.items() if value is not None}
