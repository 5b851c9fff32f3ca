"""Cases F1 and F2: days whose rows are right one by one and wrong together.

One run over three weeks of real flights, in which many days are spoiled, each in its own way.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.ledger.entries import Status
from ml_assets.orchestration.checks.standard import DAY_CHECK
from ml_assets_tests.prepared import FEATURES, opened
from ml_assets_tests.project import ROOT, Project
from ml_assets_tests.sensor_runs import run_requested

FLIGHTS, WEATHER = "sources/flights", "sources/weather"
SOURCES = f'key:"{FLIGHTS}" or key:"{WEATHER}"'
SPAN = "2013-01-01...2013-01-21"
GOOD = [f"2013-01-{day:02}" for day in range(1, 9)]

QUARANTINED = {
    "f1_70_percent_of_rows_deleted": (9, "DELETE FROM flights WHERE {day} AND rowid % 10 < 7"),
    "f1_half_of_the_rows_deleted": (10, "DELETE FROM flights WHERE {day} AND rowid % 2 = 0"),
    "f1_only_the_morning_came": (11, "DELETE FROM flights WHERE {day} AND hour > 12"),
    "f1_one_airport_vanished": (12, "DELETE FROM flights WHERE {day} AND origin = 'JFK'"),
    "f1_rows_doubled_with_other_numbers": (
        13,
        "INSERT INTO flights SELECT * FROM other_numbers",
    ),
    "f2_all_arr_delay_null": (14, "UPDATE flights SET arr_delay = NULL WHERE {day}"),
    "f2_all_dep_delay_null": (15, "UPDATE flights SET dep_delay = NULL WHERE {day}"),
    "f2_nine_in_ten_arr_delay_null": (
        16,
        "UPDATE flights SET arr_delay = NULL WHERE {day} AND rowid % 10 > 0",
    ),
    "f2_every_flight_late": (17, "UPDATE flights SET arr_delay = 60 WHERE {day}"),
    "f2_every_delay_zero": (
        18,
        "UPDATE flights SET arr_delay = 0, dep_delay = 0 WHERE {day}",
    ),
}
WARNED = {
    "f1_two_fifths_of_the_rows_deleted": (21, "DELETE FROM flights WHERE {day} AND rowid % 5 < 2"),
    "f1_one_carrier_vanished": (20, "DELETE FROM flights WHERE {day} AND carrier = 'UA'"),
    "f2_half_of_arr_delay_null": (
        19,
        "UPDATE flights SET arr_delay = NULL WHERE {day} AND rowid % 2 = 0",
    ),
}
USUAL = "rows, usually 914 a day: rows_against_usual"
REASONS = {
    "f1_70_percent_of_rows_deleted": f"271 {USUAL} 0.30 is below 0.55",
    "f1_half_of_the_rows_deleted": f"466 {USUAL} 0.51 is below 0.55",
    "f1_only_the_morning_came": f"417 {USUAL} 0.46 is below 0.55",
    "f1_one_airport_vanished": f"413 {USUAL} 0.45 is below 0.55; "
    "413 rows, none whose origin is JFK: airports 0.67 is below 1",
    "f1_rows_doubled_with_other_numbers": f"1656 {USUAL} 1.81 is above 1.5",
    "f2_all_arr_delay_null": "928 rows, share of rows whose arr_delay is null: "
    "arr_delay_missing 1.00 is above 0.8",
    "f2_all_dep_delay_null": "894 rows, share of rows whose dep_delay is null: "
    "dep_delay_missing 1.00 is above 0.8",
    "f2_nine_in_ten_arr_delay_null": "901 rows, share of rows whose arr_delay is null: "
    "arr_delay_missing 0.91 is above 0.8",
    "f2_every_flight_late": "927 rows, share of arr_delay above 14: "
    "late_arrivals 1.00 is above 0.95",
    "f2_every_delay_zero": "924 rows, share of arr_delay above 14: "
    "late_arrivals 0.00 is below 0.005; 924 rows, share of dep_delay above 14: "
    "late_departures 0.00 is below 0.005",
    "f1_two_fifths_of_the_rows_deleted": "546 rows, usually 832 a day: "
    "rows_as_usual 0.66 is below 0.7",
    "f1_one_carrier_vanished": "649 rows, none whose carrier is UA: large_carriers 0.89 is below 1",
    "f2_half_of_arr_delay_null": "674 rows, share of rows whose arr_delay is null: "
    "arr_delay_often_missing 0.50 is above 0.3",
}
"""The whole reason of each spoiled day."""


def day_of(number: int) -> str:
    """A day of January."""
    return f"2013-01-{number:02}"


def spoil(project: Project) -> None:
    """Spoil the flights of thirteen days, and one airport's weather of a further one."""
    of_13 = "year = 2013 AND month = 1 AND day = 13"
    project.sql(f"CREATE TABLE other_numbers AS SELECT * FROM flights WHERE {of_13}")
    project.sql("UPDATE other_numbers SET flight = 9999 - rowid")
    for number, statement in [*QUARANTINED.values(), *WARNED.values()]:
        project.sql(statement.format(day=f"year = 2013 AND month = 1 AND day = {number}"))
    project.sql(
        "DELETE FROM weather WHERE year = 2013 AND month = 1 AND day = 9 AND origin = 'JFK'"
    )
    project.sql("DELETE FROM weather WHERE year = 2013 AND month = 1 AND day = 10 AND hour % 2 = 0")


