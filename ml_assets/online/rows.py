"""Rows of the online store, made of rows of a feature table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from ml_assets.content import DAY
from ml_assets.online.definition import OnlineTable
from ml_assets.online.values import encoded, entity_key, plain


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
    return sorted(_rows(online, newest_of(online, rows)), key=lambda row: row.entity)


def newest_of(online: OnlineTable, rows: pd.DataFrame) -> pd.DataFrame:
    """(m, columns) the newest row of each entity among rows of the table, with ``ds``."""
    order = pd.DataFrame({_TIME: online.event_times(rows), DAY: rows[DAY]}, index=rows.index)
    in_order = rows.loc[order.sort_values([_TIME, DAY], kind="stable").index]
    return in_order.drop_duplicates([*online.entity], keep="last")


def newest(rows: Iterable[OnlineRow]) -> list[OnlineRow]:
    """The newest of several rows of each entity, in the order of their keys."""
    found: dict[str, OnlineRow] = {}
    for row in rows:
        other = found.get(row.entity)
        if other is None or other.order <= row.order:
            found[row.entity] = row
    return [found[key] for key in sorted(found)]


_TIME = "event_time"


def _rows(online: OnlineTable, rows: pd.DataFrame) -> Iterator[OnlineRow]:
    names = [name for name in rows.columns if name not in {DAY, *online.entity}]
    entities = zip(*(rows[name].astype("object") for name in online.entity), strict=True)
    features = zip(*(rows[name].astype("object") for name in names), strict=True)
    times = online.event_times(rows).dt.to_pydatetime()
    for entity, moment, day, values in zip(entities, times, rows[DAY], features, strict=True):
        yield OnlineRow(
            entity_key([plain(value) for value in entity]),
            moment.astimezone(UTC),
            str(day),
            encoded({name: plain(value) for name, value in zip(names, values, strict=True)}),
        )
