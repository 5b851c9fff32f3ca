"""``schedule`` of a ``NewDays``: Dagster's schedule requests what the sensor would request."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from ml_assets.ledger.entries import Status
from ml_assets.orchestration.runs.requests import MAX_ATTEMPTS
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets.orchestration.workspace_key import WORKSPACE
from ml_assets_tests.components.cadences_test import DAYS_OF_HISTORY, SERIES, WHERE, write
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import Tick, new_home, opened, run, span_of
from ml_assets_tests.project import Project

NAME = "meters__new_days"
NEW_DAYS = """
---
type: ml_assets.components.NewDays
attributes:
  name: meters__new_days
  sources: [meters/readings]
  tables: [meters/features]
"""
SIX = '  schedule: "0 6 * * *"\n'


def text(*, schedule: str = SIX) -> str:
    """Documents of a source and its features, in New York, with a schedule."""
    tables = DAYS_OF_HISTORY.format(where=WHERE, source="daily", features="daily")
    return tables.strip().replace("2022-03-05", "2022-03-01") + NEW_DAYS + schedule


@pytest.fixture
def meters(tmp_path: Path) -> Iterator[Project]:
    """A project with a schedule, whose source has twenty days."""
    new_home(tmp_path)
    write(tmp_path / "data" / "source.db", SERIES["hours over a clock change"])
    with opened(tmp_path, definitions(tmp_path / "defs", text())) as project:
        yield project


def tick(project: Project, at: datetime) -> Tick:
    """One tick of the schedule, as the daemon would do it."""
    assert project.definitions.resources is not None
    context = dg.build_schedule_context(
        instance=project.instance,
        repository_def=project.definitions.get_repository_def(),
        scheduled_execution_time=at,
        resources={WORKSPACE: project.definitions.resources[WORKSPACE]},
    )
    result = project.definitions.resolve_schedule_def(NAME).evaluate_tick(context)
    return Tick(list(result.run_requests or []), result.skip_message or "")


def at_six(day: int) -> datetime:
    """Six o'clock in New York, on a day of April 2022."""
    return datetime(2022, 4, day, 10, tzinfo=UTC)


@dg.op
def fail() -> None:
    """Fail as a step that meets a value that it cannot use."""
    raise dg.Failure("a value is wrong", allow_retries=False)


@dg.job
def failing() -> None:
    """A run that starts and fails."""
    fail()


def test_ticks_request_the_days_of_the_source_until_all_are_stored(meters: Project) -> None:
    [request] = tick(meters, at_six(1)).requests
    assert span_of(request) is not None
    assert run(meters, request).succeeded
    for day in range(2, 5):
        for further in tick(meters, at_six(day)).requests:
            assert run(meters, further).succeeded

    last = tick(meters, at_six(5))
    assert last.requests == []
    assert "All days up to the last one, 2022-03-20, are processed" in last.reason
    stored = {entry.status for entry in meters.entries("meters/features").values()}
    assert stored == {Status.STORED}
    assert len(meters.entries("meters/features")) == 20


def test_later_ticks_try_failed_days_again_and_give_them_up(meters: Project) -> None:
    keys = set()
    first = {tick(meters, at_six(1)).requests[0].tags["ml_assets/unit"]}
    for day in range(1, MAX_ATTEMPTS + 2):
        [request] = tick(meters, at_six(day)).requests
        keys.add(request.run_key)
        failing.execute_in_process(
            instance=meters.instance, tags=dict(request.tags), raise_on_error=False
        )

    given_up = tick(meters, at_six(MAX_ATTEMPTS + 2))
    assert len(keys) == MAX_ATTEMPTS + 1  # the whole span once, then its first day alone
    assert given_up.requests == []
    assert "failed 3 times (a value is wrong)" in given_up.reason
    [request] = tick(meters, at_six(MAX_ATTEMPTS + 3)).requests
    assert request.tags["ml_assets/unit"] not in first


def test_a_tick_while_the_run_is_going_on_requests_nothing(meters: Project) -> None:
    [request] = tick(meters, at_six(1)).requests
    meters.instance.create_run_for_job(
        failing, status=dg.DagsterRunStatus.STARTED, tags=dict(request.tags)
    )

    assert "is running" in tick(meters, at_six(2)).reason


def test_the_schedule_is_shown_with_its_times_in_the_zone_of_the_days(tmp_path: Path) -> None:
    found = definitions(tmp_path, text())

    schedule = found.resolve_schedule_def(NAME)
    assert (schedule.cron_schedule, schedule.execution_timezone) == (
        "0 6 * * *",
        "America/New_York",
    )
    times = schedule_execution_time_iterator(
        datetime(2022, 3, 12, tzinfo=UTC).timestamp(),
        schedule.cron_schedule,
        schedule.execution_timezone,
        ascending=True,
    )  # clocks are set forward on 13 March
    assert [next(times).astimezone(UTC).hour for _ in range(2)] == [11, 10]
    assert schedule.description == (
        "Extracts new days when all sources have them, extracts changed days again, and recomputes "
        "the tables that depend on them."
    )
    assert not found.sensors


def test_without_a_schedule_there_is_a_sensor(tmp_path: Path) -> None:
    found = definitions(tmp_path, text(schedule=""))

    assert found.resolve_sensor_def(NAME)
    assert not found.schedules


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        pytest.param("0 6 * *", "", id="four fields"),
        pytest.param("0 25 * * *", "", id="25 o'clock"),
        pytest.param("0 0 6 * * *", "", id="seconds"),
        pytest.param("daily", " Did you mean '@daily'?", id="a name"),
    ],
)
def test_text_that_is_no_cron_schedule_is_refused(tmp_path: Path, written: str, hint: str) -> None:
    wrong = text(schedule=f'  schedule: "{written}"\n')

    [problem] = broken_assets(definitions(tmp_path, wrong).resolve_asset_graph()).values()

    assert f"is '{written}', which is no cron schedule.{hint} Expected minute, hour" in problem


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        pytest.param(
            "sources: [meters/readings]",
            "sources: [meters/reading]",
            "'sources' names meters/reading, which no SourceTable document defines. Did you mean "
            "'meters/readings'?",
            id="unknown source",
        ),
        pytest.param(
            "sources: [meters/readings]",
            "sources: [meters/features]",
            "'sources' names meters/features, which no SourceTable document defines.",
            id="computed table as source",
        ),
        pytest.param(
            "sources: [meters/readings]",
            "sources: [meters/readings, meters/readings]",
            "meters/readings is given more than once",
            id="twice",
        ),
        pytest.param(
            "sources: [meters/readings]",
            "sources: [meters/readings]\n  snapshots: [meters/readings]",
            "'snapshots' names meters/readings, which has days. Name it in 'sources'.",
            id="days as snapshot",
        ),
    ],
)
def test_sources_that_no_document_defines_are_refused(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    assert before in text()
    wrong = text().replace(before, after)

    found = "\n".join(broken_assets(definitions(tmp_path, wrong).resolve_asset_graph()).values())

    assert problem in found


def test_a_tick_names_the_nearest_of_an_unknown_table(tmp_path: Path) -> None:
    new_home(tmp_path)
    write(tmp_path / "data" / "source.db", SERIES["hours over a clock change"])
    wrong = text().replace("tables: [meters/features]", "tables: [meters/feature]")
    with opened(tmp_path, definitions(tmp_path / "defs", wrong)) as project:
        refused = tick(project, at_six(1))

    assert refused.requests == []
    assert "There is no table 'meters/feature'" in refused.reason
    assert "Did you mean 'meters/features'?" in refused.reason
