"""Features of a flight as they are known two hours before its scheduled departure.

Pure functions: DataFrames in, DataFrame out. No feature may use data known after ``predicted_at``;
``features_test`` erases all later data and expects the same rows. A plane's tail number is not a
feature: cancelled flights have none, so its absence would leak the label.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import pandas as pd
from pydantic import Field

from ml_assets.content import DAY
from ml_assets.defs.flight_delays.events import (
    KEY,
    LATE_MINUTES,
    departures,
    outcomes,
    scheduled_arrival,
    scheduled_departure,
    zone_of,
)
from ml_assets.defs.flight_delays.requests import request_features
from ml_assets.learning.point_in_time import Events, latest_known, trailing, trailing_mean

Hours = Annotated[float, Field(ge=0, le=48)]
DaysLater = Annotated[int, Field(ge=0, le=30)]

HOUR = pd.Timedelta(hours=1)
WEEK = pd.Timedelta(days=7)
OBSERVED_AFTER = HOUR
WEATHER_MAX_AGE = 12 * HOUR
WEATHER = [
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
]

GROUPS = {
    "all_airports": [],
    "origin": ["origin"],
    "carrier": ["carrier"],
    "destination": ["dest"],
    "route": ["carrier", "dest"],
    "flight": ["carrier", "flight"],
}
"""Name of a group of flights → the columns that are equal in it."""


def flight_features(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    weather: pd.DataFrame,
    planes: pd.DataFrame,
    airports: pd.DataFrame,
    cut_hours: Hours,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """Feature rows of all flights scheduled on the given days.

    Args:
        days: local days to compute.
        flights: flights of those days and of the eleven days before each: the weekly rates count
            outcomes that became known in seven days, diversions up to four days after the flight.
        weather: observations of those days and of the day before each.
        planes: the registry of planes.
        airports: airports with their zone.
        cut_hours: hours before scheduled departure at which the prediction is made.
        cancellation_known_hours: hours after scheduled departure a cancellation is known.
        diversion_known_days: a diversion is known at the end of the day so many days after the flight.
        extra_zones: zones of destinations that ``airports`` lacks.

    Returns:
        One row per flight with the columns of ``FlightFeatures``.
    """
    flights = flights.reset_index(drop=True)
    known = outcomes(flights, airports, extra_zones, cancellation_known_hours, diversion_known_days)
    rows = flights[flights[DAY].isin(days)]
    zones = zone_of(rows["dest"], airports, extra_zones)
    arrival = scheduled_arrival(rows, airports, extra_zones).where(zones.notna())
    departure = scheduled_departure(rows).dt.as_unit("us")
    cut = (departure - cut_hours * HOUR).dt.as_unit("us")
    plane, weather = usual_plane(rows, flights, planes, cut), last_weather(rows, weather, cut)
    of_request = request_features(
        departs_at=departure,
        arrives_at=arrival,
        predicted_at=cut,
        taken_at=weather["taken_at"],
        plane_year=plane["plane_year"],
    )
    parts = [
        rows[[DAY, *KEY, "origin", "dest", "distance"]].assign(
            departs_at=departure, predicted_at=cut, **of_request
        ),
        departures_in_hour(rows, flights),
        plane["plane_seats"],
        weather[WEATHER],
        departures_at_origin(rows, flights, cut),
        mean_delays(rows, flights, cut, ["all_airports", "carrier", "destination"]),
        late_rates(
            rows, flights, known, cut, ["origin", "carrier", "destination", "route", "flight"]
        ),
    ]
    return pd.concat(parts, axis=1)


def flight_outcomes(
    days: Sequence[str],
    *,
    flights: pd.DataFrame,
    airports: pd.DataFrame,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """Outcomes that become known on the given days, and when each was known.

    The outcomes of a day are the landings and cancellations among its own flights, and the
    diversions among the flights of ``diversion_known_days`` before, which still have no arrival in
    the source. Until then a departed flight without an arrival has no outcome, so the passage of
    time alone never changes a stored outcome.

    Args and assumptions as in ``flight_features``; flights of those days, and of
    ``diversion_known_days`` before each, suffice.
    """
    known = outcomes(
        flights, airports, extra_zones, cancellation_known_hours, diversion_known_days
    ).assign(flight_day=flights[DAY])
    outcome_day = known["flight_day"].where(
        known["outcome"] != "diverted", _days_after(flights[DAY], diversion_known_days)
    )
    rows = pd.concat([flights[[*KEY, "arr_delay"]], known], axis=1).assign(**{DAY: outcome_day})
    return rows[rows[DAY].isin(days)]


def _days_after(days: pd.Series, count: int) -> pd.Series:
    return (pd.to_datetime(days) + pd.Timedelta(days=count)).dt.strftime("%Y-%m-%d")


def departures_in_hour(rows: pd.DataFrame, flights: pd.DataFrame) -> pd.Series:
    """Number of departures scheduled at the origin in the hour of each flight."""
    hour = ["origin", "time_hour"]
    per_hour = flights.groupby(hour).size().rename("departures_in_hour")
    return rows[hour].join(per_hour, on=hour)["departures_in_hour"]


def usual_plane(
    rows: pd.DataFrame, flights: pd.DataFrame, planes: pd.DataFrame, cut: pd.Series
) -> pd.DataFrame:
    """Seats and year of the plane that was last seen flying this flight number."""
    flown = departures(flights)[["carrier", "flight", "tailnum", "known_at"]]
    registered = flown.merge(planes[["tailnum", "seats", "year"]], on="tailnum", how="left")
    last = latest_known(
        rows.assign(cut=cut),
        registered[["carrier", "flight", "known_at", "seats", "year"]],
        at="cut",
        known_at="known_at",
        by=["carrier", "flight"],
        max_age=WEEK,
    )
    return last[["seats", "year"]].add_prefix("plane_")


def last_weather(rows: pd.DataFrame, weather: pd.DataFrame, cut: pd.Series) -> pd.DataFrame:
    """The newest observation at the origin that was known at the cut, and when it was taken."""
    observed = weather[["origin", "time_hour", *WEATHER]].rename(columns={"time_hour": "taken_at"})
    observed = observed.assign(known_at=observed["taken_at"] + OBSERVED_AFTER)
    last = latest_known(
        rows.assign(cut=cut),
        observed,
        at="cut",
        known_at="known_at",
        by=["origin"],
        max_age=WEATHER_MAX_AGE,
    )
    return last[[*WEATHER, "taken_at"]]


def departures_at_origin(rows: pd.DataFrame, flights: pd.DataFrame, cut: pd.Series) -> pd.DataFrame:
    """Delays of departures in the last one and three hours, and the number of overdue departures."""
    seen, at_origin = departures(flights), rows["origin"]
    planned = Events(
        scheduled_departure(flights), flights["origin"], pd.Series(1, index=flights.index)
    )
    delays = Events(seen["known_at"], seen["origin"], seen["dep_delay"])
    late = Events(
        seen["known_at"], seen["origin"], (seen["dep_delay"] >= LATE_MINUTES).astype("int64")
    )
    features: dict[str, object] = {}
    for hours in (1, 3):
        window = hours * HOUR
        count, total = trailing(delays, cut, at_origin, window)
        expected, _ = trailing(planned, cut, at_origin, window)
        features[f"origin_delay_{hours}h"] = pd.Series(total / count.clip(1)).where(count > 0).array
        features[f"origin_late_share_{hours}h"] = trailing_mean(late, cut, at_origin, window)
        features[f"origin_backlog_{hours}h"] = expected - count
    return pd.DataFrame(features, index=rows.index)


def mean_delays(
    rows: pd.DataFrame, flights: pd.DataFrame, cut: pd.Series, names: Sequence[str]
) -> pd.DataFrame:
    """Mean departure delay in the last three hours, of groups of flights by their names."""
    seen = departures(flights)
    return pd.DataFrame(
        {
            f"{name}_delay_3h": trailing_mean(
                Events(seen["known_at"], _group(seen, name), seen["dep_delay"]),
                cut,
                _group(rows, name),
                3 * HOUR,
            )
            for name in names
        },
        index=rows.index,
    )


def late_rates(
    rows: pd.DataFrame,
    flights: pd.DataFrame,
    known: pd.DataFrame,
    cut: pd.Series,
    names: Sequence[str],
) -> pd.DataFrame:
    """Share of late flights among those whose outcome became known in the last seven days."""
    return pd.DataFrame(
        {
            f"{name}_late_rate_7d": trailing_mean(
                Events(known["known_at"], _group(flights, name), known["late"]),
                cut,
                _group(rows, name),
                WEEK,
            )
            for name in names
        },
        index=rows.index,
    )


def _group(flights: pd.DataFrame, name: str) -> pd.Series:
    """(n,) label of the group that each flight is in."""
    if not GROUPS[name]:
        return pd.Series(name, index=flights.index)
    first, *others = (flights[column].astype("str") for column in GROUPS[name])
    for other in others:
        first = first + "|" + other
    return first
