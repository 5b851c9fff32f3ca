"""Features of the weather of an hour as they are known two hours before it.

Pure functions: DataFrames in, DataFrame out. No feature may use an observation that was known after
``predicted_at``; ``features_test`` erases all later observations and expects the same rows.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.learning.point_in_time import latest_known

HOUR = pd.Timedelta(hours=1)
OBSERVED_AFTER = HOUR
"""An observation is known an hour after it was taken."""
MAX_AGE = 12 * HOUR
EXACTLY = pd.Timedelta(0)
NEW_YORK = "America/New_York"
HOURS = Calendar(Cadence.HOURLY, NEW_YORK)
KEY = ["origin", "time_hour"]
READINGS = ["temp", "dewp", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
CHANGES = ["temp", "dewp", "wind_speed", "pressure", "visib"]
PREDICTED = ["temp", "wind_speed", "visib"]
CutHours = Annotated[int, Field(ge=1, le=24)]


def weather_features(
    hours: Sequence[str], *, observations: pd.DataFrame, stations: pd.DataFrame, cut_hours: CutHours
) -> pd.DataFrame:
    """Feature rows of all stations for the given hours.

    Args:
        hours: keys of the hours to compute.
        observations: observations of the 25 hours that were known when the last two hours before
            each hour began.
        stations: the stations, a row for each.
        cut_hours: hours before an hour at which its weather is predicted.

    Returns:
        One row per station and hour with the columns of ``WeatherFeatures``.
    """
    rows = _rows(hours, stations)
    rows["predicted_at"] = rows["time_hour"] - cut_hours * HOUR
    known = observations.rename(columns={"time_hour": "taken_at"})
    known = known[["origin", "taken_at", *READINGS]]
    known = known.assign(known_at=known["taken_at"] + OBSERVED_AFTER)
    last = _known(rows, known, rows["predicted_at"], MAX_AGE)
    before = _known(rows, known, rows["predicted_at"] - 3 * HOUR, EXACTLY)
    day_before = rows["time_hour"] - 24 * HOUR + OBSERVED_AFTER
    yesterday = _known(rows, known, day_before, EXACTLY)
    earlier = _known(rows, known, day_before - (cut_hours + 1) * HOUR, EXACTLY)
    parts = [
        rows,
        last[[name for name in READINGS if name != "wind_dir"]],
        _wind(last),
        (last[CHANGES] - before[CHANGES]).add_suffix("_change_3h"),
        yesterday[PREDICTED].add_suffix("_day_before"),
        (yesterday["temp"] - earlier["temp"]).rename("temp_change_day_before"),
        _time_of_day(rows["time_hour"]),
    ]
    age = (rows["predicted_at"] - last["taken_at"]).dt.total_seconds() / 3600
    return pd.concat(parts, axis=1).assign(observation_age_hours=age)


def weather_outcomes(hours: Sequence[str], *, observations: pd.DataFrame) -> pd.DataFrame:
    """Observed weather of the given hours and when it was known; the labels.

    An observation without temperature, wind speed or visibility, which one in three hundred lacks,
    has no row.

    Args:
        hours: keys of the hours.
        observations: observations of those hours.
    """
    rows = observations[observations[DAY].isin(hours)].dropna(subset=PREDICTED)
    known_at = rows["time_hour"] + OBSERVED_AFTER
    observed = rows[PREDICTED].add_prefix("observed_")
    return pd.concat([rows[[DAY, *KEY]], observed, known_at.rename("known_at")], axis=1)


def _rows(hours: Sequence[str], stations: pd.DataFrame) -> pd.DataFrame:
    starts = pd.to_datetime([HOURS.start_of(hour) for hour in hours], utc=True).as_unit("us")
    of_hours = pd.DataFrame({DAY: pd.Series(list(hours), dtype="str"), "time_hour": starts})
    return of_hours.merge(stations[["origin"]], how="cross")


def _known(
    rows: pd.DataFrame, known: pd.DataFrame, at: pd.Series, max_age: pd.Timedelta
) -> pd.DataFrame:
    """The newest observation at each row's station that was known at a time."""
    return latest_known(
        rows.assign(at=at), known, at="at", known_at="known_at", by=["origin"], max_age=max_age
    )


def _wind(last: pd.DataFrame) -> pd.DataFrame:
    """The parts of the wind from east and from north; none without a direction."""
    angle = np.deg2rad(last["wind_dir"])
    return pd.DataFrame(
        {
            "wind_east": last["wind_speed"] * np.sin(angle),
            "wind_north": last["wind_speed"] * np.cos(angle),
        }
    )


def _time_of_day(moments: pd.Series) -> pd.DataFrame:
    """The local hour as a point on a circle, so that 23 and 0 are near to each other."""
    angle = 2 * np.pi * moments.dt.tz_convert(NEW_YORK).dt.hour / 24
    return pd.DataFrame({"hour_sin": np.sin(angle), "hour_cos": np.cos(angle)})
