"""Malformed values cost their row and nothing else: undecodable text, times, zones, blanks, fractions."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.dead_letters import DeadLetters
from ml_assets.contracts.validation import Validated, validate
from ml_assets.defs.flight_delays.events import zone_of
from ml_assets.defs.sources.contracts import Airports, Flights
from ml_assets.errors import ContractViolation
from ml_assets.learning.point_in_time import Events
from ml_assets.sources.fingerprint import assign_days
from ml_assets_tests.project import Project, database_table

FLIGHTS = "sources/flights"
FLIGHTS_KEY = f'key:"{FLIGHTS}"'
DAY_5 = "2013-01-05"
RANGE = "2013-01-04...2013-01-06"
OF_DAY_5 = "year = 2013 AND month = 1 AND day = 5"


def test_d1_text_that_cannot_be_decoded_is_one_dead_letter(project: Project) -> None:
    for number, column in enumerate(["tailnum", "carrier", "dep_delay", "hour", "time_hour"]):
        project.sql(
            f"UPDATE flights SET {column} = CAST(x'4EFC31' AS TEXT) WHERE rowid = "
            f"(SELECT rowid FROM flights WHERE {OF_DAY_5} LIMIT 1 OFFSET {number})"
        )

    outcome = project.materialize(FLIGHTS_KEY, RANGE)

    assert outcome.succeeded, outcome.failed_steps
    assert sorted((letter[DAY], letter["rule"]) for letter in project.dead_letters(FLIGHTS)) == [
        (DAY_5, "carrier: must be string, has bytes that are no UTF-8 text"),
        (DAY_5, "dep_delay: must be float64, has bytes that are no UTF-8 text"),
        (DAY_5, "tailnum: must be string, has bytes that are no UTF-8 text"),
        ("unplaced", "time_hour: must be a moment like 2024-07-08 12:00:00"),
    ]
    assert len(project.lake.read(FLIGHTS, [DAY_5])) == 720 - 4


MOMENTS = [
    f"2013-01-0{day} {clock}"
    for day in (4, 5, 6)
    for clock in ("00:00:00", "04:59:00", "05:00:00", "12:30:00", "23:59:00")
]
"""Five moments a day, among them the last and the first of a day in New York, which begins at 5."""


def days_read(file: Path, days: list[str]) -> dict[str, list[int]]:
    """Numbers of the rows that each day has when some days are read at once."""
    starts = [datetime.fromisoformat(day).replace(hour=5, tzinfo=UTC) for day in days]
    source = database_table(f"sqlite:///{file}", "readings", "at")
    found = source.rows(starts[0], starts[-1] + timedelta(days=1))
    placed = assign_days(found.rows, found.at, days, starts)
    return {day: sorted(placed.loc[placed[DAY] == day, "number"]) for day in days}


def readings(file: Path, moments: Sequence[object]) -> Path:
    """A database with one row for each moment, as it is written."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE readings (at DATETIME, number INTEGER)")
        connection.execute("CREATE INDEX by_time ON readings (at)")
        connection.executemany("INSERT INTO readings VALUES (?, ?)", zip(moments, count()))
    return file


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}", id="T"),
        pytest.param(lambda moment: f"{moment:%Y-%m-%d %H:%M}", id="without seconds"),
        pytest.param(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}Z", id="Z"),
        pytest.param(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}.000000123", id="nanoseconds"),
        pytest.param(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S} +00:00", id="blank and offset"),
        pytest.param(lambda moment: _abroad(moment, 5.5, "+05:30"), id="offset of India"),
        pytest.param(lambda moment: _abroad(moment, -10, "-1000"), id="offset without a colon"),
        pytest.param(lambda moment: _abroad(moment, 14, "+14"), id="hours of an offset"),
        pytest.param(
            lambda moment: _abroad(moment, 14, "+14:00") if moment.hour else str(moment),
            id="two ways in one column",
        ),
    ],
)
def test_d2_times_lie_on_their_day_however_they_are_written(
    tmp_path: Path, write: Callable[[datetime], str]
) -> None:
    plain = readings(tmp_path / "plain.db", MOMENTS)
    written = [write(datetime.fromisoformat(moment)) for moment in MOMENTS]
    other = readings(tmp_path / "other.db", written)
    days = ["2013-01-04", "2013-01-05", "2013-01-06"]

    expected = days_read(plain, days)

    assert expected["2013-01-05"] == [7, 8, 9, 10, 11]
    assert days_read(other, days) == expected
    assert {day: days_read(other, [day])[day] for day in days} == expected
    source = database_table(f"sqlite:///{other}", "readings", "at")
    assert source.unplaced(None, None).rows.empty
    hours = source.hours(datetime(2013, 1, 1, tzinfo=UTC))
    assert sum(hour.rows for hour in hours) == len(MOMENTS)
    assert max(hour.newest for hour in hours) == datetime(2013, 1, 6, 23, 59, tzinfo=UTC)


