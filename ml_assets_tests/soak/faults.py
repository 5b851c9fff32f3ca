"""The faults, each a small function on the source database, the lake or a process.

A fault on day D arrives with the rows of D (``arrives``), or comes when D has been processed
(``after``); what heals by a hand of the client's heals with the rows of D+1 (``heals``).
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from ml_assets_tests.soak.comparison import Node
from ml_assets_tests.soak.schedule import day_after

Change = Callable[[sqlite3.Connection, str], None]
"""A change of the source database for day D."""

Damage = Callable[[Path, str], None]
"""A change of the lake, given its root, for day D."""

FLIGHTS, WEATHER, FEATURES = "sources/flights", "sources/weather", "flight_delays/flight_features"
SNAPSHOT = "snapshot"
STARTS_AT = 5
"""UTC hour at which a local day of New York begins in winter."""


@dataclass(frozen=True)
class Fault:
    """What a kind of fault does.

    Attributes:
        roots: days of tables that it was done to, given D.
        arrives: change of the source together with the rows of D.
        after: change of the source when D was processed.
        heals: change of the source together with the rows of D+1.
        damages: change of the lake when D−1 was processed, before D arrives.
    """

    roots: Callable[[str], set[Node]]
    arrives: Change | None = None
    after: Change | None = None
    heals: Change | None = None
    damages: Damage | None = None


def _sql(statement: str) -> Change:
    """A statement over ``:start`` and ``:end`` of D in UTC, as the source writes times, and ``:day``."""

    def change(connection: sqlite3.Connection, day: str) -> None:
        cursor = connection.execute(statement, _moments(day))
        if statement.startswith(("UPDATE", "DELETE", "INSERT")):
            assert cursor.rowcount > 0, f"nothing changed by: {statement}"

    return change


def _moments(day: str) -> dict[str, str]:
    def at(start: str) -> str:
        return f"{start} {STARTS_AT:02}:00:00.000000"

    return {
        "day": day,
        "start": at(day),
        "end": at(day_after(day)),
        "two_before": at(day_after(day, -2)),
        "one_before": at(day_after(day, -1)),
        "old": at(day_after(day, -14)),
    }


OF_DAY = "time_hour >= :start AND time_hour < :end"
HELD_BACK = "held_back_flights"
"""Table of the client with what is delivered later; no asset reads it."""


def _chosen(count: int, condition: str = "1") -> str:
    """Some flights of D, spread over the day."""
    return (
        f"rowid IN (SELECT rowid FROM flights WHERE {OF_DAY} AND {condition} "
        f"ORDER BY flight % 97, rowid LIMIT {count})"
    )


def _in_turn(*changes: Change) -> Change:
    def change(connection: sqlite3.Connection, day: str) -> None:
        for one in changes:
            one(connection, day)

    return change


def _hold_back(condition: str) -> Change:
    return _sql(f"CREATE TABLE {HELD_BACK} AS SELECT * FROM flights WHERE {condition}")


def _day_ahead(connection: sqlite3.Connection, day: str) -> None:
    ahead = f"{day_after(day, 240)} 12:00:00.000000"
    for table in ("flights", "weather"):
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        kept = ", ".join(f'"{name}"' for name in names if name != "time_hour")
        connection.execute(
            f"INSERT INTO {table} ({kept}, time_hour) "
            f"SELECT {kept}, ? FROM {table} WHERE time_hour >= ? LIMIT 1",
            (ahead, _moments(day)["start"]),
        )


def _delta(root: Path, table: str) -> DeltaTable:
    return DeltaTable(root / table)


def _delete_features(root: Path, day: str) -> None:
    _delta(root, FEATURES).delete(f"ds = '{day_after(day, -1)}'")


def _change_features(root: Path, day: str) -> None:
    _delta(root, FEATURES).update({"temp": "temp + 1"}, predicate=f"ds = '{day_after(day, -1)}'")


def _lose_flights(root: Path, day: str) -> None:
    folder = root / FLIGHTS / f"ds={day_after(day, -1)}"
    files = list(folder.glob("*.parquet"))
    assert files, f"no files in {folder}"
    for file in files:
        file.unlink()


def _root(*tables: str, ago: int = 0) -> Callable[[str], set[Node]]:
    def roots(day: str) -> set[Node]:
        affected = day_after(day, -ago)
        letters = {
            (f"{table}_dead_letters", where) for table in tables for where in (affected, "unplaced")
        }
        return {(table, affected) for table in tables} | letters

    return roots


def _snapshot(table: str) -> Callable[[str], set[Node]]:
    return lambda day: {(table, SNAPSHOT)}


def _nothing(day: str) -> set[Node]:
    del day
    return set()


FAULTS = {
    "A1": Fault(_root(WEATHER), _sql(f"DELETE FROM weather WHERE {OF_DAY}")),
    "A2": Fault(
        _snapshot("sources/planes"),
        _sql(
            "INSERT INTO planes SELECT 'N00000', year, type, manufacturer, model, engines, seats, "
            "speed, engine FROM planes LIMIT 1"
        ),
    ),
    "A3": Fault(
        _root(FLIGHTS, ago=2),
        after=_sql(
            "UPDATE flights SET arr_delay = arr_delay + 40 WHERE rowid IN (SELECT rowid FROM flights "
            "WHERE time_hour >= :two_before AND time_hour < :one_before AND arr_delay IS NOT NULL "
            "ORDER BY rowid LIMIT 50)"
        ),
    ),
    "A7": Fault(
        _nothing,
        _sql(f"INSERT INTO flights SELECT * FROM flights WHERE {_chosen(132)}"),
    ),
    "B1": Fault(_nothing, _sql("ALTER TABLE flights ADD COLUMN gate TEXT")),
    "B3": Fault(
        _nothing,
        after=_in_turn(
            _sql("DELETE FROM flights WHERE time_hour < :old"),
            _sql("DELETE FROM weather WHERE time_hour < :old"),
        ),
    ),
    "C1": Fault(
        _root(FLIGHTS),
        _in_turn(
            _hold_back(_chosen(100)),
            _sql(f"DELETE FROM flights WHERE {_chosen(100)}"),
        ),
        heals=_in_turn(
            _sql(f"INSERT INTO flights SELECT * FROM {HELD_BACK}"),
            _sql(f"DROP TABLE {HELD_BACK}"),
        ),
    ),
    "C2": Fault(
        _root(FLIGHTS),
        _in_turn(
            _hold_back(
                _chosen(100, "arr_delay IS NOT NULL AND time_hour >= datetime(:end, '-9 hours')")
            ),
            _sql(
                "UPDATE flights SET arr_time = NULL, arr_delay = NULL, air_time = NULL WHERE "
                + _chosen(100, "arr_delay IS NOT NULL AND time_hour >= datetime(:end, '-9 hours')")
            ),
        ),
        heals=_in_turn(
            _sql(
                f"DELETE FROM flights WHERE (time_hour, carrier, flight) IN "
                f"(SELECT time_hour, carrier, flight FROM {HELD_BACK})"
            ),
            _sql(f"INSERT INTO flights SELECT * FROM {HELD_BACK}"),
            _sql(f"DROP TABLE {HELD_BACK}"),
        ),
    ),
    "C3": Fault(_root(FLIGHTS, WEATHER), _day_ahead),
    "D1": Fault(
        _root(FLIGHTS),
        _sql(f"UPDATE flights SET tailnum = CAST(x'4EFC31' AS TEXT) WHERE {_chosen(1)}"),
    ),
    "D2": Fault(
        _nothing,
        _sql(f"UPDATE flights SET time_hour = replace(time_hour, ' ', 'T') WHERE {OF_DAY}"),
    ),
    "D3": Fault(
        _snapshot("sources/airports"),
        _sql("UPDATE airports SET tzone = '\\N' WHERE faa = 'IAH'"),
    ),
    "D4": Fault(
        _root(FLIGHTS),
        _in_turn(
            _sql(f"UPDATE flights SET carrier = carrier || char(10) WHERE {_chosen(3)}"),
            _sql(
                f"UPDATE flights SET tailnum = ' ' || tailnum WHERE {_chosen(3, 'origin = ' + repr('JFK'))}"
            ),
        ),
    ),
    "D5": Fault(
        _root(FLIGHTS),
        _sql(
            "UPDATE flights SET dep_delay = dep_delay + 0.9 WHERE "
            + _chosen(5, "dep_delay IS NOT NULL")
        ),
    ),
    "E1": Fault(_root(FEATURES, ago=1), damages=_delete_features),
    "E2": Fault(_root(FEATURES, ago=1), damages=_change_features),
    "E3": Fault(_root(FLIGHTS, ago=1), damages=_lose_flights),
    "F1": Fault(
        _root(FLIGHTS), _sql(f"DELETE FROM flights WHERE {OF_DAY} AND (flight + rowid) % 10 < 7")
    ),
    "F2": Fault(_root(FLIGHTS), _sql(f"UPDATE flights SET arr_delay = NULL WHERE {OF_DAY}")),
    "F3": Fault(
        _root(FLIGHTS),
        _sql(f"UPDATE flights SET time_hour = NULL WHERE {OF_DAY} AND rowid % 2"),
    ),
    "G1": Fault(
        _root(FLIGHTS),
        _sql(
            f"UPDATE flights SET arr_delay = -5 WHERE {OF_DAY} AND carrier = 'US' AND arr_delay >= 15"
        ),
    ),
    "G3": Fault(_root(FLIGHTS), _sql(f"DELETE FROM flights WHERE {OF_DAY} AND NOT {_chosen(3)}")),
    "outage": Fault(_nothing),
    "kill": Fault(_nothing),
}
"""Id of a kind → what it does."""
