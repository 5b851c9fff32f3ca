"""C1, C3 · Recent days are compared again, and a single row does not determine the end of a source."""

import pytest

from ml_assets.defs.sources.load import advance
from ml_assets.ledger.entries import Status
from ml_assets.orchestration.runs.requests import REASON
from ml_assets.planning.progress import unfinished
from ml_assets_tests.prepared import FEATURES, tick
from ml_assets_tests.project import Project
from ml_assets_tests.sensor_runs import NEW_DAYS, run_requested

FLIGHTS, WEATHER = "sources/flights", "sources/weather"
LAST = "2013-01-06"
OF_LAST = "date(time_hour, '-5 hours') = '2013-01-06'"
FAR = "2013-09-20 12:00:00.000000"


def test_c1_late_rows_are_extracted_automatically_and_reported(week: Project) -> None:
    undisturbed = week.versions(FLIGHTS, FEATURES)
    run_requested(week)
    week.sql(f"CREATE TABLE late AS SELECT * FROM flights WHERE {OF_LAST} AND flight < 500")
    week.sql(f"DELETE FROM flights WHERE {OF_LAST} AND flight < 500")
    assert week.materialize('key:"sources/flights"', LAST).succeeded
    run_requested(week)
    before = week.entries(FLIGHTS)[LAST].rows
    week.sql("INSERT INTO flights SELECT * FROM late")

    reported = tick(week, NEW_DAYS)
    run_requested(week)

    [request] = reported.requests
    assert f"{FLIGHTS} {LAST}" in request.tags[REASON]
    assert week.entries(FLIGHTS)[LAST].rows > before
    found = week.versions(FLIGHTS, FEATURES)
    assert {key: found[key] for key in undisturbed} == undisturbed
    assert unfinished(week.lake.ledger, FEATURES, sorted(week.entries(FEATURES))) == {}


def test_c1_a_correction_of_the_last_days_is_extracted_automatically(week: Project) -> None:
    before = week.versions(FLIGHTS, FEATURES)
    week.sql(f"UPDATE flights SET arr_delay = arr_delay + 40 WHERE {OF_LAST} AND arr_delay > 0")

    run_requested(week)

    after = week.versions(FLIGHTS, FEATURES)
    assert after[FLIGHTS, LAST] != before[FLIGHTS, LAST]
    assert unfinished(week.lake.ledger, FEATURES, sorted(week.entries(FEATURES))) == {}


def test_c1_late_rows_are_extracted_though_four_new_days_came_meanwhile(week: Project) -> None:
    late = week.sql(f"UPDATE flights SET arr_delay = 7 WHERE {OF_LAST} AND arr_delay IS NULL")
    advance(week.systems, "2013-01-10")

    run_requested(week)

    rows = week.lake.read(FLIGHTS, [LAST])
    assert late > 0
    assert not rows["arr_delay"].isna().any()
    assert week.entries(FEATURES)["2013-01-10"].status is Status.STORED


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param(("flights", "weather"), id="in both sources"),
        pytest.param(("flights",), id="in one source"),
        pytest.param(("weather",), id="in the other source"),
    ],
)
def test_c3_one_row_far_ahead_requests_no_other_day(week: Project, tables: tuple[str, ...]) -> None:
    for table in tables:
        week.sql(
            f"UPDATE {table} SET time_hour = ? WHERE rowid IN "
            f"(SELECT rowid FROM {table} WHERE {OF_LAST} LIMIT 1)",
            FAR,
        )

    run_requested(week)

    assert max(week.entries(FLIGHTS)) == "2013-01-07"
    assert week.entries(FEATURES)["2013-01-07"].status is Status.STORED
    for table in tables:
        letters = week.dead_letters(f"sources/{table}")
        assert any(FAR[:10] in str(letter["row"]) for letter in letters)

    advance(week.systems, "2013-01-09")
    run_requested(week)
    assert week.entries(FEATURES)["2013-01-09"].status is Status.STORED