def _abroad(moment: datetime, hours: float, offset: str) -> str:
    return f"{moment + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}{offset}"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param(1357387200, id="seconds since 1970"),
        pytest.param(1357387200.5, id="seconds with a fraction"),
        pytest.param("5 January 2013, 12:00", id="words"),
        pytest.param("2013-01-05 25:00", id="hour 25"),
        pytest.param("2013-02-30 12:00:00", id="30 February"),
        pytest.param("2013-1-5 12:00:00", id="without zeros"),
        pytest.param("20130105T120000", id="digits"),
        pytest.param(b"2013-01-05", id="bytes"),
        pytest.param("2013-01-05 12:00:00 EST", id="zone in letters"),
        pytest.param("2013-01-05 12:00:00\n", id="line end"),
        pytest.param("now", id="now"),
        pytest.param("", id="empty"),
        pytest.param("0000-00-00 00:00:00", id="zeros"),
    ],
)
def test_d2_times_that_cannot_be_read_are_not_guessed(tmp_path: Path, value: object) -> None:
    file = readings(tmp_path / "source.db", [*MOMENTS, value])
    days = ["2013-01-04", "2013-01-05", "2013-01-06"]

    unplaced = database_table(f"sqlite:///{file}", "readings", "at").unplaced(None, None).rows

    assert [*unplaced["number"]] == [len(MOMENTS)]
    assert days_read(file, days) == days_read(readings(tmp_path / "good.db", MOMENTS), days)


def test_d2_a_table_with_other_times_is_extracted_alike(project: Project) -> None:
    assert project.materialize(FLIGHTS_KEY, RANGE).succeeded
    before = project.versions(FLIGHTS)
    project.sql(
        "UPDATE flights SET time_hour = strftime('%Y-%m-%dT%H:%M', time_hour, '+330 minutes')"
        " || '+05:30'"
    )

    assert project.materialize(FLIGHTS_KEY, RANGE).succeeded

    assert project.versions(FLIGHTS) == before
    assert project.dead_letters(FLIGHTS) == []


def airports(*zones: object) -> pd.DataFrame:
    """Raw airports with these zones."""
    codes = [f"A{number:02}" for number in range(len(zones))]
    return pd.DataFrame(
        {
            DAY: SNAPSHOT,
            "faa": codes,
            "name": "An airport",
            "lat": 40.0,
            "lon": -70.0,
            "alt": 10,
            "tz": -5,
            "dst": "A",
            "tzone": pd.Series(list(zones), dtype=object),
        }
    )


@pytest.mark.parametrize(
    "zone",
    [
        "\\N",
        "New York",
        "EST5EST",
        "america/new_york",
        "America",
        "/etc/passwd",
        "../UTC",
        "+05:00",
    ],
)
def test_d3_a_zone_that_does_not_exist_is_a_dead_letter_and_unknown_to_features(zone: str) -> None:
    raw = airports(zone, *["America/New_York"] * 30)

    validated = validate(raw, Airports, [SNAPSHOT])

    assert [*validated.dead_letters["rule"]] == ["tzone: iana_zone"]
    assert validated.quarantined == {}
    assert zone_of(pd.Series(["A00", "A01"]), validated.rows, {}).isna().tolist() == [True, False]


@pytest.mark.parametrize("zone", ["", "  ", None])
def test_d3_no_zone_is_unknown(zone: object) -> None:
    validated = validate(airports(zone, "UTC"), Airports, [SNAPSHOT])

    assert validated.dead_letters.empty
    assert validated.rows["tzone"].isna().tolist() == [True, False]


FLIGHT = {
    DAY: DAY_5,
    "time_hour": "2013-01-05 12:00:00",
    "carrier": "UA",
    "flight": 1545,
    "tailnum": "N14228",
    "origin": "EWR",
    "dest": "IAH",
    "sched_dep_time": 515,
    "dep_time": 517.0,
    "dep_delay": 2.0,
    "sched_arr_time": 819,
    "arr_time": 830.0,
    "arr_delay": 11.0,
    "air_time": 227.0,
    "distance": 1400,
    "minute": 15,
}


def flight(**changed: object) -> Validated:
    """One flight, judged, beside a hundred good ones."""
    rows = [FLIGHT | {"flight": number} for number in range(1, 101)]
    return validate(pd.DataFrame([FLIGHT | changed, *rows], dtype=object), Flights, [DAY_5])


