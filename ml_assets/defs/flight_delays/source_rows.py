"""Which input rows one feature row was computed from, for ``ml-assets trace``.

The counterpart of ``features``. ``source_rows_test`` computes the feature row again from these rows
alone.
"""

from collections.abc import Mapping

import pandas as pd

from ml_assets.defs.flight_delays.events import KEY, departures, outcomes, scheduled_departure
from ml_assets.defs.flight_delays.features import (
    HOUR,
    OBSERVED_AFTER,
    WEATHER_MAX_AGE,
    WEEK,
)

USED_FOR = "used_for"
"""Column with the uses of each row."""


def source_rows(
    feature_row: pd.Series,
    *,
    flights: pd.DataFrame,
    weather: pd.DataFrame,
    planes: pd.DataFrame,
    airports: pd.DataFrame,
    cut_hours: float,
    cancellation_known_hours: float,
    diversion_known_days: int,
    extra_zones: Mapping[str, str],
) -> dict[str, pd.DataFrame]:
    """The input rows that ``flight_features`` computed one row from.

    Args:
        feature_row: a row of ``FlightFeatures``.
        flights: this and all other arguments as in ``flight_features``.
        weather: see ``flight_features``.
        planes: see ``flight_features``.
        airports: see ``flight_features``.
        cut_hours: see ``flight_features``.
        cancellation_known_hours: see ``flight_features``.
        diversion_known_days: see ``flight_features``.
        extra_zones: see ``flight_features``.

    Returns:
        input → its rows that were used, with ``used_for``.
    """
    flights = flights.reset_index(drop=True)
    own = (flights[KEY] == feature_row[KEY]).all(axis=1)
    cut = (scheduled_departure(flights[own]) - cut_hours * HOUR).iloc[0]
    same = {
        name: flights[name] == feature_row[name] for name in ("origin", "dest", "carrier", "flight")
    }
    planned, seen = scheduled_departure(flights), _departed_at(flights)
    known = outcomes(
        flights, airports, extra_zones, cancellation_known_hours, diversion_known_days
    )["known_at"]
    plane = _last(seen, _within(seen, cut, WEEK, closed=True) & same["carrier"] & same["flight"])
    flights = _named(
        flights,
        {
            "the flight itself, as scheduled": own,
            "departures in its hour": same["origin"]
            & (flights["time_hour"] == feature_row["time_hour"]),
            "its usual plane": plane,
            "recent departures": _within(seen, cut, 3 * HOUR),
            "backlog": same["origin"] & _within(planned, cut, 3 * HOUR),
            "weekly rates": _within(known, cut, WEEK)
            & (same["origin"] | same["dest"] | same["carrier"]),
        },
    )
    observed = weather["time_hour"] + OBSERVED_AFTER
    at_origin = weather["origin"] == feature_row["origin"]
    newest = _last(observed, at_origin & _within(observed, cut, WEATHER_MAX_AGE, closed=True))
    tail = flights.loc[flights[USED_FOR].str.contains("its usual plane"), "tailnum"]
    return {
        "flights": flights,
        "weather": _named(weather, {"last observation at the origin": newest}),
        "planes": _named(planes, {"its usual plane": planes["tailnum"].isin(tail)}),
        "airports": _named(
            airports, {"zones of the destinations": airports["faa"].isin(flights["dest"])}
        ),
    }


def _departed_at(flights: pd.DataFrame) -> pd.Series:
    """(n,) when each departure was known; null for flights that never departed."""
    return departures(flights)["known_at"].reindex(flights.index)


def _within(
    known_at: pd.Series, cut: pd.Timestamp, window: pd.Timedelta, *, closed: bool = False
) -> pd.Series:
    """(n,) whether ``known_at`` is in ``(cut - window, cut]``; ``closed`` includes the start."""
    begins = known_at >= cut - window if closed else known_at > cut - window
    return begins & (known_at <= cut)


def _last(known_at: pd.Series, chosen: pd.Series) -> pd.Series:
    """(n,) which of the chosen rows was known last; all of them when several were."""
    return chosen & (known_at == known_at[chosen].max())


def _named(rows: pd.DataFrame, uses: Mapping[str, pd.Series]) -> pd.DataFrame:
    """The rows with at least one use, with the names of their uses."""
    words = pd.Series("", index=rows.index)
    for use, chosen in uses.items():
        words = words.mask(chosen, words + use + "; ")
    return rows[words != ""].assign(**{USED_FOR: words[words != ""].str.rstrip("; ")})
