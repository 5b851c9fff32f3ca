"""Contracts of a live source: the timetable, which exists in advance, and what happened, as a log."""

from typing import ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.derived import from_other_inputs
from ml_assets.defs.flight_delays.contracts import UTC, FlightFeatures
from ml_assets.defs.sources.contracts import AIRPORT, CARRIER, Airports, Planes, Weather
from ml_assets.defs.sources.day_contracts import ORIGINS


class Timetable(Contract):
    """One row per scheduled departure, published before it."""

    time_hour: pd.DatetimeTZDtype = pa.Field(
        whole_hour=True, description="Scheduled departure, cut to the hour.", dtype_kwargs=UTC
    )
    carrier: str = pa.Field(str_matches=CARRIER, description="Carrier that operates the flight.")
    flight: int = pa.Field(ge=1, le=9999, description="Flight number.")
    origin: str = pa.Field(isin=ORIGINS, description="Airport of departure.")
    dest: str = pa.Field(str_matches=AIRPORT, description="Airport of arrival.")
    minute: int = pa.Field(
        ge=0, le=59, description="Minute of the scheduled departure.", metadata={"unit": "min"}
    )
    sched_arr_time: int = pa.Field(
        clock_time=True,
        ge=0,
        le=2400,
        description="Scheduled arrival, in the destination's zone and without a date.",
        metadata={"unit": "HHMM local"},
    )
    distance: int = pa.Field(
        ge=1, le=6000, description="Distance to the destination.", metadata={"unit": "miles"}
    )

    class Config:
        """Nothing departs at night."""

        unique: ClassVar = ["time_hour", "carrier", "flight"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.02}


class FlightEvents(Contract):
    """One row per departure, landing or cancellation, when it became known; rows never change."""

    known_at: pd.DatetimeTZDtype = pa.Field(description="When it became known.", dtype_kwargs=UTC)
    event: str = pa.Field(isin=["departed", "landed", "cancelled"], description="What happened.")
    time_hour: pd.DatetimeTZDtype = pa.Field(
        whole_hour=True, description="Scheduled departure, cut to the hour.", dtype_kwargs=UTC
    )
    carrier: str = pa.Field(str_matches=CARRIER, description="Carrier that operates the flight.")
    flight: int = pa.Field(ge=1, le=9999, description="Flight number.")
    tailnum: str = pa.Field(nullable=True, description="Plane that departed.")
    delay: float = pa.Field(
        nullable=True,
        whole_number=True,
        ge=-180,
        le=1500,
        description="Delay of the departure or of the landing; null for a cancellation.",
        metadata={"unit": "min"},
    )

    class Config:
        """Few things happen at night."""

        unique: ClassVar = ["time_hour", "carrier", "flight", "event"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.02}


class HourlyWeather(Weather):
    """Weather of an hour, whose observations may be missing."""

    class Config:
        """Hours without an observation are usual."""

        unique: ClassVar = ["origin", "time_hour"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.05}


SCHEDULED = [
    "time_hour",
    "carrier",
    "flight",
    "origin",
    "dest",
    "minute",
    "sched_arr_time",
    "distance",
]
OF_EVENT = [f"events.{name}" for name in ("event", "time_hour", "carrier", "flight")]
"""Columns that select an event of a flight."""
OTHER_INPUTS = {
    **{f"flights.{name}": [f"timetable.{name}"] for name in SCHEDULED},
    "flights.dep_delay": [*OF_EVENT, "events.delay"],
    "flights.arr_delay": [*OF_EVENT, "events.delay"],
    "flights.dep_time": OF_EVENT,
    "flights.tailnum": [*OF_EVENT, "events.tailnum"],
    **{f"weather.{name}": [f"weather.{name}"] for name in columns(Weather)},
    **{f"planes.{name}": [f"planes.{name}"] for name in columns(Planes)},
    **{f"airports.{name}": [f"airports.{name}"] for name in columns(Airports)},
}
"""Input column of ``FlightFeatures`` → the columns of the timetable and the log that replace it."""

FeaturesByHour = from_other_inputs(
    FlightFeatures,
    "FeaturesByHour",
    "What is known about each flight of an hour, two hours before its scheduled departure.",
    OTHER_INPUTS,
    may_be_empty=True,
    max_dead_letter_share=0.01,
)


class OutcomesByHour(Contract):
    """The landings and cancellations that became known in an hour."""

    time_hour: pd.DatetimeTZDtype = pa.Field(
        description="Scheduled departure, cut to the hour.",
        metadata={"unit": "UTC", "from": ["events.time_hour"]},
        dtype_kwargs=UTC,
    )
    carrier: str = pa.Field(
        description="Carrier that operates the flight.", metadata={"from": ["events.carrier"]}
    )
    flight: int = pa.Field(
        ge=1, le=9999, description="Flight number.", metadata={"from": ["events.flight"]}
    )
    flight_hour: str = pa.Field(
        description="Hour of the flight's scheduled departure.",
        metadata={"from": ["events.time_hour"]},
    )
    late: int = pa.Field(
        isin=[0, 1],
        description="The label: 1 when it landed 15 min late or more, or was cancelled.",
        metadata={"from": ["events.event", "events.delay"]},
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When the outcome was known.",
        metadata={"unit": "UTC", "from": ["events.known_at"]},
        dtype_kwargs=UTC,
    )

    class Config:
        """Few things happen at night."""

        unique: ClassVar = ["time_hour", "carrier", "flight"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.01}