@pytest.mark.parametrize("column", ["carrier", "tailnum", "dest", "origin"])
@pytest.mark.parametrize(
    "added",
    ["\n", "\t", "\r\n", "\x00", "\u200b", "\ufeff", "\u202e", "\u2028"],
    ids=["line end", "tab", "CR LF", "NUL", "zero width", "BOM", "direction", "line separator"],
)
def test_d4_characters_that_cannot_be_seen_are_refused(column: str, added: str) -> None:
    validated = flight(**{column: f"{FLIGHT[column]}{added}"})

    [rule] = validated.dead_letters["rule"]
    assert f"{column}: must not contain control or format characters" in rule
    assert len(validated.rows) == 100


@pytest.mark.parametrize(
    "written",
    ["UA ", " UA", "  UA  ", "UA\u00a0", "\u3000UA"],
    ids=["after", "before", "both", "no-break", "wide"],
)
def test_d4_blanks_at_the_ends_are_trimmed(written: str) -> None:
    pd.testing.assert_frame_equal(flight(carrier=written).rows, flight().rows)


@pytest.mark.parametrize("written", ["UAL", "UA\n", "xUA", "U", "U A"])
def test_d4_a_pattern_is_for_the_whole_text(written: str) -> None:
    assert len(flight(carrier=written).dead_letters) == 1


def test_d4_a_blank_text_is_none() -> None:
    assert flight(tailnum="   ").rows["tailnum"].isna().sum() == 1
    assert [*flight(carrier="   ").dead_letters["rule"]] == ["carrier: must not be null"]


def test_d4_a_text_has_a_maximum_length() -> None:
    assert [*flight(tailnum="N" * 1001).dead_letters["rule"]] == [
        "tailnum: must have at most 1000 characters"
    ]
    assert flight(tailnum="N" * 1000).dead_letters.empty


@pytest.mark.parametrize("column", ["dep_delay", "arr_delay", "air_time", "dep_time", "minute"])
@pytest.mark.parametrize("fraction", [5.9, 5.000001, "5.5"])
def test_d5_fractions_of_minutes_are_refused(column: str, fraction: object) -> None:
    validated = flight(**{column: fraction})

    assert len(validated.dead_letters) == 1
    assert validated.dead_letters["rule"].iloc[0].startswith(f"{column}: ")


@pytest.mark.parametrize(
    "value", [5.9, -3.9, float("nan"), float("inf")], ids=["5.9", "-3.9", "null", "infinity"]
)
def test_d5_events_refuse_what_would_be_cut_off(value: float) -> None:
    moments = pd.Series(pd.to_datetime(["2013-01-05", "2013-01-06"], utc=True))

    with pytest.raises(ContractViolation, match=r"1 of 2 values of 'delay'.*whole_number"):
        Events(moments, pd.Series(["a", "a"]), pd.Series([1.0, value], name="delay"))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("1e400", id="beyond the floats"),
        pytest.param("inf", id="the word inf"),
        pytest.param(b"5", id="bytes"),
        pytest.param(memoryview(b"5"), id="a view of bytes"),
        pytest.param(10**400, id="huge whole number"),
        pytest.param(Decimal("Infinity"), id="infinite decimal"),
        pytest.param({"a": [1, {"b": b"x"}]}, id="document"),
        pytest.param([1.0], id="list"),
        pytest.param(date(1, 1, 1), id="date out of bounds"),
        pytest.param(datetime.max, id="last moment there is"),
        pytest.param("\ud800", id="half a character"),
    ],
)
@pytest.mark.parametrize("column", ["dep_delay", "flight", "carrier", "time_hour"])
def test_d1_a_bad_cell_of_any_sort_is_one_dead_letter(column: str, value: object) -> None:
    if column == "time_hour" and isinstance(value, date):
        return
    validated = flight(**{column: value})

    [rule] = validated.dead_letters["rule"]
    assert f"{column}: " in rule
    assert json.loads(validated.dead_letters["row"].iloc[0])["origin"] == "EWR"
    assert len(validated.rows) == 100


@pytest.mark.parametrize("value", [Decimal("NaN"), pd.NA, pd.NaT, float("nan"), None])
def test_d1_every_null_is_a_null(value: object) -> None:
    assert flight(dep_delay=value).rows["dep_delay"].isna().sum() == 1


class Free(Contract):
    """A contract with a text that is stored as it came."""

    note: str


def test_d4_a_column_made_by_the_project_is_stored_as_it_was_made() -> None:
    row = {DAY: DAY_5, "source_key": " a\n", "rule": "", "row": "x" * 2000}

    assert validate(pd.DataFrame([row]), DeadLetters, [DAY_5]).dead_letters.empty
    assert (
        len(validate(pd.DataFrame([{DAY: DAY_5, "note": "a\n"}]), Free, [DAY_5]).dead_letters) == 1
    )
