"""When a departure, a landing, a cancellation and a diversion are known."""

from typing import Any

import pandas as pd
import pytest

from ml_assets.defs.flight_delays.events import (
    departures,
    outcomes,
    scheduled_arrival,
    scheduled_departure,
    zone_of,
)

EXTRA_ZONES = {"SJU": "America/Puerto_Rico"}
AIRPORTS = pd.DataFrame(
    {
        "faa": ["LAX", "BOS", "HNL", "PHX", "XXX"],
        "tzone": [
            "America/Los_Angeles",
            "America/New_York",
            "Pacific/Honolulu",
            "America/Phoenix",
            None,
        ],
    }
)


def flight(scheduled: str, dest: str, sched_arr_time: int, **values: Any) -> pd.DataFrame:
    """One flight that departed and landed on time, changed by ``values``."""
    moment = pd.Timestamp(scheduled, tz="UTC")
    row = {
        "ds": f"{moment.tz_convert('America/New_York'):%Y-%m-%d}",
        "time_hour": moment.floor("h"),
        "minute": moment.minute,
        "dest": dest,
        "sched_arr_time": sched_arr_time,
        "dep_time": 1.0,
        "dep_delay": 0.0,
        "arr_delay": 0.0,
    }
    frame = pd.DataFrame([row | values])
    numbers = {"dep_time": "float64", "dep_delay": "float64", "arr_delay": "float64"}
    return frame.astype({"time_hour": "datetime64[us, UTC]", **numbers})


def arrival_of(scheduled: str, dest: str, sched_arr_time: int) -> str:
    """Scheduled arrival in UTC, to the minute."""
    rows = flight(scheduled, dest, sched_arr_time)
    return f"{scheduled_arrival(rows, AIRPORTS, EXTRA_ZONES).iloc[0]:%Y-%m-%d %H:%M}"


def outcome_of(rows: pd.DataFrame) -> dict[str, Any]:
    """Outcome, label and moment known of one flight, under the default assumptions."""
    found = outcomes(rows, AIRPORTS, EXTRA_ZONES, 3, 3).iloc[0].to_dict()
    return found | {"known_at": f"{found['known_at']:%Y-%m-%d %H:%M}"}


@pytest.mark.parametrize(
    ("scheduled", "dest", "sched_arr_time", "expected"),
    [
        pytest.param("2013-07-08 12:00", "BOS", 915, "2013-07-08 13:15", id="New York time"),
        pytest.param("2013-07-08 12:00", "LAX", 1115, "2013-07-08 18:15", id="Los Angeles time"),
        pytest.param("2013-07-09 01:00", "LAX", 5, "2013-07-09 07:05", id="midnight in the west"),
        pytest.param("2013-07-09 02:30", "BOS", 15, "2013-07-09 04:15", id="overnight: next day"),
        pytest.param("2013-07-09 02:30", "BOS", 2400, "2013-07-09 04:00", id="24:00 is midnight"),
        pytest.param("2013-07-08 12:00", "SJU", 1145, "2013-07-08 15:45", id="extra zone"),
        pytest.param("2013-07-08 12:00", "ZZZ", 1145, "2013-07-08 21:45", id="unknown: Honolulu"),
        pytest.param("2013-07-08 12:00", "XXX", 1145, "2013-07-08 21:45", id="airport, no zone"),
        pytest.param("2013-07-08 14:00", "HNL", 1500, "2013-07-09 01:00", id="next day in UTC"),
        pytest.param("2013-03-10 06:30", "BOS", 330, "2013-03-10 07:30", id="10 March: 2 am skips"),
        pytest.param("2013-03-10 06:00", "BOS", 230, "2013-03-10 07:00", id="10 March: no 2:30"),
        pytest.param("2013-03-10 09:30", "LAX", 600, "2013-03-10 13:00", id="10 March in LA"),
        pytest.param("2013-03-10 14:00", "PHX", 1000, "2013-03-10 17:00", id="no DST in Phoenix"),
        pytest.param("2013-03-10 03:30", "BOS", 600, "2013-03-10 10:00", id="into 10 March"),
        pytest.param("2013-11-03 04:30", "BOS", 130, "2013-11-03 06:30", id="3 Nov: later 1:30"),
        pytest.param("2013-11-03 03:30", "BOS", 600, "2013-11-03 11:00", id="into 3 November"),
        pytest.param("2013-11-03 11:00", "LAX", 900, "2013-11-03 17:00", id="3 November in LA"),
        pytest.param("2013-12-31 23:00", "BOS", 1900, "2014-01-01 00:00", id="into the new year"),
    ],
)
def test_scheduled_arrival_is_a_clock_time_at_the_destination(
    scheduled: str, dest: str, sched_arr_time: int, expected: str
) -> None:
    assert arrival_of(scheduled, dest, sched_arr_time) == expected


