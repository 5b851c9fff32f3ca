"""What a request about a flight says, and the features that are computed when it comes.

The flight stands in no table: a request has the facts of the timetable, and everything else is looked up
(``entities``) or computed here. ``features`` computes the rows of training with the same function.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import FROM
from ml_assets.contracts.derived import column_from
from ml_assets.defs.flight_delays.contracts import UTC, FlightFeatures, FlightKey
from ml_assets.defs.flight_delays.events import NEW_YORK

OLDEST_WEATHER_HOURS = 13
"""Greatest age of weather in training: an hour until it is known, and twelve. Weather of a request that
is older has no age that the model has seen; that its table is stale is told."""


def _timetable(name: str) -> Any:
    """The field of a column of ``FlightFeatures``, whose texts are from outside."""
    field = column_from(FlightFeatures, name, [])[1]
    del field.metadata[FROM]
    return field


class FlightRequest(FlightKey):
    """A flight as the timetable has it."""

    carrier: str = _timetable("carrier")
    origin: str = _timetable("origin")
    dest: str = _timetable("dest")
    departs_at: pd.DatetimeTZDtype = _timetable("departs_at")
    arrives_at: pd.DatetimeTZDtype = pa.Field(
        nullable=True,
        description="Scheduled arrival.",
        metadata={"unit": "UTC", "from": []},
        dtype_kwargs=UTC,
    )
    distance: int = _timetable("distance")
    departures_in_hour: int = _timetable("departures_in_hour")

    @pa.dataframe_check(element_wise=True)
    @classmethod
    def departs_at_is_in_the_hour_of_time_hour(cls, row: Mapping[str, Any]) -> bool:
        """A flight is identified by its hour, and predicted with its minute."""
        return bool(row["departs_at"].floor("h") == row["time_hour"])

    class Config:
        """A flight is requested once."""

        unique: ClassVar = ["time_hour", "carrier", "flight"]


def request_features(
    *,
    departs_at: pd.Series,
    arrives_at: pd.Series,
    predicted_at: pd.Series,
    taken_at: pd.Series,
    plane_year: pd.Series,
) -> dict[str, Any]:
    """Features of n flights that follow from the timetable, the time of the request, and lookups.

    Args:
        departs_at: scheduled departures.
        arrives_at: scheduled arrivals; null where they are unknown.
        predicted_at: times as of which features are requested: the cuts of scheduled flights.
        taken_at: when the weather was observed.
        plane_year: years in which the planes were built.

    Returns:
        Feature → n values. Arrays, as accessors of series take most of the time of a single request.
    """
    departure = departs_at.array
    weather_age = (predicted_at.array - taken_at.array).total_seconds() / 3600
    local = departure.tz_convert(NEW_YORK)
    return {
        "minute_of_day": local.hour * 60 + local.minute,
        "day_of_week": local.day_of_week,
        "scheduled_minutes": (arrives_at.array - departure).total_seconds() / 60,
        "plane_age": departure.year - plane_year.array,
        "weather_age_hours": np.where(weather_age <= OLDEST_WEATHER_HOURS, weather_age, np.nan),
    }
