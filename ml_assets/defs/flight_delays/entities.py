"""State of airports, carriers, destinations, routes and flight numbers, which a request looks up.

The functions are those of ``features``, at times of an entity: the cut of each of its flights, so that a
request about a scheduled flight finds the values of training, and each whole hour of an airport or the
end of the day of any other entity.
"""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.defs.flight_delays.events import KEY, NEW_YORK, outcomes, scheduled_departure
from ml_assets.defs.flight_delays.features import (
    GROUPS,
    HOUR,
    DaysLater,
    Hours,
    departures_at_origin,
    last_weather,
    late_rates,
    mean_delays,
    usual_plane,
)

KNOWN_AT = "known_at"

Times = Callable[[str], pd.DatetimeIndex]
"""Times in UTC of a day."""


def origin_state(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    weather: pd.DataFrame,
    airports: pd.DataFrame,
    cut_hours: Hours,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """Weather, delays, backlog and share of late flights of each airport of departure.

    Args and assumptions as in ``features.flight_features``.
    """
    flights = flights.reset_index(drop=True)
    known = outcomes(flights, airports, extra_zones, cancellation_known_hours, diversion_known_days)
    rows = _rows(days, flights, "origin", cut_hours, _hours)
    parts = [
        rows[[DAY, "origin", KNOWN_AT]],
        last_weather(rows, weather, rows[KNOWN_AT]),
        departures_at_origin(rows, flights, rows[KNOWN_AT]),
        mean_delays(rows, flights, rows[KNOWN_AT], ["all_airports"]),
        late_rates(rows, flights, known, rows[KNOWN_AT], ["origin"]),
    ]
    return pd.concat(parts, axis=1)


def carrier_state(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    airports: pd.DataFrame,
    cut_hours: Hours,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """Delay and share of late flights of each carrier.

    Args and assumptions as in ``features.flight_features``.
    """
    flights = flights.reset_index(drop=True)
    known = outcomes(flights, airports, extra_zones, cancellation_known_hours, diversion_known_days)
    return _delays_and_rates(days, flights, known, "carrier", cut_hours)


def destination_state(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    airports: pd.DataFrame,
    cut_hours: Hours,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """Delay and share of late flights towards each destination.

    Args and assumptions as in ``features.flight_features``.
    """
    flights = flights.reset_index(drop=True)
    known = outcomes(flights, airports, extra_zones, cancellation_known_hours, diversion_known_days)
    return _delays_and_rates(days, flights, known, "destination", cut_hours)


def route_rates(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    airports: pd.DataFrame,
    cut_hours: Hours,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """Share of late flights of each carrier's route to a destination.

    Args and assumptions as in ``features.flight_features``.
    """
    flights = flights.reset_index(drop=True)
    known = outcomes(flights, airports, extra_zones, cancellation_known_hours, diversion_known_days)
    rows = _rows(days, flights, "route", cut_hours, _end)
    rates = late_rates(rows, flights, known, rows[KNOWN_AT], ["route"])
    return pd.concat([rows[[DAY, *GROUPS["route"], KNOWN_AT]], rates], axis=1)


def flight_number_state(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    planes: pd.DataFrame,
    airports: pd.DataFrame,
    cut_hours: Hours,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """The plane last seen on each flight number, and its share of late flights.

    Args and assumptions as in ``features.flight_features``.
    """
    flights = flights.reset_index(drop=True)
    known = outcomes(flights, airports, extra_zones, cancellation_known_hours, diversion_known_days)
    rows = _rows(days, flights, "flight", cut_hours, _end)
    parts = [
        rows[[DAY, *GROUPS["flight"], KNOWN_AT]],
        usual_plane(rows, flights, planes, rows[KNOWN_AT]),
        late_rates(rows, flights, known, rows[KNOWN_AT], ["flight"]),
    ]
    return pd.concat(parts, axis=1)


def _delays_and_rates(
    days: Sequence[str], flights: pd.DataFrame, known: pd.DataFrame, name: str, cut_hours: float
) -> pd.DataFrame:
    rows = _rows(days, flights, name, cut_hours, _end)
    parts = [
        rows[[DAY, *GROUPS[name], KNOWN_AT]],
        mean_delays(rows, flights, rows[KNOWN_AT], [name]),
        late_rates(rows, flights, known, rows[KNOWN_AT], [name]),
    ]
    return pd.concat(parts, axis=1)


def _rows(
    days: Sequence[str], flights: pd.DataFrame, name: str, cut_hours: float, times: Times
) -> pd.DataFrame:
    """A flight of each entity for each of its times, which stands for the entity.

    Args:
        days: local days.
        flights: (n, …) flights, of other days, too.
        name: name of the group of flights that is an entity, such as "route".
        cut_hours: hours before scheduled departure at which a flight is requested.
        times: further times of each day.

    Returns:
        (m, …) flights of the days with ``known_at``: the cuts, and the further times.
    """
    of_days = flights[flights[DAY].isin(days)].sort_values([DAY, *KEY], kind="stable")
    cut = scheduled_departure(of_days) - cut_hours * HOUR
    each_day = pd.DataFrame({KNOWN_AT: [times(day) for day in days], DAY: [*days]})
    further = of_days.drop_duplicates([DAY, *GROUPS[name]]).merge(
        each_day.explode(KNOWN_AT).astype({DAY: "str"}), on=DAY
    )
    parts = [of_days.assign(**{KNOWN_AT: cut}), further]
    rows = pd.concat(
        [part.astype({KNOWN_AT: "datetime64[us, UTC]"}) for part in parts], ignore_index=True
    )
    return rows.drop_duplicates([DAY, *GROUPS[name], KNOWN_AT], ignore_index=True)


def _hours(day: str) -> pd.DatetimeIndex:
    """The ends of the hours of a day."""
    bounds = Calendar(Cadence.DAILY, NEW_YORK).bounds(day)
    return pd.date_range(*bounds, freq="h", inclusive="right", unit="us")


def _end(day: str) -> pd.DatetimeIndex:
    """The end of a day."""
    return _hours(day)[-1:]
