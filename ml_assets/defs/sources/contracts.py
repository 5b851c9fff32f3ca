"""Contracts of the source tables: meaning, unit, range and nullability of each column."""

from typing import ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.defs.sources.day_contracts import ORIGINS, FlightsDay, WeatherDay

CARRIER = r"^[0-9A-Z]{2}$"
AIRPORT = r"^[0-9A-Z]{3}$"


class Flights(Contract):
    """One row per scheduled departure from New York's three airports."""

    time_hour: pd.DatetimeTZDtype = pa.Field(
        whole_hour=True,
        description="Scheduled departure, cut to the hour.",
        metadata={"unit": "UTC"},
        dtype_kwargs={"unit": "us", "tz": "UTC"},
    )
    carrier: str = pa.Field(str_matches=CARRIER, description="Carrier that operates the flight.")
    flight: int = pa.Field(ge=1, le=9999, description="Flight number.")
    tailnum: str = pa.Field(
        nullable=True, description="Plane that flew; many have no entry in planes."
    )
    origin: str = pa.Field(isin=ORIGINS, description="Airport of departure.")
    dest: str = pa.Field(
        str_matches=AIRPORT, description="Airport of arrival; some have no entry in airports."
    )
    sched_dep_time: int = pa.Field(
        clock_time=True,
        ge=0,
        le=2359,
        description="Scheduled departure.",
        metadata={"unit": "HHMM New York"},
    )
    dep_time: float = pa.Field(
        nullable=True,
        whole_number=True,
        clock_time=True,
        ge=1,
        le=2400,
        description="Actual departure; null when cancelled.",
        metadata={"unit": "HHMM New York"},
    )
    dep_delay: float = pa.Field(
        nullable=True,
        whole_number=True,
        ge=-120,
        le=1440,
        description="Departure delay; null when cancelled.",
        metadata={"unit": "min"},
    )
    sched_arr_time: int = pa.Field(
        clock_time=True,
        ge=0,
        le=2400,
        description="Scheduled arrival, in the destination's zone and without a date.",
        metadata={"unit": "HHMM local"},
    )
    arr_time: float = pa.Field(
        nullable=True,
        whole_number=True,
        clock_time=True,
        ge=1,
        le=2400,
        description="Actual arrival, in the destination's zone; null when it never arrived.",
        metadata={"unit": "HHMM local"},
    )
    arr_delay: float = pa.Field(
        nullable=True,
        whole_number=True,
        ge=-180,
        le=1500,
        description="Arrival delay; null when cancelled or diverted.",
        metadata={"unit": "min"},
    )
    air_time: float = pa.Field(
        nullable=True,
        whole_number=True,
        ge=1,
        le=1200,
        description="Time in the air.",
        metadata={"unit": "min"},
    )
    distance: int = pa.Field(
        ge=1, le=6000, description="Distance to the destination.", metadata={"unit": "miles"}
    )
    minute: int = pa.Field(
        ge=0, le=59, description="Minute of the scheduled departure.", metadata={"unit": "min"}
    )

    @pa.dataframe_check
    @classmethod
    def minute_is_that_of_sched_dep_time(cls, rows: pd.DataFrame) -> pd.Series:
        """The source stores the minute twice; where the two differ, the departure is unknown."""
        return rows["minute"] == rows["sched_dep_time"] % 100

    class Config:
        """No day is without flights; one row in fifty may be rejected."""

        unique: ClassVar = ["time_hour", "carrier", "flight"]
        metadata: ClassVar = {
            "day": FlightsDay,
            "may_be_empty": False,
            "max_dead_letter_share": 0.02,
        }


