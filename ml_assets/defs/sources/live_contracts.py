"""Contracts of a live source of flights: the timetable, which exists in advance, and what happened."""

from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.defs.sources.contracts import AIRPORT, CARRIER, Weather
from ml_assets.defs.sources.day_contracts import ORIGINS

UTC: dict[str, Any] = {"unit": "us", "tz": "UTC"}


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

    @pa.dataframe_check
    @classmethod
    def only_cancellations_have_no_delay(cls, rows: pd.DataFrame) -> pd.Series:
        """Without its delay it is unknown whether a flight was late."""
        return rows["delay"].isna() == (rows["event"] == "cancelled")

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
