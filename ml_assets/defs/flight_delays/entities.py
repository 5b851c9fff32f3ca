"""State of airports, routes and flight numbers, which a request about a new flight looks up.

The functions are those of ``features``, at times of an entity instead of the cut of a flight: each
whole hour of an airport, the end of a day of a route or flight number on which it was scheduled.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.defs.flight_delays.events import (
    KEY,
    NEW_YORK,
    end_of_day,
    outcomes,
    scheduled_departure,
)
from ml_assets.defs.flight_delays.features import (
    DaysLater,
    Hours,
    last_weather,
    recent_departures,
    usual_plane,
    weekly_rates,
)

ORIGIN, ROUTE, NUMBER = ["origin"], ["carrier", "dest"], ["carrier", "flight"]
"""Columns that identify an airport, a route and a flight number."""


def origin_state(
    days: Sequence[str], *, flights: pd.DataFrame, weather: pd.DataFrame
) -> pd.DataFrame:
    """Weather, delays and backlog of each airport at the end of each hour of the given days.

    Args:
        days: local days to compute.
        flights: flights of those days and of the day before each.
        weather: observations of the same days.
    """
    flights = flights.reset_index(drop=True)
    rows = _one_flight_each(days, flights, ORIGIN).merge(_hours(days), on=DAY)
    parts = [
        rows[[DAY, *ORIGIN, "known_at"]],
        last_weather(rows, weather, rows["known_at"]),
        recent_departures(rows, flights, rows["known_at"]),
    ]
    return pd.concat(parts, axis=1)


def route_rates(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    airports: pd.DataFrame,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """Shares of late flights of each route of the given days, of its carrier and its destination.

    Args and assumptions as in ``features.flight_features``.
    """
    flights = flights.reset_index(drop=True)
    known = outcomes(flights, airports, extra_zones, cancellation_known_hours, diversion_known_days)
    rows = _one_flight_each(days, flights, ROUTE)
    rates = weekly_rates(rows, flights, known, _end_of_day(rows))
    return pd.concat([rows[[DAY, *ROUTE]], rates], axis=1)


def flight_number_state(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    planes: pd.DataFrame,
    airports: pd.DataFrame,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """The plane last seen on each flight number of the given days, and its share of late flights.

    Args and assumptions as in ``features.flight_features``.
    """
    flights = flights.reset_index(drop=True)
    known = outcomes(flights, airports, extra_zones, cancellation_known_hours, diversion_known_days)
    rows = _one_flight_each(days, flights, NUMBER)
    cut = _end_of_day(rows)
    plane = usual_plane(rows, flights, planes, cut)
    plane_year = rows["time_hour"].dt.year - plane["plane_age"]
    rates = weekly_rates(rows, flights, known, cut)
    parts = [rows[[DAY, *NUMBER]], plane["plane_seats"], plane_year.rename("plane_year"), rates]
    return pd.concat(parts, axis=1)


def _one_flight_each(
    days: Sequence[str], flights: pd.DataFrame, entity: Sequence[str]
) -> pd.DataFrame:
    """The first scheduled flight of each entity on each day, which stands for the entity."""
    of_days = flights[flights[DAY].isin(days)].sort_values([DAY, *KEY], kind="stable")
    return of_days.drop_duplicates([DAY, *entity])


def _hours(days: Sequence[str]) -> pd.DataFrame:
    """Day and ``known_at`` of each hour of the days that ends on a whole one."""
    calendar = Calendar(Cadence.DAILY, NEW_YORK)
    ends = {
        day: pd.date_range(*calendar.bounds(day), freq="h", inclusive="right", unit="us")
        for day in days
    }
    return pd.DataFrame(
        [(day, end) for day, found in ends.items() for end in found], columns=[DAY, "known_at"]
    ).astype({DAY: "str", "known_at": "datetime64[us, UTC]"})


def _end_of_day(rows: pd.DataFrame) -> pd.Series:
    return end_of_day(scheduled_departure(rows), 0)
