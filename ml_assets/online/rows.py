"""Rows of the online store, made of rows of a feature table."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from ml_assets.content import DAY
from ml_assets.online.definition import OnlineTable
from ml_assets.online.values import encoded, entity_key, plain

Place = tuple[str, datetime, str]
"""The key of an entity, when a row of it was known, and the partition of the row."""

_TIME = "event_time"


@dataclass(frozen=True)
class OnlineRow:
    """The features of one entity at one time.

    Attributes:
        entity: the values that identify it, see ``values.entity_key``.
        event_time: when the features were known, in UTC.
        day: partition of the row in the feature table.
        features: all other columns, see ``values.encoded``.
        written_at: when the row was written online; None for a row that is not.
    """

    entity: str
    event_time: datetime
    day: str
    features: str
    written_at: datetime | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        """Of two rows of an entity the one with the greater order is served."""
        return self.event_time, self.day


def newest_rows(online: OnlineTable, rows: pd.DataFrame) -> list[OnlineRow]:
    """The newest row of each entity, in the order of their keys.

    Args:
        online: the table.
        rows: (n, columns) of the table, with ``ds``.
    """
    last = newest_of(online, rows, online.entity)
    return sorted(online_rows(online, last, places(online, last)), key=lambda row: row.entity)


def newest_of(online: OnlineTable, rows: pd.DataFrame, of: Sequence[str]) -> pd.DataFrame:
    """(m, columns) the newest of the rows that are equal in the columns ``of``."""
    order = pd.DataFrame({_TIME: online.event_times(rows), DAY: rows[DAY]}, index=rows.index)
    in_order = rows.loc[order.sort_values([_TIME, DAY], kind="stable").index]
    return in_order.drop_duplicates([*of], keep="last")


def places(online: OnlineTable, rows: pd.DataFrame) -> list[Place]:
    """Entity, event time and partition of each row, without its features."""
    keys: dict[tuple[object, ...], str] = {}
    entities = [
        keys.get(values) or keys.setdefault(values, entity_key([plain(value) for value in values]))
        for values in zip(*(rows[name].astype("object") for name in online.entity), strict=True)
    ]
    moments = [moment.astimezone(UTC) for moment in online.event_times(rows).dt.to_pydatetime()]
    return [*zip(entities, moments, rows[DAY], strict=True)]


def online_rows(
    online: OnlineTable, rows: pd.DataFrame, of_rows: Sequence[Place]
) -> Iterator[OnlineRow]:
    """The rows as they are written.

    Args:
        online: the table.
        rows: (n, columns) of the table, with ``ds``.
        of_rows: (n,) their places.
    """
    names = [name for name in rows.columns if name not in {DAY, *online.entity}]
    features = zip(*(rows[name].astype("object") for name in names), strict=True)
    for (entity, moment, day), values in zip(of_rows, features, strict=True):
        text = encoded({name: plain(value) for name, value in zip(names, values, strict=True)})
        yield OnlineRow(entity, moment, day, text)


def newest(rows: Iterable[OnlineRow]) -> list[OnlineRow]:
    """The newest of several rows of each entity, in the order of their keys."""
    found: dict[str, OnlineRow] = {}
    for row in rows:
        other = found.get(row.entity)
        if other is None or other.order <= row.order:
            found[row.entity] = row
    return [found[key] for key in sorted(found)]
