"""Contracts of the features and outcomes; contracts of the pipeline's other tables are derived."""

from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract
from ml_assets.defs.airport_weather.features import KEY

UTC: dict[str, Any] = {"unit": "us", "tz": "UTC"}
TAKEN = ["weather_stations.origin", "hourly_weather.origin", "hourly_weather.time_hour"]
"""Columns that select an observation, for an hour that the partition gives."""


def reading(column: str, unit: str, description: str) -> Any:
    """A number computed from a column of hourly_weather."""
    return pa.Field(
        nullable=True,
        description=description,
        metadata={"unit": unit, "from": [*TAKEN, f"hourly_weather.{column}"]},
    )


def wind(description: str) -> Any:
    """A part of the wind."""
    columns = ["hourly_weather.wind_speed", "hourly_weather.wind_dir"]
    return pa.Field(
        nullable=True, description=description, metadata={"unit": "mph", "from": [*TAKEN, *columns]}
    )


class WeatherFeatures(Contract):
    """What is known about the weather of an hour two hours before it."""

    origin: str = pa.Field(
        isin=["EWR", "JFK", "LGA"],
        description="Airport of the weather station.",
        metadata={"from": ["weather_stations.origin"]},
    )
    time_hour: pd.DatetimeTZDtype = pa.Field(
        description="The hour that is predicted.",
        metadata={"unit": "UTC", "from": []},
        dtype_kwargs=UTC,
    )
    predicted_at: pd.DatetimeTZDtype = pa.Field(
        description="The cut: the row contains only what is known at this time.",
        metadata={"unit": "UTC", "from": []},
        dtype_kwargs=UTC,
    )
    temp: float = reading("temp", "°F", "Last known temperature.")
    dewp: float = reading("dewp", "°F", "Last known dew point.")
    wind_speed: float = reading("wind_speed", "mph", "Last known wind speed.")
    precip: float = reading("precip", "inch/h", "Last known precipitation.")
    pressure: float = reading("pressure", "mbar", "Last known pressure.")
    visib: float = reading("visib", "miles", "Last known visibility.")
    wind_east: float = wind("Part of the last known wind from the east.")
    wind_north: float = wind("Part of the last known wind from the north.")
    temp_change_3h: float = reading("temp", "°F", "Change of the temperature in three hours.")
    dewp_change_3h: float = reading("dewp", "°F", "Change of the dew point in three hours.")
    wind_speed_change_3h: float = reading("wind_speed", "mph", "Change of the wind in three hours.")
    pressure_change_3h: float = reading("pressure", "mbar", "Change of pressure in three hours.")
    visib_change_3h: float = reading("visib", "miles", "Change of the visibility in three hours.")
    temp_day_before: float = reading(
        "temp", "°F", "Temperature at the same hour of the day before."
    )
    wind_speed_day_before: float = reading("wind_speed", "mph", "Wind at this hour a day before.")
    visib_day_before: float = reading("visib", "miles", "Visibility at this hour a day before.")
    temp_change_day_before: float = reading(
        "temp",
        "°F",
        "Change of the temperature to the same hour of the day before, in three hours.",
    )
    hour_sin: float = pa.Field(
        ge=-1, le=1, description="Sine of the local time of day.", metadata={"from": []}
    )
    hour_cos: float = pa.Field(
        ge=-1, le=1, description="Cosine of the local time of day.", metadata={"from": []}
    )
    observation_age_hours: float = pa.Field(
        nullable=True,
        ge=1,
        le=13,
        description="Age of the last known observation at the cut.",
        metadata={"unit": "h", "from": TAKEN},
    )

    class Config:
        """A feature out of range is an error in ``features.py``."""

        unique: ClassVar = KEY
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


class WeatherOutcomes(Contract):
    """The weather that was observed, and when it was known."""

    origin: str = pa.Field(
        description="Airport of the weather station.", metadata={"from": ["hourly_weather.origin"]}
    )
    time_hour: pd.DatetimeTZDtype = pa.Field(
        description="The hour.",
        metadata={"unit": "UTC", "from": ["hourly_weather.time_hour"]},
        dtype_kwargs=UTC,
    )
    observed_temp: float = pa.Field(
        description="Temperature.", metadata={"unit": "°F", "from": ["hourly_weather.temp"]}
    )
    observed_wind_speed: float = pa.Field(
        description="Wind speed.", metadata={"unit": "mph", "from": ["hourly_weather.wind_speed"]}
    )
    observed_visib: float = pa.Field(
        description="Visibility.", metadata={"unit": "miles", "from": ["hourly_weather.visib"]}
    )
    known_at: pd.DatetimeTZDtype = pa.Field(
        description="When the observation was known.",
        metadata={"unit": "UTC", "from": ["hourly_weather.time_hour"]},
        dtype_kwargs=UTC,
    )

    class Config:
        """Some hours have no observation."""

        unique: ClassVar = KEY
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}
