"""Contracts of the features and outcomes; contracts of the pipeline's other tables are derived."""

from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.defs.flight_delays.day_contracts import FeaturesDay, OutcomesDay
from ml_assets.defs.flight_delays.events import KEY

UTC: dict[str, Any] = {"unit": "us", "tz": "UTC"}
RATE: dict[str, Any] = {"nullable": True, "ge": 0, "le": 1}
DELAY: dict[str, Any] = {"nullable": True, "ge": -120, "le": 1440}

CUT = ["flights.time_hour", "flights.minute"]
"""Columns from which the cut and each scheduled departure are computed."""
ARRIVAL = [*CUT, "flights.dest", "flights.sched_arr_time", "airports.faa", "airports.tzone"]
OBSERVED = ["flights.time_hour", "flights.origin", "weather.origin", "weather.time_hour"]
"""Columns that select the observation of an hour, whatever the minute of the cut."""
DEPARTED = [*CUT, "flights.dep_delay"]
PLANE = [*DEPARTED, "flights.carrier", "flights.flight", "flights.tailnum", "planes.tailnum"]
OUTCOME = [*ARRIVAL, "flights.arr_delay", "flights.dep_time"]
"""Columns from which the outcome of a flight and its time are computed."""


class FlightKey(Contract):
    """Columns that identify a scheduled flight."""

    time_hour: pd.DatetimeTZDtype = pa.Field(
        description="Scheduled departure, cut to the hour.",
        metadata={"unit": "UTC", "from": ["flights.time_hour"]},
        dtype_kwargs=UTC,
    )
    carrier: str = pa.Field(
        description="Carrier that operates the flight.", metadata={"from": ["flights.carrier"]}
    )
    flight: int = pa.Field(
        ge=1, le=9999, description="Flight number.", metadata={"from": ["flights.flight"]}
    )


