"""Defines when each event of a flight is known.

A departure is known at scheduled departure + delay; a landing at scheduled arrival + delay, where
the scheduled arrival is a clock time in the *destination's* zone. The data does not contain when a
cancellation was known: that is an assumption, set in ``defs.yaml``.

The outcome of a flight that departed and has no arrival is unknown: it may still be in the air, or
its landing was not reported yet. When the source has no arrival after a number of days, the flight
counts as diverted, which is known at the end of the last of these days.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

KEY = ["time_hour", "carrier", "flight"]
LATE_MINUTES = 15

NEW_YORK = "America/New_York"
"""Time zone of the days of flights."""

WESTERNMOST = "Pacific/Honolulu"
"""Zone of a destination whose zone is unknown: its landings are then known too late, never early."""


def scheduled_departure(flights: pd.DataFrame) -> pd.Series:
    """(n,) scheduled departures in UTC."""
    return flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")


def scheduled_arrival(
    flights: pd.DataFrame, airports: pd.DataFrame, extra_zones: Mapping[str, str]
) -> pd.Series:
    """(n,) scheduled arrivals in UTC: the first such clock time at the destination after departure.

    Args:
        flights: (n, …) flights.
        airports: airports with their zone.
        extra_zones: zones of destinations that ``airports`` lacks.
    """
    departure = scheduled_departure(flights)
    zones = zone_of(flights["dest"], airports, extra_zones).fillna(WESTERNMOST)
    clock = flights["sched_arr_time"]
    minutes = pd.TimedeltaIndex(pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="min"))
    departed = pd.DatetimeIndex(departure).as_unit("us")
    arrival = np.full(len(flights), np.datetime64("NaT"), dtype="datetime64[us]")
    for zone, there in flights.groupby(zones.to_numpy(), sort=False).indices.items():
        arrival[there] = _first_after(departed[there], minutes[there], str(zone))
    return pd.Series(arrival, index=flights.index).dt.tz_localize("UTC")


def _first_after(departed: pd.DatetimeIndex, minutes: pd.TimedeltaIndex, zone: str) -> np.ndarray:
    """(n,) UTC of the first moment after each departure when the clock of a zone is at some minutes."""
    clock = departed.tz_convert(zone).tz_localize(None).normalize() + minutes
    first = _in_utc(clock, zone).to_numpy(copy=True)
    passed = ~(first > departed.tz_localize(None).to_numpy())
    first[passed] = _in_utc(clock[passed] + pd.Timedelta(days=1), zone).to_numpy()
    return first


def zone_of(dest: pd.Series, airports: pd.DataFrame, extra_zones: Mapping[str, str]) -> pd.Series:
    """(n,) IANA zone of each destination, null where it is unknown."""
    known = airports.dropna(subset=["tzone"])
    zones = dict(zip(known["faa"], known["tzone"], strict=True)) | dict(extra_zones)
    return dest.map(zones)


def outcomes(
    flights: pd.DataFrame,
    airports: pd.DataFrame,
    extra_zones: Mapping[str, str],
    cancellation_known_hours: float,
    diversion_known_days: int,
) -> pd.DataFrame:
    """The outcome of each flight, and when it is known.

    Before ``known_at`` an outcome must not be used: a departed flight without an arrival may still
    land.

    Args:
        flights: (n, …) flights.
        airports: airports with their zone.
        extra_zones: zones of destinations that ``airports`` lacks.
        cancellation_known_hours: hours after scheduled departure a cancellation is known.
        diversion_known_days: a diversion is known at the end of the day so many days after the flight.

    Returns:
        (n, 3) indexed as ``flights``: ``outcome`` (landed, cancelled, diverted), ``late`` (1 when
        it landed 15 minutes late or more, or never), ``known_at`` in UTC.
    """
    departure = scheduled_departure(flights)
    arrival = scheduled_arrival(flights, airports, extra_zones)
    landed = flights["arr_delay"].notna()
    cancelled = ~landed & flights["dep_time"].isna()
    known_at = arrival + pd.to_timedelta(flights["arr_delay"], unit="min")
    known_at = known_at.where(landed, end_of_day(departure, diversion_known_days))
    known_at = known_at.where(~cancelled, departure + pd.Timedelta(hours=cancellation_known_hours))
    return pd.DataFrame(
        {
            "outcome": np.select([cancelled, landed], ["cancelled", "landed"], "diverted"),
            "late": (~landed | (flights["arr_delay"] >= LATE_MINUTES)).astype("int64"),
            "known_at": known_at.dt.as_unit("us"),
        },
        index=flights.index,
    ).astype({"outcome": "str"})


def end_of_day(moments: pd.Series, later: int) -> pd.Series:
    """(n,) UTC end of the local day that is ``later`` days after that of each moment."""
    days = moments.dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize()
    midnight = days + pd.Timedelta(days=later + 1)
    return midnight.dt.tz_localize(NEW_YORK).dt.tz_convert("UTC").dt.as_unit("us")


def departures(flights: pd.DataFrame) -> pd.DataFrame:
    """Flights that departed, with ``known_at`` in UTC; (m, …), m ≤ n."""
    departed = flights[flights["dep_delay"].notna()]
    delay = pd.to_timedelta(departed["dep_delay"], unit="min")
    return departed.assign(known_at=(scheduled_departure(departed) + delay).dt.as_unit("us"))


def _in_utc(local: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """Local clock times in UTC, without its name; a repeated hour is its later one, so nothing is known early."""
    later = np.zeros(len(local), dtype=bool)
    there = local.tz_localize(zone, ambiguous=later, nonexistent="shift_forward")
    return there.tz_convert("UTC").tz_localize(None).as_unit("us")