@pytest.fixture(scope="module")
def spoiled(
    tmp_path_factory: pytest.TempPathFactory, three_weeks: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """Three weeks of sources with the spoiled days, extracted in one run."""
    home = tmp_path_factory.mktemp("spoiled")
    shutil.copytree(three_weeks, home / "data")
    shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
    with opened(home, definitions) as project:
        spoil(project)
        project.materialize(SOURCES, SPAN)
        yield project


@pytest.fixture(scope="module")
def checked(spoiled: Project) -> dict[tuple[str, str], tuple[str, str]]:
    """(table, day) → result of its day check."""
    return {
        (result.asset, result.day): (str(result.state), result.reason)
        for result in spoiled.check(SOURCES, SPAN)
        if result.check == DAY_CHECK
    }


@pytest.mark.parametrize("case", QUARANTINED)
def test_f_day_far_from_the_usual_is_quarantined(spoiled: Project, case: str) -> None:
    entry = spoiled.entries(FLIGHTS)[day_of(QUARANTINED[case][0])]

    assert entry.status is Status.QUARANTINED
    assert entry.rows == 0
    assert entry.reason == REASONS[case]
    assert entry.day not in set(spoiled.lake.read(FLIGHTS)["ds"])


@pytest.mark.parametrize("case", WARNED)
def test_f_day_at_the_edge_is_stored_with_a_warning(
    spoiled: Project, checked: dict[tuple[str, str], tuple[str, str]], case: str
) -> None:
    day = day_of(WARNED[case][0])

    assert spoiled.entries(FLIGHTS)[day].status is Status.STORED
    assert checked[FLIGHTS, day] == ("warned", REASONS[case])
    assert REASONS[case] in _shown(spoiled, day)


def test_f1_good_neighbours_are_stored_without_a_warning(
    spoiled: Project, checked: dict[tuple[str, str], tuple[str, str]]
) -> None:
    assert {day: spoiled.entries(FLIGHTS)[day].status for day in GOOD} == dict.fromkeys(
        GOOD, Status.STORED
    )
    assert {checked[FLIGHTS, day] for day in GOOD} == {("passed", "")}


def test_f1_weather_of_one_airport_missing_is_a_warning_and_half_a_day_is_not_stored(
    spoiled: Project, checked: dict[tuple[str, str], tuple[str, str]]
) -> None:
    entries = spoiled.entries(WEATHER)

    assert entries["2013-01-09"].status is Status.STORED
    state, reason = checked[WEATHER, "2013-01-09"]
    assert state == "warned"
    assert reason == (
        "48 rows, usually 72 a day: rows_as_usual 0.67 is below 0.75; "
        "48 rows, none whose origin is JFK: airports 0.67 is below 1"
    )
    assert entries["2013-01-10"].status is Status.QUARANTINED
    assert (
        entries["2013-01-10"].reason
        == "36 rows, usually 72 a day: rows_against_usual 0.50 is below 0.55"
    )


def test_f1_features_with_few_matches_in_weather_and_planes_are_stored_with_a_warning(
    week: Project,
) -> None:
    week.sql("DELETE FROM weather WHERE month = 1 AND day = 7 AND origin = 'JFK'")
    week.sql("DELETE FROM planes WHERE rowid % 4 > 0")

    run_requested(week)

    found = {
        (result.day, str(result.state)): result.reason
        for result in week.check(f'key:"{FEATURES}"', "2013-01-06...2013-01-07")
        if result.check == DAY_CHECK
    }
    reason = (
        "933 rows, share of rows with temp: with_weather 0.82 is below 0.9; "
        "933 rows, share of rows with plane_seats: with_plane 0.19 is below 0.4"
    )
    assert found == {("2013-01-06", "passed"): "", ("2013-01-07", "warned"): reason}
    assert week.entries(FEATURES)["2013-01-07"].status is Status.STORED


def test_f1_a_day_gets_the_same_verdict_alone(spoiled: Project) -> None:
    before = {day: _verdict(spoiled, day) for day in ("2013-01-10", "2013-01-21")}

    for day in before:
        spoiled.materialize(f'key:"{FLIGHTS}"', day)

    assert {day: _verdict(spoiled, day) for day in before} == before


def _verdict(project: Project, day: str) -> tuple[Status, str, str]:
    entry = project.entries(FLIGHTS)[day]
    return entry.status, entry.reason, entry.content_hash


def _shown(project: Project, day: str) -> str:
    """Metadata of a materialized day in Dagster."""
    records = project.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(FLIGHTS.split("/")), asset_partitions=[day]), limit=1
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    return str(materialization.metadata["warnings"].value)
