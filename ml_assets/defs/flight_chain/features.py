"""Features of flights beside those that the weather of the hour of departure is forecast from.

Pure functions: DataFrames in, DataFrame out. The features of an hour's weather are known two hours before
it begins, which is not after the cut of a flight that departs in it.
"""

from collections.abc import Sequence

import pandas as pd

from ml_assets.content import DAY
from ml_assets.defs.airport_weather.features import KEY

OF_STATIONS = {
    "temp": "station_temp",
    "dewp": "station_dewp",
    "wind_speed": "station_wind_speed",
    "precip": "station_precip",
    "pressure": "station_pressure",
    "visib": "station_visib",
    "wind_east": "wind_east",
    "wind_north": "wind_north",
    "temp_change_3h": "temp_change_3h",
    "dewp_change_3h": "dewp_change_3h",
    "wind_speed_change_3h": "wind_speed_change_3h",
    "pressure_change_3h": "pressure_change_3h",
    "visib_change_3h": "visib_change_3h",
    "temp_day_before": "temp_day_before",
    "wind_speed_day_before": "wind_speed_day_before",
    "visib_day_before": "visib_day_before",
    "temp_change_day_before": "temp_change_day_before",
    "hour_sin": "hour_sin",
    "hour_cos": "hour_cos",
}
"""Feature of airport_weather → its column here; another name where flights have such a column."""


def flights_with_stations(
    days: Sequence[str], *, flights: pd.DataFrame, stations: pd.DataFrame
) -> pd.DataFrame:
    """Flights with the weather features of the airport and hour of their departure.

    Args:
        days: days to compute.
        flights: features of the flights of those days.
        stations: weather features of the hours of those days.

    Returns:
        One row per flight with the columns of ``FlightsWithStations``.
    """
    rows = flights[flights[DAY].isin(days)]
    known = stations[[*KEY, *OF_STATIONS]].rename(columns=OF_STATIONS)
    return rows.merge(known, how="left", on=KEY, validate="many_to_one")


def source_rows(
    row: pd.Series, *, flights: pd.DataFrame, stations: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The rows that ``flights_with_stations`` made one row from, for ``ml-assets trace``.

    Args:
        row: a row of its result.
        flights: see there.
        stations: see there.

    Returns:
        input → its rows that were used, with ``used_for``.
    """
    found = {
        "flights": (flights, ["time_hour", "carrier", "flight"], "the row itself"),
        "stations": (stations, KEY, "weather features of its airport and hour"),
    }
    return {
        name: rows[(rows[key] == row[key]).all(axis=1)].assign(used_for=use)
        for name, (rows, key, use) in found.items()
    }
