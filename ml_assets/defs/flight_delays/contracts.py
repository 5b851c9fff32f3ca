"""Contracts of the flight-delay pipeline: features, outcomes and the training dataset."""

from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.defs.flight_delays.events import KEY
from ml_assets.learning.scoring import Prediction
from ml_assets.monitoring.performance import Label

UTC: dict[str, Any] = {"unit": "us", "tz": "UTC"}
RATE: dict[str, Any] = {"nullable": True, "ge": 0, "le": 1, "metadata": {"unit": "share"}}
DELAY: dict[str, Any] = {"nullable": True, "ge": -120, "le": 1440, "metadata": {"unit": "min"}}


class FlightKey(Contract):
    """What identifies a scheduled flight."""

    time_hour: pd.DatetimeTZDtype = pa.Field(
        description="Scheduled departure, cut to the hour.",
        metadata={"unit": "UTC"},
        dtype_kwargs=UTC,
    )
    carrier: str = pa.Field(description="Carrier that operates the flight.")
    flight: int = pa.Field(ge=1, le=9999, description="Flight number.")


class FlightFeatures(FlightKey):
    """What is known about a flight two hours before its scheduled departure."""

    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"], description="Airport of departure.")
    dest: str = pa.Field(description="Airport of arrival.")
    predicted_at: pd.DatetimeTZDtype = pa.Field(
        description="The cut: nothing known later may be in this row.",
        metadata={"unit": "UTC"},
        dtype_kwargs=UTC,
    )
    minute_of_day: int = pa.Field(
        ge=0, le=1439, description="Scheduled departure, New York time.", metadata={"unit": "min"}
    )
    day_of_week: int = pa.Field(ge=0, le=6, description="Day of the week, Monday is 0.")
    distance: int = pa.Field(ge=1, description="Distance.", metadata={"unit": "miles"})
    scheduled_minutes: float = pa.Field(
        nullable=True,
        ge=0,
        le=1500,
        description="Scheduled time gate to gate; null when the destination's zone is unknown.",
        metadata={"unit": "min"},
    )
    departures_in_hour: int = pa.Field(
        ge=1, description="Departures scheduled at the origin in this hour."
    )
    plane_seats: float = pa.Field(
        nullable=True, ge=1, description="Seats of the plane last seen on this flight number."
    )
    plane_age: float = pa.Field(
        nullable=True,
        ge=0,
        description="Age of the plane last seen on this flight number.",
        metadata={"unit": "years"},
    )
    temp: float = pa.Field(
        nullable=True, description="Last known temperature.", metadata={"unit": "°F"}
    )
    dewp: float = pa.Field(
        nullable=True, description="Last known dew point.", metadata={"unit": "°F"}
    )
    humid: float = pa.Field(
        nullable=True, description="Last known humidity.", metadata={"unit": "%"}
    )
    wind_dir: float = pa.Field(
        nullable=True, description="Last known wind direction.", metadata={"unit": "°"}
    )
    wind_speed: float = pa.Field(
        nullable=True, description="Last known wind speed.", metadata={"unit": "mph"}
    )
    wind_gust: float = pa.Field(
        nullable=True, description="Last known gusts.", metadata={"unit": "mph"}
    )
    precip: float = pa.Field(
        nullable=True, description="Last known precipitation.", metadata={"unit": "inch/h"}
    )
    pressure: float = pa.Field(
        nullable=True, description="Last known pressure.", metadata={"unit": "mbar"}
    )
    visib: float = pa.Field(
        nullable=True, description="Last known visibility.", metadata={"unit": "miles"}
    )
    weather_age_hours: float = pa.Field(
        nullable=True,
        ge=1,
        le=13,
        description="Time since that observation was taken.",
        metadata={"unit": "h"},
    )
    origin_delay_1h: float = pa.Field(
        description="Mean departure delay at the origin in the last hour.", **DELAY
    )
    origin_late_share_1h: float = pa.Field(
        description="Share of departures at the origin 15 min late or more, last hour.", **RATE
    )
    origin_backlog_1h: int = pa.Field(
        description="Departures scheduled at the origin in the last hour less those seen."
    )
    origin_delay_3h: float = pa.Field(
        description="Mean departure delay at the origin in the last three hours.", **DELAY
    )
    origin_late_share_3h: float = pa.Field(
        description="Share of departures at the origin 15 min late or more, last three hours.",
        **RATE,
    )
    origin_backlog_3h: int = pa.Field(
        description="Departures scheduled at the origin in the last three hours less those seen."
    )
    all_airports_delay_3h: float = pa.Field(
        description="Mean departure delay at all three airports, last three hours.", **DELAY
    )
    carrier_delay_3h: float = pa.Field(
        description="Mean departure delay of the carrier, last three hours.", **DELAY
    )
    destination_delay_3h: float = pa.Field(
        description="Mean departure delay towards the destination, last three hours.", **DELAY
    )
    origin_late_rate_7d: float = pa.Field(
        description="Share of late flights from the origin, last seven days.", **RATE
    )
    carrier_late_rate_7d: float = pa.Field(
        description="Share of late flights of the carrier, last seven days.", **RATE
    )
    destination_late_rate_7d: float = pa.Field(
        description="Share of late flights to the destination, last seven days.", **RATE
    )
    route_late_rate_7d: float = pa.Field(
        description="Share of the carrier's late flights to the destination, last seven days.",
        **RATE,
    )
    flight_late_rate_7d: float = pa.Field(
        description="Share of this flight number's late flights, last seven days.", **RATE
    )

    class Config:
        """A feature out of range is a fault of ours."""

        unique: ClassVar = KEY
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.01}


class FlightOutcomes(FlightKey):
    """What became of a flight, and when that was known."""

    outcome: str = pa.Field(
        isin=["landed", "cancelled", "diverted"], description="What became of the flight."
    )
    late: int = pa.Field(
        isin=[0, 1],
        description="The label: 1 when it landed 15 min late or more, was diverted or cancelled.",
    )
    arr_delay: float = pa.Field(
        nullable=True, description="Arrival delay.", metadata={"unit": "min"}
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When the outcome was known.", metadata={"unit": "UTC"}, dtype_kwargs=UTC
    )

    class Config:
        """An outcome out of range is a fault of ours."""

        unique: ClassVar = KEY
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.01}


class TrainingDataset(FlightFeatures):
    """Feature rows with their labels, as they were known at the start of the as-of day."""

    feature_day: str = pa.Field(description="Local day of the flight.")
    split: str = pa.Field(
        isin=["train", "validation", "test"], description="What the row is used for."
    )
    late: int = pa.Field(isin=[0, 1], description="The label.")
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When the label was known: before the as-of day began.",
        metadata={"unit": "UTC"},
        dtype_kwargs=UTC,
    )

    class Config:
        """A dataset without rows trains nothing."""

        unique: ClassVar = KEY
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class FlightPredictions(FlightKey, Prediction):
    """What the champion of the day predicts for each flight of the day."""

    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"], description="Airport of departure.")
    prediction: float = pa.Field(ge=0, le=1, description="Probability that the flight is late.")

    class Config:
        """A day that has features has predictions."""

        unique: ClassVar = ["prediction_id"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class FlightLabels(Label):
    """What really happened, by the day it became known, with what had been predicted."""

    carrier: str = pa.Field(description="Carrier that operates the flight.")
    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"], description="Airport of departure.")
    label: float = pa.Field(isin=[0, 1], description="1 when the flight was late.")

    class Config:
        """A label without a prediction is a dead letter."""

        unique: ClassVar = ["prediction_id"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.05}
