"""Which columns of a feature table identify an entity, and how old its values may be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ml_assets.cadence import Calendar, hour_of
from ml_assets.content import DAY
from ml_assets.contracts.coercion import coerce_column
from ml_assets.contracts.contract import Contract, columns, dtype, is_keyed, key_columns, type_name
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.online.values import Plain, plain


@dataclass(frozen=True)
class OnlineTable:
    """A feature table whose newest row of each entity is in the online store.

    Attributes:
        table: table name, ``pipeline/noun``.
        entity: columns that identify an entity.
        ttl: greatest age of values that are not stale.
        calendar: partitions of the table.
        event_time: column with the time at which a row was known; the end of its partition when
            None.
    """

    table: str
    entity: Sequence[str]
    ttl: timedelta
    calendar: Calendar
    event_time: str | None = None

    def event_times(self, rows: pd.DataFrame) -> pd.Series:
        """(n,) times in UTC at which rows of the table, with ``ds``, were known."""
        if self.event_time is not None:
            return rows[self.event_time].dt.tz_convert("UTC").dt.as_unit("us")
        ends = {day: self.calendar.bounds(day)[1] for day in rows[DAY].unique()}
        return rows[DAY].map(ends).astype("datetime64[us, UTC]")

    def last_partition(self, until: str) -> str:
        """The key of the last partition that begins on a day or earlier, or of a given hour."""
        if hour_of(until):
            return until
        return self.calendar.within(*Calendar(timezone=self.calendar.timezone).bounds(until))[-1]


def refuse_unfit(online: OnlineTable, contract: type[Contract]) -> None:
    """Refuse a contract by which an entity may have no name, or two rows of one time.

    Raises:
        ConfigurationError: a column is missing, may be null or has another type, or the key has
            further columns.
    """
    for name in online.entity:
        _refuse_column(online, contract, f"entity: {name}", _is_name, "texts or whole numbers")
    if online.event_time is not None:
        text = f"event_time: {online.event_time}"
        _refuse_column(online, contract, text, _is_moment, "timestamps with a time zone")
    allowed = {*online.entity, online.event_time}
    further = [name for name in key_columns(contract) if name not in allowed]
    if further or not is_keyed(contract):
        key = f"the key {', '.join(key_columns(contract))}" if is_keyed(contract) else "no key"
        raise ConfigurationError(
            f"'online' of {online.table} in defs.yaml cannot be used: {contract.__name__} has {key}, so "
            f"one {', '.join(online.entity)} may have several rows of one time. Expected a key ('unique' "
            "in Config) of columns that 'entity' and 'event_time' name."
        )


def entity_of(
    online: OnlineTable, contract: type[Contract], texts: Mapping[str, str]
) -> list[Plain]:
    """The values of an entity's columns, in their order, from texts.

    Args:
        online: the table.
        contract: its contract.
        texts: column → value as a text.

    Raises:
        ConfigurationError: a column is missing or unknown, or a value does not have its type.
    """
    expected = " ".join(f"{name}=…" for name in online.entity)
    for name in texts:
        if name not in online.entity:
            raise ConfigurationError(
                f"{online.table} has no entity column '{name}', expected {expected}."
                f"{suggestion(name, online.entity)}"
            )
    if missing := [name for name in online.entity if name not in texts]:
        raise ConfigurationError(
            f"{', '.join(missing)} is not given, expected {expected} to name an entity of "
            f"{online.table}."
        )
    return [_typed(online, contract, name, texts[name]) for name in online.entity]


def _typed(online: OnlineTable, contract: type[Contract], name: str, text: str) -> Plain:
    column = columns(contract)[name]
    typed, is_bad = coerce_column(pd.Series([text], dtype="object"), column)
    if is_bad.any() or typed.isna().any():
        raise ConfigurationError(
            f"'{text}' is no value of {name} of {online.table}, expected type {type_name(column)}."
        )
    return plain(typed.iloc[0])


def _refuse_column(
    online: OnlineTable,
    contract: type[Contract],
    text: str,
    fits: Callable[[pa.Column], bool],
    expected: str,
) -> None:
    name, known = text.partition(": ")[2], columns(contract)
    where = f"'online.{text}' of {online.table} in defs.yaml"
    if name not in known:
        raise ConfigurationError(
            f"{where} is no column of {contract.__name__}.{suggestion(name, known)}"
        )
    column = known[name]
    if column.nullable or not fits(column):
        null = " and may be null" if column.nullable else ""
        raise ConfigurationError(
            f"{where} cannot be used: the column is of type {type_name(column)}{null}. Expected "
            f"{expected} that are never null."
        )


def _is_name(column: pa.Column) -> bool:
    kind = dtype(column)
    return isinstance(kind, pd.StringDtype) or (isinstance(kind, np.dtype) and kind.kind in "iu")


def _is_moment(column: pa.Column) -> bool:
    return isinstance(dtype(column), pd.DatetimeTZDtype)
