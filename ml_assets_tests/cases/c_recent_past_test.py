"""C1, C3 · Recent days are compared again, and a single row does not determine the end of a source."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.defs.sources.load import advance
from ml_assets.ledger.entries import Status
from ml_assets.orchestration.runs.requests import REASON
from ml_assets.planning.progress import unfinished
from ml_assets_tests.prepared import FEATURES, opened_copy, tick
from ml_assets_tests.project import Project, bad_days
from ml_assets_tests.remedies import run_all
from ml_assets_tests.sensor_runs import NEW_DAYS, run_requested

FLIGHTS, WEATHER = "sources/flights", "sources/weather"
LAST = "2013-01-06"
OF_LAST = "date(time_hour, '-5 hours') = '2013-01-06'"
DATASET, AS_OF = "flight_delays/training_dataset", "2013-02-15"
DATASET_KEY = f'key:"{DATASET}"'
FAR = "2013-09-20 12:00:00.000000"


@pytest.mark.slow
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


@pytest.mark.slow
def test_c1_late_rows_are_extracted_though_four_new_days_came_meanwhile(week: Project) -> None:
    late = week.sql(f"UPDATE flights SET arr_delay = 7 WHERE {OF_LAST} AND arr_delay IS NULL")
    advance(week.systems, "2013-01-10")

    run_requested(week)

    rows = week.lake.read(FLIGHTS, [LAST])
    assert late > 0
    assert not rows["arr_delay"].isna().any()
    assert week.entries(FEATURES)["2013-01-10"].status is Status.STORED


@pytest.mark.slow
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


@pytest.fixture
def six_weeks(
    tmp_path: Path, features_home: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """A project with six weeks of features."""
    with opened_copy(features_home, tmp_path / "home", definitions) as project:
        yield project


@pytest.mark.slow
def test_c1_training_refuses_late_rows_that_are_not_extracted_and_uses_them_afterwards(
    six_weeks: Project,
) -> None:
    of_13 = "date(time_hour, '-5 hours') = '2013-02-13' AND flight < 500"
    assert six_weeks.materialize(DATASET_KEY, AS_OF).succeeded
    undisturbed = six_weeks.versions(DATASET)
    six_weeks.sql(f"CREATE TABLE late AS SELECT * FROM flights WHERE {of_13}")
    assert six_weeks.sql(f"DELETE FROM flights WHERE {of_13}") > 100
    run_requested(six_weeks)
    assert six_weeks.materialize(DATASET_KEY, AS_OF).succeeded
    without_late_rows = six_weeks.versions(DATASET)
    six_weeks.sql("INSERT INTO flights SELECT * FROM late")
    assert bad_days(six_weeks.check(f'key:"{FLIGHTS}"', "2013-02-13")) == {"2013-02-13"}

    refused = six_weeks.materialize(DATASET_KEY, AS_OF)

    [reason] = refused.failed_steps.values()
    assert f"{FLIGHTS} 2013-02-13 is itself stale: source_database/flights 2013-02-13" in reason
    assert six_weeks.entries(DATASET)[AS_OF].status is Status.SKIPPED
    run_all(six_weeks, reason)
    assert six_weeks.materialize(DATASET_KEY, AS_OF).succeeded
    assert six_weeks.versions(DATASET) == undisturbed != without_late_rows