class Weather(Contract):
    """One observation per airport and hour; an hour may be missing."""

    origin: str = pa.Field(isin=ORIGINS, description="Airport of the weather station.")
    time_hour: pd.DatetimeTZDtype = pa.Field(
        whole_hour=True,
        description="Hour of the observation.",
        metadata={"unit": "UTC"},
        dtype_kwargs={"unit": "us", "tz": "UTC"},
    )
    temp: float = pa.Field(
        nullable=True, ge=-30, le=120, description="Temperature.", metadata={"unit": "°F"}
    )
    dewp: float = pa.Field(
        nullable=True, ge=-60, le=100, description="Dew point.", metadata={"unit": "°F"}
    )
    humid: float = pa.Field(
        nullable=True, ge=0, le=100, description="Relative humidity.", metadata={"unit": "%"}
    )
    wind_dir: float = pa.Field(
        nullable=True, ge=0, le=360, description="Wind direction.", metadata={"unit": "°"}
    )
    wind_speed: float = pa.Field(
        nullable=True, ge=0, le=200, description="Wind speed.", metadata={"unit": "mph"}
    )
    wind_gust: float = pa.Field(
        nullable=True,
        ge=0,
        le=250,
        description="Gusts; null when there were none, four hours in five.",
        metadata={"unit": "mph"},
    )
    precip: float = pa.Field(
        nullable=True, ge=0, le=10, description="Precipitation.", metadata={"unit": "inch/h"}
    )
    pressure: float = pa.Field(
        nullable=True,
        ge=900,
        le=1100,
        description="Sea-level pressure; null one hour in ten.",
        metadata={"unit": "mbar"},
    )
    visib: float = pa.Field(
        nullable=True, ge=0, le=20, description="Visibility.", metadata={"unit": "miles"}
    )

    class Config:
        """Weather is reported every day; a few absurd readings do not quarantine the day."""

        unique: ClassVar = ["origin", "time_hour"]
        metadata: ClassVar = {
            "day": WeatherDay,
            "may_be_empty": False,
            "max_dead_letter_share": 0.05,
        }


class HourlyWeather(Weather):
    """The same observations in partitions of an hour."""

    class Config:
        """An hour may be missing; three rows are too few to judge an hour as a whole."""

        unique: ClassVar = ["origin", "time_hour"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 1.0}


class WeatherStations(Contract):
    """The airports with a weather station."""

    origin: str = pa.Field(isin=ORIGINS, description="Airport of the weather station.")
    name: str = pa.Field(description="Name of the airport.")

    class Config:
        """A reference table is never empty."""

        unique: ClassVar = ["origin"]


class Planes(Contract):
    """One row per plane of the registry."""

    tailnum: str = pa.Field(description="Tail number.")
    year: float = pa.Field(
        nullable=True, whole_number=True, ge=1903, le=2013, description="Year of manufacture."
    )
    type: str = pa.Field(description="Kind of aircraft.")
    manufacturer: str = pa.Field(description="Manufacturer.")
    model: str = pa.Field(description="Model.")
    engines: int = pa.Field(ge=1, le=8, description="Number of engines.")
    seats: int = pa.Field(ge=1, le=900, description="Number of seats.")
    speed: float = pa.Field(
        nullable=True, ge=0, le=700, description="Cruising speed.", metadata={"unit": "mph"}
    )
    engine: str = pa.Field(description="Kind of engine.")

    class Config:
        """A registry is never empty."""

        unique: ClassVar = ["tailnum"]


class Airports(Contract):
    """One row per airport."""

    faa: str = pa.Field(str_matches=AIRPORT, description="FAA code.")
    name: str = pa.Field(description="Name.")
    lat: float = pa.Field(ge=-90, le=90, description="Latitude.", metadata={"unit": "°"})
    lon: float = pa.Field(ge=-180, le=180, description="Longitude.", metadata={"unit": "°"})
    alt: int = pa.Field(ge=-1500, le=30000, description="Altitude.", metadata={"unit": "ft"})
    tz: int = pa.Field(ge=-12, le=14, description="Offset from UTC.", metadata={"unit": "h"})
    dst: str = pa.Field(isin=["A", "U", "N"], description="Kind of daylight saving time.")
    tzone: str = pa.Field(
        nullable=True, iana_zone=True, description="IANA zone; three small airports have none."
    )

    class Config:
        """A reference table is never empty."""

        unique: ClassVar = ["faa"]


class Airlines(Contract):
    """One row per carrier."""

    carrier: str = pa.Field(str_matches=CARRIER, description="Two-character code.")
    name: str = pa.Field(description="Name.")

    class Config:
        """A reference table is never empty."""

        unique: ClassVar = ["carrier"]
