"""Faults of source rows whose cause ``benchmarks.causes`` has to find; written down before anything was measured.

A fault is a kind of change of one column, or of the rows of a table, from a day on. What a row of the source would
be with the fault is computed here; features, predictions and labels follow from it by the functions of the project.
The reported faults begin on the days of ``REPORTED``; methods were chosen on those of ``TUNING``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

REPORTED = ("2013-06-11", "2013-09-10", "2013-11-12")
TUNING = ("2013-05-07", "2013-07-09", "2013-10-15")

Sources: TypeAlias = Mapping[str, pd.DataFrame]
"""Table → its rows."""
Change: TypeAlias = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]
"""Rows with a fault, of those from its first day on."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: what happened to the source.
        table: the source table.
        columns: the culprits: the column, both of two swapped ones, or ``*`` for the rows of the table.
        change: makes the faulty rows.
    """

    kind: str
    table: str
    columns: tuple[str, ...]
    change: Change

    def is_culprit(self, column: tuple[str, str]) -> bool:
        """Whether a source column is what was changed."""
        table, name = column
        return table == f"sources/{self.table}" and (name in self.columns or self.columns == ("*",))


def _values(column: str, change: Callable[[pd.Series, np.random.Generator], object]) -> Change:
    return lambda rows, random: rows.assign(**{column: change(rows[column], random)})


def _missing(share: float) -> Callable[[pd.Series, np.random.Generator], pd.Series]:
    return lambda values, random: values.mask(random.random(len(values)) < share)


def _stuck(values: pd.Series, random: np.random.Generator) -> pd.Series:
    known = values.dropna()
    return pd.Series(known.iloc[0], index=values.index)


def _swapped(one: str, other: str) -> Change:
    return lambda rows, random: rows.assign(**{one: rows[other], other: rows[one]})


def _without(column: str, value: str) -> Change:
    return lambda rows, random: rows[rows[column] != value]


def _some(column: str, share: float, value: str) -> Change:
    def change(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        return rows.assign(**{column: rows[column].mask(random.random(len(rows)) < share, value)})

    return change


def _duplicated(origin: str) -> Change:
    """The flights of an airport twice, the second time with another number."""

    def change(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        twice = rows[(rows["origin"] == origin) & (rows["flight"] < 4000)]
        return pd.concat([rows, twice.assign(flight=twice["flight"] + 5000)], ignore_index=True)

    return change


def _every_hours(hours: int) -> Change:
    return lambda rows, random: rows[rows["time_hour"].dt.hour % hours == 0]


def _kept(share: float) -> Change:
    return lambda rows, random: rows[random.random(len(rows)) < share]


def _celsius(values: pd.Series, random: np.random.Generator) -> pd.Series:
    return (values - 32) / 1.8


def _noise(scale: float) -> Callable[[pd.Series, np.random.Generator], pd.Series]:
    return lambda values, random: values + random.normal(0, scale, len(values))


def _of(kind: str, table: str, column: str, change: Callable[..., object]) -> Fault:
    return Fault(kind, table, (column,), _values(column, change))


FAULTS = (
    _of("unit", "weather", "temp", _celsius),
    _of("unit", "weather", "dewp", _celsius),
    _of("unit", "weather", "wind_speed", lambda v, r: v * 1.609),
    _of("unit", "weather", "visib", lambda v, r: v * 1.609),
    _of("unit", "flights", "distance", lambda v, r: (v * 1.609).round().astype("int64")),
    _of("unit", "flights", "dep_delay", lambda v, r: (v / 60).round()),
    _of("unit", "flights", "arr_delay", lambda v, r: (v / 60).round()),
    _of("shift", "weather", "humid", lambda v, r: (v - 25).clip(lower=1)),
    _of("shift", "weather", "pressure", lambda v, r: v + 15),
    _of("shift", "flights", "dep_delay", lambda v, r: v + 15),
    _of("time zone", "weather", "time_hour", lambda v, r: v - pd.Timedelta(hours=5)),
    _of("time zone", "flights", "time_hour", lambda v, r: v + pd.Timedelta(hours=5)),
    _of("missing", "weather", "temp", _missing(0.6)),
    _of("missing", "weather", "humid", _missing(0.6)),
    _of("missing", "flights", "tailnum", _missing(0.6)),
    _of("missing", "planes", "seats", _missing(0.5)),
    _of("constant", "weather", "humid", lambda v, r: 60.0),
    _of("constant", "weather", "visib", lambda v, r: 10.0),
    _of("constant", "flights", "dep_delay", lambda v, r: v.where(v.isna(), 0)),
    _of("constant", "planes", "seats", lambda v, r: 150),
    _of("stuck", "weather", "temp", _stuck),
    _of("stuck", "weather", "wind_speed", _stuck),
    _of("stuck", "weather", "pressure", _stuck),
    Fault("swapped", "weather", ("temp", "dewp"), _swapped("temp", "dewp")),
    Fault("swapped", "flights", ("dep_delay", "arr_delay"), _swapped("dep_delay", "arr_delay")),
    Fault("swapped", "weather", ("humid", "wind_speed"), _swapped("humid", "wind_speed")),
    _of("clipped", "flights", "dep_delay", lambda v, r: v.clip(0, 10)),
    _of("clipped", "weather", "temp", lambda v, r: v.clip(upper=45)),
    _of("clipped", "weather", "wind_dir", lambda v, r: v.clip(upper=150)),
    _of("clipped", "flights", "arr_delay", lambda v, r: v.clip(upper=10)),
    _of("rounded", "flights", "dep_delay", lambda v, r: (v / 30).round() * 30),
    _of("rounded", "weather", "humid", lambda v, r: (v / 50).round() * 50),
    _of("rounded", "flights", "minute", lambda v, r: 0),
    Fault("category vanished", "flights", ("carrier",), _without("carrier", "UA")),
    Fault("category vanished", "flights", ("origin",), _without("origin", "LGA")),
    _of("category renamed", "flights", "carrier", lambda v, r: v.replace("EV", "XE")),
    _of("category renamed", "flights", "dest", lambda v, r: v.replace("ORD", "CHI")),
    Fault("category new", "flights", ("carrier",), _some("carrier", 0.3, "ZZ")),
    Fault("category new", "flights", ("dest",), _some("dest", 0.3, "ZZZ")),
    _of("sign", "flights", "dep_delay", lambda v, r: -v),
    _of("sign", "flights", "arr_delay", lambda v, r: -v),
    _of("sign", "weather", "temp", lambda v, r: -v),
    Fault("duplicated rows", "flights", ("*",), _duplicated("LGA")),
    Fault("stale join", "planes", ("*",), _kept(0.3)),
    _of("stale join", "airports", "tzone", lambda v, r: "America/New_York"),
    _of("noise", "weather", "temp", _noise(25)),
    _of("noise", "flights", "dep_delay", _noise(60)),
    _of("noise", "weather", "pressure", _noise(20)),
    Fault("late source", "weather", ("*",), _every_hours(6)),
    Fault("late source", "weather", ("*",), _every_hours(12)),
)
"""50 faults of 17 kinds, on each day."""

LABEL_DAYS = tuple(f"2013-{month:02}-{day:02}" for month in range(4, 12) for day in (9, 16, 23))
"""First days of changes of labels, one change on each."""

LABEL_FAULTS = {
    "half of the labels turned": lambda rows, random: rows["late"].where(
        random.random(len(rows)) >= 0.5, 1 - rows["late"]
    ),
    "all labels of the largest carriers turned": lambda rows, random: rows["late"].where(
        ~rows["carrier"].isin(["UA", "B6", "EV"]), 1 - rows["late"]
    ),
    "late flights count as punctual": lambda rows, random: (
        rows["late"] * 0 + (random.random(len(rows)) < 0.1).astype("int64")
    ),
    "delays after departure, half of the flights": lambda rows, random: rows["late"].where(
        random.random(len(rows)) >= 0.5, 1
    ),
    "delays after departure on long flights": lambda rows, random: rows["late"].where(
        rows["distance"] < 1000, 1
    ),
    "recovery after departure": lambda rows, random: (
        rows["arr_delay"].fillna(999) - 60 >= 15
    ).astype("int64"),
    "labels of another flight": lambda rows, random: pd.Series(
        random.permutation(rows["late"].to_numpy()), index=rows.index
    ),
}
"""Changes of what is predicted, not of any feature: one on each of ``LABEL_DAYS``, in turn. No feature is the cause."""
