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
    NEW_YORK,
    departures,
    outcomes,
    scheduled_arrival,
    scheduled_departure,
    zone_of,
)
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
    arrival = scheduled_arrival(rows, airports, extra_zones)
    departure = scheduled_departure(rows)
    cut = departure - cut_hours * HOUR
    parts = [
        rows[[DAY, *KEY, "origin", "dest"]].assign(
            departs_at=departure.dt.as_unit("us"), predicted_at=cut.dt.as_unit("us")
        ),
        schedule(rows, flights, arrival, zone_of(rows["dest"], airports, extra_zones)),
        usual_plane(rows, flights, planes, cut),
        last_weather(rows, weather, cut),
        recent_departures(rows, flights, cut),
        weekly_rates(rows, flights, known, cut),
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


def schedule(
    rows: pd.DataFrame, flights: pd.DataFrame, arrival: pd.Series, zones: pd.Series
) -> pd.DataFrame:
    """Features of the timetable: departure time, distance, duration, departures in the hour."""
    departure = scheduled_departure(rows)
    local = departure.dt.tz_convert(NEW_YORK)
    block = (arrival - departure).dt.total_seconds() / 60
    per_hour = flights.groupby(["origin", "time_hour"]).size().rename("departures_in_hour")
    return pd.DataFrame(
        {
            "minute_of_day": local.dt.hour * 60 + local.dt.minute,
            "day_of_week": local.dt.day_of_week,
            "distance": rows["distance"],
            "scheduled_minutes": block.where(zones.notna()),
            "departures_in_hour": rows.join(per_hour, on=["origin", "time_hour"])[
                "departures_in_hour"
            ],
        },
        index=rows.index,
    )


def usual_plane(
    rows: pd.DataFrame, flights: pd.DataFrame, planes: pd.DataFrame, cut: pd.Series
) -> pd.DataFrame:
    """Seats and age of the plane that was last seen flying this flight number."""
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
    year = rows["time_hour"].dt.year
    return pd.DataFrame({"plane_seats": last["seats"], "plane_age": year - last["year"]})


def last_weather(rows: pd.DataFrame, weather: pd.DataFrame, cut: pd.Series) -> pd.DataFrame:
    """The newest observation at the origin that was known at the cut, and its age in hours."""
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
    age = (cut - last["taken_at"]).dt.total_seconds() / 3600
    return last[WEATHER].assign(weather_age_hours=age)


def recent_departures(rows: pd.DataFrame, flights: pd.DataFrame, cut: pd.Series) -> pd.DataFrame:
    """Delays of departures in the last one and three hours, and the number of overdue departures."""
    seen = departures(flights)
    by_origin, everywhere = seen["origin"], pd.Series("all", index=seen.index)
    planned = Events(
        scheduled_departure(flights), flights["origin"], pd.Series(1, index=flights.index)
    )
    features: dict[str, object] = {}
    for hours in (1, 3):
        window = hours * HOUR
        at_origin = Events(seen["known_at"], by_origin, seen["dep_delay"])
        late_at_origin = Events(
            seen["known_at"], by_origin, (seen["dep_delay"] >= LATE_MINUTES).astype("int64")
        )
        count, total = trailing(at_origin, cut, rows["origin"], window)
        expected, _ = trailing(planned, cut, rows["origin"], window)
        features[f"origin_delay_{hours}h"] = pd.Series(total / count.clip(1)).where(count > 0).array
        features[f"origin_late_share_{hours}h"] = trailing_mean(
            late_at_origin, cut, rows["origin"], window
        )
        features[f"origin_backlog_{hours}h"] = expected - count
    for name, group, of_row in (
        ("all_airports", everywhere, pd.Series("all", index=rows.index)),
        ("carrier", seen["carrier"], rows["carrier"]),
        ("destination", seen["dest"], rows["dest"]),
    ):
        features[f"{name}_delay_3h"] = trailing_mean(
            Events(seen["known_at"], group, seen["dep_delay"]), cut, of_row, 3 * HOUR
        )
    return pd.DataFrame(features, index=rows.index)


def weekly_rates(
    rows: pd.DataFrame, flights: pd.DataFrame, known: pd.DataFrame, cut: pd.Series
) -> pd.DataFrame:
    """Share of late flights among those whose outcome became known in the last seven days."""
    groups = {
        "origin": ["origin"],
        "carrier": ["carrier"],
        "destination": ["dest"],
        "route": ["carrier", "dest"],
        "flight": ["carrier", "flight"],
    }
    return pd.DataFrame(
        {
            f"{name}_late_rate_7d": trailing_mean(
                Events(known["known_at"], _label(flights, columns), known["late"]),
                cut,
                _label(rows, columns),
                WEEK,
            )
            for name, columns in groups.items()
        },
        index=rows.index,
    )


def _label(frame: pd.DataFrame, columns: list[str]) -> pd.Series:
    first, *others = (frame[column].astype("str") for column in columns)
    for other in others:
        first = first + "|" + other
    return first
