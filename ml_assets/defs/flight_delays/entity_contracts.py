"""Contracts of what a request looks up, with columns of ``FlightFeatures``."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd

from ml_assets.contracts.contract import Contract, computed
from ml_assets.contracts.derived import column_from
from ml_assets.defs.flight_delays.contracts import (
    CUT,
    DEPARTED,
    OUTCOME,
    PLANE,
    UTC,
    FlightFeatures,
)

OBSERVED = ["weather.origin", "weather.time_hour"]
"""Columns that select the observation of an hour."""
AT_ORIGIN = [*DEPARTED, "flights.origin"]
NUMBER = ["flights.carrier", "flights.flight"]


def _of(name: str, sources: Sequence[str]) -> Any:
    """The field of a column of ``FlightFeatures``, with other input columns."""
    return column_from(FlightFeatures, name, sources)[1]


def _known_at(sources: Sequence[str]) -> Any:
    """The field of the time at which a row was known.

    Args:
        sources: what the times of an entity are made from. Those of an airport are most minutes of a
            day: its flights decide which rows there are, not what a row has.
    """
    return computed(
        "Cut of a flight, or end of an hour or day: the row contains only what is known at this time.",
        sources,
        "UTC",
        dtype_kwargs=UTC,
    )


class OriginState(Contract):
    """What is known at an airport: weather, delays, backlog and share of late flights."""

    origin: str = _of("origin", ["flights.origin"])
    known_at: pd.DatetimeTZDtype = _known_at([])
    taken_at: pd.DatetimeTZDtype = computed(
        "When the last known weather was observed.",
        OBSERVED,
        "UTC",
        nullable=True,
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
    origin_delay_1h: float = _of("origin_delay_1h", AT_ORIGIN)
    origin_late_share_1h: float = _of("origin_late_share_1h", AT_ORIGIN)
    origin_backlog_1h: int = _of("origin_backlog_1h", AT_ORIGIN)
    origin_delay_3h: float = _of("origin_delay_3h", AT_ORIGIN)
    origin_late_share_3h: float = _of("origin_late_share_3h", AT_ORIGIN)
    origin_backlog_3h: int = _of("origin_backlog_3h", AT_ORIGIN)
    all_airports_delay_3h: float = _of("all_airports_delay_3h", DEPARTED)
    origin_late_rate_7d: float = _of("origin_late_rate_7d", [*OUTCOME, "flights.origin"])

    class Config:
        """A value out of range is an error in ``entities.py``."""

        unique: ClassVar = ["origin", "known_at"]
        metadata: ClassVar = {"max_dead_letter_share": 0.01}


class CarrierState(Contract):
    """What is known of a carrier: delays of the last hours, and its share of late flights."""

    carrier: str = _of("carrier", ["flights.carrier"])
    known_at: pd.DatetimeTZDtype = _known_at(CUT)
    carrier_delay_3h: float = _of("carrier_delay_3h", [*DEPARTED, "flights.carrier"])
    carrier_late_rate_7d: float = _of("carrier_late_rate_7d", [*OUTCOME, "flights.carrier"])

    class Config:
        """A value out of range is an error in ``entities.py``."""

        unique: ClassVar = ["carrier", "known_at"]
        metadata: ClassVar = {"max_dead_letter_share": 0.01}


class DestinationState(Contract):
    """What is known of a destination: delays of the last hours, and its share of late flights."""

    dest: str = _of("dest", ["flights.dest"])
    known_at: pd.DatetimeTZDtype = _known_at(CUT)
    destination_delay_3h: float = _of("destination_delay_3h", [*DEPARTED, "flights.dest"])
    destination_late_rate_7d: float = _of("destination_late_rate_7d", OUTCOME)

    class Config:
        """A value out of range is an error in ``entities.py``."""

        unique: ClassVar = ["dest", "known_at"]
        metadata: ClassVar = {"max_dead_letter_share": 0.01}


class RouteRates(Contract):
    """Share of late flights of a carrier's route to a destination."""

    carrier: str = _of("carrier", ["flights.carrier"])
    dest: str = _of("dest", ["flights.dest"])
    known_at: pd.DatetimeTZDtype = _known_at(CUT)
    route_late_rate_7d: float = _of("route_late_rate_7d", [*OUTCOME, "flights.carrier"])

    class Config:
        """A value out of range is an error in ``entities.py``."""

        unique: ClassVar = ["carrier", "dest", "known_at"]
        metadata: ClassVar = {"max_dead_letter_share": 0.01}


class FlightNumberState(Contract):
    """What is known of a flight number: the plane last seen, and its share of late flights."""

    carrier: str = _of("carrier", ["flights.carrier"])
    flight: int = _of("flight", ["flights.flight"])
    known_at: pd.DatetimeTZDtype = _known_at([*CUT, "flights.flight"])
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

        unique: ClassVar = ["carrier", "flight", "known_at"]
        metadata: ClassVar = {"max_dead_letter_share": 0.01}