class FlightFeatures(FlightKey):
    """What is known about a flight two hours before its scheduled departure."""

    origin: str = pa.Field(
        isin=["EWR", "JFK", "LGA"],
        description="Airport of departure.",
        metadata={"from": ["flights.origin"]},
    )
    dest: str = pa.Field(description="Airport of arrival.", metadata={"from": ["flights.dest"]})
    departs_at: pd.DatetimeTZDtype = pa.Field(
        description="Scheduled departure.",
        metadata={"unit": "UTC", "from": CUT},
        dtype_kwargs=UTC,
    )
    predicted_at: pd.DatetimeTZDtype = pa.Field(
        description="The cut: the row contains only what is known at this time.",
        metadata={"unit": "UTC", "from": CUT},
        dtype_kwargs=UTC,
    )
    minute_of_day: int = pa.Field(
        ge=0,
        le=1439,
        description="Scheduled departure, New York time.",
        metadata={"unit": "min", "from": CUT},
    )
    day_of_week: int = pa.Field(
        ge=0,
        le=6,
        description="Day of the week, Monday is 0.",
        metadata={"from": ["flights.time_hour"]},
    )
    distance: int = pa.Field(
        ge=1, description="Distance.", metadata={"unit": "miles", "from": ["flights.distance"]}
    )
    scheduled_minutes: float = pa.Field(
        nullable=True,
        ge=0,
        le=1500,
        description="Scheduled time gate to gate; null when the destination's zone is unknown.",
        metadata={"unit": "min", "from": ARRIVAL},
    )
    departures_in_hour: int = pa.Field(
        ge=1,
        description="Departures scheduled at the origin in this hour.",
        metadata={"from": ["flights.origin", "flights.time_hour"]},
    )
    plane_seats: float = pa.Field(
        nullable=True,
        ge=1,
        description="Seats of the plane last seen on this flight number.",
        metadata={"from": [*PLANE, "planes.seats"]},
    )
    plane_age: float = pa.Field(
        nullable=True,
        ge=0,
        description="Age of the plane last seen on this flight number.",
        metadata={"unit": "years", "from": [*PLANE, "planes.year"]},
    )
    temp: float = pa.Field(
        nullable=True,
        description="Last known temperature.",
        metadata={"unit": "°F", "from": [*OBSERVED, "weather.temp"]},
    )
    dewp: float = pa.Field(
        nullable=True,
        description="Last known dew point.",
        metadata={"unit": "°F", "from": [*OBSERVED, "weather.dewp"]},
    )
    humid: float = pa.Field(
        nullable=True,
        description="Last known humidity.",
        metadata={"unit": "%", "from": [*OBSERVED, "weather.humid"]},
    )
    wind_dir: float = pa.Field(
        nullable=True,
        description="Last known wind direction.",
        metadata={"unit": "°", "from": [*OBSERVED, "weather.wind_dir"]},
    )
    wind_speed: float = pa.Field(
        nullable=True,
        description="Last known wind speed.",
        metadata={"unit": "mph", "from": [*OBSERVED, "weather.wind_speed"]},
    )
    wind_gust: float = pa.Field(
        nullable=True,
        description="Last known gusts.",
        metadata={"unit": "mph", "from": [*OBSERVED, "weather.wind_gust"]},
    )
    precip: float = pa.Field(
        nullable=True,
        description="Last known precipitation.",
        metadata={"unit": "inch/h", "from": [*OBSERVED, "weather.precip"]},
    )
    pressure: float = pa.Field(
        nullable=True,
        description="Last known pressure.",
        metadata={"unit": "mbar", "from": [*OBSERVED, "weather.pressure"]},
    )
    visib: float = pa.Field(
        nullable=True,
        description="Last known visibility.",
        metadata={"unit": "miles", "from": [*OBSERVED, "weather.visib"]},
    )
    weather_age_hours: float = pa.Field(
        nullable=True,
        ge=1,
        le=13,
        description="Time since that observation was taken.",
        metadata={"unit": "h", "from": [*OBSERVED, "flights.minute"]},
    )
    origin_delay_1h: float = pa.Field(
        description="Mean departure delay at the origin in the last hour.",
        metadata={"unit": "min", "from": [*DEPARTED, "flights.origin"]},
        **DELAY,
    )
    origin_late_share_1h: float = pa.Field(
        description="Share of departures at the origin 15 min late or more, last hour.",
        metadata={"unit": "share", "from": [*DEPARTED, "flights.origin"]},
        **RATE,
    )
    origin_backlog_1h: int = pa.Field(
        description="Scheduled minus actual departures at the origin in the last hour.",
        metadata={"from": [*DEPARTED, "flights.origin"]},
    )
    origin_delay_3h: float = pa.Field(
        description="Mean departure delay at the origin in the last three hours.",
        metadata={"unit": "min", "from": [*DEPARTED, "flights.origin"]},
        **DELAY,
    )
    origin_late_share_3h: float = pa.Field(
        description="Share of departures at the origin 15 min late or more, last three hours.",
        metadata={"unit": "share", "from": [*DEPARTED, "flights.origin"]},
        **RATE,
    )
    origin_backlog_3h: int = pa.Field(
        description="Departures scheduled at the origin in the last three hours less those seen.",
        metadata={"from": [*DEPARTED, "flights.origin"]},
    )
    all_airports_delay_3h: float = pa.Field(
        description="Mean departure delay at all three airports, last three hours.",
        metadata={"unit": "min", "from": DEPARTED},
        **DELAY,
    )
    carrier_delay_3h: float = pa.Field(
        description="Mean departure delay of the carrier, last three hours.",
        metadata={"unit": "min", "from": [*DEPARTED, "flights.carrier"]},
        **DELAY,
    )
    destination_delay_3h: float = pa.Field(
        description="Mean departure delay towards the destination, last three hours.",
        metadata={"unit": "min", "from": [*DEPARTED, "flights.dest"]},
        **DELAY,
    )
    origin_late_rate_7d: float = pa.Field(
        description="Share of late flights from the origin, last seven days.",
        metadata={"unit": "share", "from": [*OUTCOME, "flights.origin"]},
        **RATE,
    )
    carrier_late_rate_7d: float = pa.Field(
        description="Share of late flights of the carrier, last seven days.",
        metadata={"unit": "share", "from": [*OUTCOME, "flights.carrier"]},
        **RATE,
    )
    destination_late_rate_7d: float = pa.Field(
        description="Share of late flights to the destination, last seven days.",
        metadata={"unit": "share", "from": OUTCOME},
        **RATE,
    )
    route_late_rate_7d: float = pa.Field(
        description="Share of the carrier's late flights to the destination, last seven days.",
        metadata={"unit": "share", "from": [*OUTCOME, "flights.carrier"]},
        **RATE,
    )
    flight_late_rate_7d: float = pa.Field(
        description="Share of this flight number's late flights, last seven days.",
        metadata={"unit": "share", "from": [*OUTCOME, "flights.carrier", "flights.flight"]},
        **RATE,
    )

    class Config:
        """A feature out of range is an error in ``features.py``."""

        unique: ClassVar = KEY
        metadata: ClassVar = {
            "day": FeaturesDay,
            "may_be_empty": False,
            "max_dead_letter_share": 0.01,
        }


class FlightOutcomes(FlightKey):
    """The outcome of a flight, and when it was known."""

    flight_day: str = pa.Field(
        str_matches=r"^\d{4}-\d\d-\d\d$",
        description="Local day of the flight; a diversion is stored days later, when it is known.",
        metadata={"from": []},
    )
    outcome: str = pa.Field(
        isin=["landed", "cancelled", "diverted"],
        description="Outcome of the flight.",
        metadata={"from": ["flights.dep_time", "flights.arr_delay"]},
    )
    late: int = pa.Field(
        isin=[0, 1],
        description="The label: 1 when it landed 15 min late or more, was diverted or cancelled.",
        metadata={"from": ["flights.arr_delay"]},
    )
    arr_delay: float = pa.Field(
        nullable=True,
        description="Arrival delay.",
        metadata={"unit": "min", "from": ["flights.arr_delay"]},
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When the outcome was known.",
        metadata={"unit": "UTC", "from": OUTCOME},
        dtype_kwargs=UTC,
    )

    class Config:
        """An outcome out of range is an error in ``features.py``."""

        unique: ClassVar = KEY
        metadata: ClassVar = {
            "day": OutcomesDay,
            "may_be_empty": False,
            "max_dead_letter_share": 0.01,
        }
