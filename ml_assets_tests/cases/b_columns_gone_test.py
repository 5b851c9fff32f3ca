"""B · Stored days stay usable when the source drops or renames a column."""

import pytest

from ml_assets.ledger.entries import Status
from ml_assets.planning.progress import unfinished
from ml_assets_tests.prepared import FEATURES, tick
from ml_assets_tests.project import DAILY, Project, bad_days
from ml_assets_tests.sensor_runs import NEW_DAYS, run_requested

FLIGHTS, WEATHER = "sources/flights", "sources/weather"
STORED, NEXT = "2013-01-02...2013-01-06", "2013-01-07"
LAST = "2013-01-06"
BREAK = "ALTER TABLE flights RENAME COLUMN distance TO distances"
REPAIR = "ALTER TABLE flights RENAME COLUMN distances TO distance"


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        pytest.param("flights", BREAK, id="renamed"),
        pytest.param("flights", "ALTER TABLE flights DROP COLUMN minute", id="dropped"),
        pytest.param(
            "flights", "ALTER TABLE flights RENAME COLUMN time_hour TO hour_of", id="the time"
        ),
        pytest.param("weather", "ALTER TABLE weather DROP COLUMN visib", id="in the other source"),
    ],
)
def test_b_stored_days_stay_when_a_column_is_gone(
    week: Project, table: str, statement: str
) -> None:
    before = week.versions()
    week.sql(statement)

    results = week.check(f'key:"sources/{table}"', STORED)
    outcome = week.materialize(DAILY, STORED)

    assert [*outcome.failed_steps] == [f"sources__{table}"], "no day of the source can be read"
    assert "is missing" in outcome.failed_steps[f"sources__{table}"]
    assert bad_days(results) == {f"2013-01-0{day}" for day in range(2, 7)}
    assert all("is missing" in str(item.reason) for item in results if item.is_bad)
    found = week.versions()
    assert {key: found[key] for key in before} == before
    assert unfinished(week.lake.ledger, FEATURES, sorted(week.entries(FEATURES))) == {}


def test_b_new_days_are_quarantined_until_the_column_is_back(week: Project) -> None:
    before = week.versions(FLIGHTS, FEATURES)
    week.sql(BREAK)

    run_requested(week)
    entry = week.entries(FLIGHTS)[NEXT]
    reported = tick(week, NEW_DAYS)
    week.sql(REPAIR)
    run_requested(week)

    assert entry.status is Status.QUARANTINED
    assert "'distance' (renamed to 'distances'?) is missing" in entry.reason
    assert FLIGHTS in reported.reason
    assert "is missing" in reported.reason
    assert week.entries(FEATURES)[NEXT].status is Status.STORED
    found = week.versions(FLIGHTS, FEATURES)
    assert {key: found[key] for key in before} == before


@pytest.mark.slow
def test_b_a_correction_that_a_rename_hides_is_extracted_when_the_column_is_back(
    week: Project,
) -> None:
    run_requested(week)
    before = week.versions(FLIGHTS)
    of_last = "date(time_hour, '-5 hours') = '2013-01-06'"
    week.sql(f"UPDATE flights SET air_time = air_time + 1 WHERE {of_last}")
    assert LAST in bad_days(week.check(f'key:"{FLIGHTS}"', LAST))
    week.sql(BREAK)

    run_requested(week)
    hidden = week.versions(FLIGHTS)
    is_open = unfinished(week.lake.ledger, FLIGHTS, [LAST])
    week.sql(REPAIR)
    run_requested(week)

    assert hidden == before
    assert is_open == {}
    assert week.versions(FLIGHTS)[FLIGHTS, LAST] != before[FLIGHTS, LAST]
