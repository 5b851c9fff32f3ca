"""Contracts of the state of airports, routes and flight numbers, with columns of ``FlightFeatures``."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd

from ml_assets.contracts.contract import Contract, computed
from ml_assets.contracts.derived import column_from
from ml_assets.defs.flight_delays.contracts import DEPARTED, OUTCOME, PLANE, UTC, FlightFeatures

OBSERVED = ["weather.origin", "weather.time_hour"]
"""Columns that select the observation of an hour."""
AT_ORIGIN = [*DEPARTED, "flights.origin"]
NUMBER = ["flights.carrier", "flights.flight"]


def _of(name: str, sources: Sequence[str]) -> Any:
    """The field of a column of ``FlightFeatures``, with other input columns."""
    return column_from(FlightFeatures, name, sources)[1]


class OriginState(Contract):
    """What is known at an airport at the end of an hour: weather, delays and backlog."""

    origin: str = _of("origin", ["flights.origin"])
    known_at: pd.DatetimeTZDtype = computed(
        "End of the hour: the row contains only what is known at this time.",
        [],
        "UTC",
        dtype_kwargs=UTC,
    )
    temp: float = _of("temp", [*OBSERVED, "weather.temp"])
    dewp: float = _of("dewp", [*OBSERVED, "weather.dewp"])
    humid: float = _of("humid", [*OBSERVED, "weather.humid"])
    wind_dir: float = _of("wind_dir", [*OBSERVED, "weather.wind_dir"])
    wind_speed: float = _of("wind_speed", [*OBSERVED, "weather.wind_speed"])
    wind_gust: float = _of("wind_gust", [*OBSERVED, "weather.wind_gust"])
    precip: float = _of("precip", [*OBSERVED, "weather.precip"])
    pressure: float = _of("pressure", [*OBSERVED, "weather.pressure"])
    visib: float = _of("visib", [*OBSERVED, "weather.visib"])
    weather_age_hours: float = _of("weather_age_hours", OBSERVED)
    origin_delay_1h: float = _of("origin_delay_1h", AT_ORIGIN)
    origin_late_share_1h: float = _of("origin_late_share_1h", AT_ORIGIN)
    origin_backlog_1h: int = _of("origin_backlog_1h", AT_ORIGIN)
    origin_delay_3h: float = _of("origin_delay_3h", AT_ORIGIN)
    origin_late_share_3h: float = _of("origin_late_share_3h", AT_ORIGIN)
    origin_backlog_3h: int = _of("origin_backlog_3h", AT_ORIGIN)
    all_airports_delay_3h: float = _of("all_airports_delay_3h", DEPARTED)

    class Config:
        """A value out of range is an error in ``entities.py``."""

        unique: ClassVar = ["origin", "known_at"]
        metadata: ClassVar = {"max_dead_letter_share": 0.01}


class RouteRates(Contract):
    """Shares of late flights of a carrier's route, known at the end of a day on which it is flown."""

    carrier: str = _of("carrier", ["flights.carrier"])
    dest: str = _of("dest", ["flights.dest"])
    carrier_late_rate_7d: float = _of("carrier_late_rate_7d", [*OUTCOME, "flights.carrier"])
    destination_late_rate_7d: float = _of("destination_late_rate_7d", OUTCOME)
    route_late_rate_7d: float = _of("route_late_rate_7d", [*OUTCOME, "flights.carrier"])

    class Config:
        """A value out of range is an error in ``entities.py``."""

        unique: ClassVar = ["carrier", "dest"]
        metadata: ClassVar = {"max_dead_letter_share": 0.01}


class FlightNumberState(Contract):
    """What is known of a flight number at the end of a day on which it is scheduled."""

    carrier: str = _of("carrier", ["flights.carrier"])
    flight: int = _of("flight", ["flights.flight"])
    plane_seats: float = _of("plane_seats", [*PLANE, "planes.seats"])
    plane_year: float = computed(
        "Year in which the plane last seen on this flight number was built.",
        [*PLANE, "planes.year"],
        nullable=True,
        ge=1900,
    )
    flight_late_rate_7d: float = _of("flight_late_rate_7d", [*OUTCOME, *NUMBER])

    class Config:
        """A value out of range is an error in ``entities.py``."""

        unique: ClassVar = ["carrier", "flight"]
        metadata: ClassVar = {"max_dead_letter_share": 0.01}
