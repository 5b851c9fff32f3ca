"""Writing rows of a feature table to the online store, as they are stored or later."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ml_assets.errors import ConfigurationError
from ml_assets.lake.remedy import materialize_day_command
from ml_assets.lake.store import Lake
from ml_assets.lake.writing import DAYS_AT_ONCE
from ml_assets.online.definition import OnlineTable
from ml_assets.online.rows import OnlineRow, newest, newest_rows
from ml_assets.online.store import OnlineStore


def write_online(store: OnlineStore, online: OnlineTable, rows: pd.DataFrame) -> None:
    """Write the newest row of each entity to the store, unless it has a newer one.

    Args:
        store: the online store.
        online: the table.
        rows: (n, columns) of some partitions of the table, with ``ds``.
    """
    store.upsert(online.table, newest_rows(online, rows))


@dataclass(frozen=True)
class Materialized:
    """The result of writing a table online.

    Attributes:
        days: stored partitions that were read, in order.
        entities: number of entities.
    """

    days: Sequence[str]
    entities: int


def materialize(lake: Lake, store: OnlineStore, online: OnlineTable, until: str) -> Materialized:
    """Write the newest row of each entity, of all stored partitions until a day, to the store.

    Rows of later partitions stay. Rows of these partitions that are not in the lake any more are
    replaced by the entity's newest one that is, or removed where there is none.

    Args:
        lake: lake with the table.
        store: the online store.
        online: the table.
        until: day, or hour, of the last partition.

    Raises:
        ConfigurationError: no such partition is stored.
        LakeMismatch: rows of one differ from the recorded ones.
    """
    last = online.last_partition(until)
    stored = lake.days_stored(online.table)
    days = [day for day in stored if day <= last]
    if not days:
        has = f"its first is {stored[0]}" if stored else "none is stored"
        raise ConfigurationError(
            f"{online.table} has no stored partition until {until}: {has}. To compute one, run: "
            f"{materialize_day_command(online.table, last)}"
        )
    rows: list[OnlineRow] = []
    for start in range(0, len(days), DAYS_AT_ONCE):
        read = lake.read(online.table, days[start : start + DAYS_AT_ONCE])
        rows = newest([*rows, *newest_rows(online, read)])
    store.replace(online.table, rows, until=last)
    return Materialized(days, len(rows))


def materialize_online_command(table: str, until: str) -> str:
    """The command that does so."""
    return f"ml-assets online materialize {table} --until {until}"


def nothing_online(tables: Sequence[str]) -> str:
    """The advice about tables that have no row online, as a sentence.

    Args:
        tables: at least one.
    """
    return (
        f"No row of {', '.join(tables)} is online. To write those that are stored, run: "
        f"{materialize_online_command(tables[0], 'DAY')}"
    )
