"""Day contracts of the source tables; comments give the range of each value in 2013.

No day within that range is quarantined: blizzards (8 and 9 February), storms (8 July), days of 23
and 25 hours, and holidays are real. Bounds for quarantine lie well outside that range, bounds for a
warning at its edge.
"""

from ml_assets.contracts.day import (
    DayContract,
    against_usual,
    missing_share,
    share_above,
    values_present,
)

ORIGINS = ["EWR", "JFK", "LGA"]
LARGE_CARRIERS = ["9E", "AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN"]
"""Carriers with flights on every day of 2013, at least 23 on its quietest."""
LATE = 14
"""Minutes; a flight is late from 15 on."""


class FlightsDay(DayContract):
    """A day of flights."""

    # 0.64 (28 November, Thanksgiving) to 1.20 (the Saturday after it)
    rows_against_usual: float = against_usual(ge=0.55, le=1.5)
    rows_as_usual: float = against_usual(ge=0.7, le=1.25, on_failure="warn")
    # 0 to 0.575 (9 February); 0.51 on 8 February, at most 0.24 on any other day
    arr_delay_missing: float = missing_share("arr_delay", le=0.8)
    arr_delay_often_missing: float = missing_share("arr_delay", le=0.3, on_failure="warn")
    dep_delay_missing: float = missing_share("dep_delay", le=0.8)
    dep_delay_often_missing: float = missing_share("dep_delay", le=0.3, on_failure="warn")
    # 0.042 (2 October) to 0.792 (8 March)
    late_arrivals: float = share_above("arr_delay", LATE, ge=0.005, le=0.95)
    # 0.059 (24 September) to 0.691 (8 March)
    late_departures: float = share_above("dep_delay", LATE, ge=0.005, le=0.95)
    # all three on every day
    airports: float = values_present("origin", ORIGINS, ge=1)
    # all nine on every day; a warning, because a carrier may stop serving New York
    large_carriers: float = values_present("carrier", LARGE_CARRIERS, ge=1, on_failure="warn")


class WeatherDay(DayContract):
    """A day of weather."""

    # 0.79 (30 December, 57 of 72 observations) to 1.04; without one of three airports it is 0.67
    rows_against_usual: float = against_usual(ge=0.55, le=1.5)
    rows_as_usual: float = against_usual(ge=0.75, le=1.25, on_failure="warn")
    # all three on every day; a warning, because features are computed without weather too
    airports: float = values_present("origin", ORIGINS, ge=1, on_failure="warn")
    # 0 to 0.016 (22 August)
    temp_missing: float = missing_share("temp", le=0.5)
    temp_often_missing: float = missing_share("temp", le=0.1, on_failure="warn")
    # 0 to 0.014
    wind_speed_missing: float = missing_share("wind_speed", le=0.1, on_failure="warn")
    # never
    visib_missing: float = missing_share("visib", le=0.1, on_failure="warn")