def test_scheduled_departure_completes_the_hour() -> None:
    rows = flight("2013-07-08 12:34", "BOS", 1400)

    assert scheduled_departure(rows).iloc[0] == pd.Timestamp("2013-07-08 12:34", tz="UTC")


@pytest.mark.parametrize(
    ("dest", "zone"),
    [
        pytest.param("LAX", "America/Los_Angeles", id="from airports"),
        pytest.param("SJU", "America/Puerto_Rico", id="from extra zones"),
        pytest.param("ZZZ", None, id="unknown"),
        pytest.param("XXX", None, id="airport without a zone"),
    ],
)
def test_zone_of_a_destination(dest: str, zone: str | None) -> None:
    found = zone_of(pd.Series([dest]), AIRPORTS, EXTRA_ZONES).iloc[0]

    assert found == zone if zone else pd.isna(found)


LANDED = {"arr_delay": 14}
LATE = {"arr_delay": 15}
CANCELLED = {"dep_time": None, "dep_delay": None, "arr_delay": None}
DIVERTED = {"dep_delay": 40, "arr_delay": None}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(
            LANDED,
            {"outcome": "landed", "late": 0, "known_at": "2013-07-08 18:29"},
            id="landed 14 minutes late is on time",
        ),
        pytest.param(
            LATE,
            {"outcome": "landed", "late": 1, "known_at": "2013-07-08 18:30"},
            id="landed 15 minutes late is late",
        ),
        pytest.param(
            {"arr_delay": -20},
            {"outcome": "landed", "late": 0, "known_at": "2013-07-08 17:55"},
            id="landed early is known early",
        ),
        pytest.param(
            CANCELLED,
            {"outcome": "cancelled", "late": 1, "known_at": "2013-07-08 15:00"},
            id="cancellation is known 3 h after scheduled departure",
        ),
        pytest.param(
            DIVERTED,
            {"outcome": "diverted", "late": 1, "known_at": "2013-07-12 04:00"},
            id="diversion is known at the end of the third day after",
        ),
        pytest.param(
            DIVERTED | {"arr_time": 1300.0},
            {"outcome": "diverted", "late": 1, "known_at": "2013-07-12 04:00"},
            id="diversion that arrived in the end is a diversion",
        ),
    ],
)
def test_outcome_and_when_it_is_known(values: dict[str, Any], expected: dict[str, Any]) -> None:
    assert outcome_of(flight("2013-07-08 12:00", "LAX", 1115, **values)) == expected


def test_assumptions_are_parameters() -> None:
    rows = pd.concat(
        [flight("2013-07-08 12:00", "BOS", 1300, **values) for values in (CANCELLED, DIVERTED)],
        ignore_index=True,
    )

    known_at = outcomes(rows, AIRPORTS, EXTRA_ZONES, 0.5, 1)["known_at"]

    assert [f"{moment:%d %H:%M}" for moment in known_at] == ["08 12:30", "10 04:00"]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param("2013-03-07", "2013-03-11 04:00", id="over 10 March"),
        pytest.param("2013-10-31", "2013-11-04 05:00", id="over 3 November"),
        pytest.param("2013-12-29", "2014-01-02 05:00", id="into the new year"),
    ],
)
def test_diversion_is_known_when_a_local_day_ends(day: str, expected: str) -> None:
    rows = flight(f"{day} 17:00", "BOS", 1300, **DIVERTED)

    assert outcome_of(rows)["known_at"] == expected


def test_landing_counts_though_the_departure_was_not_reported() -> None:
    rows = flight("2013-07-08 12:00", "LAX", 1115, dep_time=None, dep_delay=None, arr_delay=3)

    assert outcome_of(rows)["outcome"] == "landed"


def test_departures_are_known_when_they_happen() -> None:
    rows = pd.concat(
        [
            flight("2013-07-08 12:00", "BOS", 1300, dep_delay=-5),
            flight("2013-07-08 12:00", "BOS", 1300, **CANCELLED),
            flight("2013-07-08 12:00", "BOS", 1300, dep_delay=1440),
        ],
        ignore_index=True,
    )

    departed = departures(rows)

    assert [*departed.index] == [0, 2]
    expected = ["2013-07-08 11:55", "2013-07-09 12:00"]
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in departed["known_at"]] == expected


def test_rows_keep_their_index() -> None:
    rows = flight("2013-07-08 12:00", "LAX", 1115).set_axis([17])

    assert [*outcomes(rows, AIRPORTS, EXTRA_ZONES, 3, 3).index] == [17]
    assert [*scheduled_arrival(rows, AIRPORTS, EXTRA_ZONES).index] == [17]
