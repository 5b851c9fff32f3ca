"""A5 · Attempts belong to the state of the inputs; launches that never started are no attempts."""

import time

import dagster as dg
import pytest

from ml_assets.ledger.entries import Status
from ml_assets.orchestration.runs.attempts import INPUTS
from ml_assets.orchestration.runs.requests import MAX_ATTEMPTS
from ml_assets.settings import settings
from ml_assets_tests.prepared import FEATURES, tick
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import command, run
from ml_assets_tests.sensor_runs import NEW_DAYS, run_requested

FLIGHTS = "sources/flights"
ENTITIES = (
    *("origin_state", "carrier_state", "destination_state"),
    *("route_rates", "flight_number_state"),
)
TABLES = (
    *(FLIGHTS, "sources/weather", FEATURES, "flight_delays/flight_outcomes"),
    *(f"flight_delays/{noun}" for noun in ENTITIES),
)
NEXT = "2013-01-07"
ONE_FLIGHT = "rowid = (SELECT max(rowid) FROM flights WHERE date(time_hour, '-5 hours') = ?)"


@dg.op
def fail() -> None:
    """Fail as a step that meets a value that it cannot use."""
    raise dg.Failure("a value is wrong", allow_retries=False)


@dg.job
def failing() -> None:
    """A run that starts and fails."""
    fail()


def requested(project: Project) -> dg.RunRequest:
    """The only run that the sensor requests."""
    [found] = tick(project, NEW_DAYS).requests
    return found


def give_up(project: Project) -> str:
    """Fail as often as it is requested; returns the inputs that this was tried with."""
    inputs = set()
    for _ in range(MAX_ATTEMPTS):
        tags = dict(requested(project).tags)
        inputs.add(tags[INPUTS])
        failing.execute_in_process(instance=project.instance, tags=tags, raise_on_error=False)
    [tried_with] = inputs
    given_up = tick(project, NEW_DAYS)
    assert not given_up.requests
    assert "failed 3 times (a value is wrong)" in given_up.reason
    return tried_with


def statuses(project: Project) -> dict[str, Status]:
    """Table → status of the next day."""
    return {table: project.entries(table)[NEXT].status for table in TABLES}


def test_a5_a_day_that_was_given_up_stays_closed_while_its_inputs_are_the_same(
    whole_week: Project,
) -> None:
    give_up(whole_week)

    assert tick(whole_week, NEW_DAYS).requests == []
    assert statuses(whole_week) == dict.fromkeys(TABLES, Status.SKIPPED)
    assert {whole_week.entries(table)[NEXT].reason.partition(".")[0] for table in TABLES} == {
        "failed 3 times (a value is wrong)"
    }


@pytest.mark.parametrize(
    "by_hand",
    [pytest.param(False, id="by itself"), pytest.param(True, id="by hand", marks=pytest.mark.slow)],
)
def test_a5_a_repair_of_one_source_opens_all_tables_of_a_day_that_was_given_up(
    whole_week: Project, *, by_hand: bool
) -> None:
    tried_with = give_up(whole_week)

    assert (
        whole_week.sql(f"UPDATE flights SET distance = distance + 1 WHERE {ONE_FLIGHT}", NEXT) == 1
    )

    if by_hand:
        run(whole_week, command(whole_week.entries(TABLES[0])[NEXT].reason))
    else:
        request = requested(whole_week)
        assert request.tags[INPUTS] != tried_with
        assert str(request.run_key).endswith("attempt 1")
        assert {key.to_user_string() for key in request.asset_selection or []} == {*TABLES}
        run_requested(whole_week)
    assert statuses(whole_week) == dict.fromkeys(TABLES, Status.STORED)
    last = tick(whole_week, NEW_DAYS)
    assert (last.requests, "failed" in last.reason) == ([], False)


def test_a5_launches_that_never_started_are_retried_with_growing_waits_and_are_no_attempts(
    week: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_RETRY_WAITS", "[3600, 7200, 10800]")
    settings.cache_clear()
    tags = dict(requested(week).tags)
    for wait in (3600, 7200, 10800, 10800):
        run = week.instance.create_run_for_job(failing, tags=tags)
        week.instance.report_run_failed(run)
        [record] = week.instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))

        waiting = tick(week, NEW_DAYS)

        until = time.strftime("%H:%M:%S UTC", time.gmtime((record.end_time or 0.0) + wait))
        assert not waiting.requests
        assert f"next attempt at {until}" in waiting.reason

    monkeypatch.setenv("ML_ASSETS_RETRY_WAITS", "[]")
    settings.cache_clear()
    again = requested(week)
    assert again.tags[INPUTS] == tags[INPUTS]
    assert str(again.run_key).endswith("attempt 5")
