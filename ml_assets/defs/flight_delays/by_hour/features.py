"""The features and outcomes of flights by hour, from a timetable and a log of events."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY
from ml_assets.defs.flight_delays.events import KEY, LATE_MINUTES, NEW_YORK
from ml_assets.defs.flight_delays.features import DaysLater, Hours, flight_features

EXPECTED = 0.0
"""Departure time of a flight that has neither departed nor been cancelled: it is still expected."""


def features_by_hour(
    hours: Sequence[str],
    *,
    timetable: pd.DataFrame,
    events: pd.DataFrame,
    weather: pd.DataFrame,
    planes: pd.DataFrame,
    airports: pd.DataFrame,
    cut_hours: Hours,
    cancellation_known_hours: Hours,
    diversion_known_days: DaysLater,
    extra_zones: Mapping[str, str],
) -> pd.DataFrame:
    """Feature rows of all flights scheduled in some hours, as ``flight_features`` computes them.

    Args:
        hours: hours to compute.
        timetable: flights scheduled in those hours and in the 268 hours before.
        events: what became known until an hour before each; all cuts are earlier.
        weather: observations of the hours before each cut.
        planes: see ``flight_features``, as all further arguments.
        airports: airports with their zone.
        cut_hours: hours before scheduled departure at which a prediction is made.
        cancellation_known_hours: hours after scheduled departure a cancellation is known.
        diversion_known_days: a diversion is known at the end of the day so many days later.
        extra_zones: zones of destinations that ``airports`` lacks.
    """
    return flight_features(
        hours,
        flights=happened(timetable, events),
        weather=weather,
        planes=planes,
        airports=airports,
        cut_hours=cut_hours,
        cancellation_known_hours=cancellation_known_hours,
        diversion_known_days=diversion_known_days,
        extra_zones=extra_zones,
    )


def happened(timetable: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """The timetable with what is known of each flight, in the columns of the table of flights.

    Args:
        timetable: (n, …) scheduled flights.
        events: (m, …) their events so far.

    Returns:
        (n, …) the timetable with ``tailnum``, ``dep_delay``, ``arr_delay`` and ``dep_time``, which is
        null for a cancelled flight only.
    """
    departed = events[events["event"] == "departed"].rename(columns={"delay": "dep_delay"})
    landed = events[events["event"] == "landed"].rename(columns={"delay": "arr_delay"})
    cancelled = events.loc[events["event"] == "cancelled", KEY].assign(is_cancelled=True)
    flights = (
        timetable.merge(departed[[*KEY, "tailnum", "dep_delay"]], on=KEY, how="left")
        .merge(landed[[*KEY, "arr_delay"]], on=KEY, how="left")
        .merge(cancelled, on=KEY, how="left")
    )
    is_cancelled = flights.pop("is_cancelled").notna()
    expected = pd.Series(EXPECTED, index=flights.index)
    return flights.assign(dep_time=expected.mask(is_cancelled))


def outcomes_by_hour(hours: Sequence[str], *, events: pd.DataFrame) -> pd.DataFrame:
    """The outcomes that became known in some hours; a flight that was diverted has none.

    Args:
        hours: hours to compute.
        events: the events of those hours.
    """
    known = events[(events["event"] != "departed") & events[DAY].isin(hours)]
    calendar = Calendar(Cadence.HOURLY, NEW_YORK)
    late = (known["event"] == "cancelled") | (known["delay"] >= LATE_MINUTES)
    return known[[DAY, *KEY, "known_at"]].assign(
        flight_hour=known["time_hour"].map(calendar.key_of).astype("str"),
        late=late.astype("int64"),
    )
