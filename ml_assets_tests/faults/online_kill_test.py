"""A run killed with SIGKILL between the lake's commit and the online write is mended by the next run."""

import sqlite3
from contextlib import closing
from multiprocessing.process import BaseProcess

import pytest

from ml_assets.ledger.entries import Status
from ml_assets.orchestration.checks.online import ONLINE_CHECK
from ml_assets.orchestration.checks.runner import CheckState
from ml_assets_tests.forks import DEADLINE_SECONDS, kill_group, materializing, wait_until
from ml_assets_tests.project import Project

pytestmark = pytest.mark.slow

TABLE, BEFORE, DAY = "flight_delays/origin_state", "2013-01-02", "2013-01-03"
SOURCES = 'key:"sources/flights" or key:"sources/weather"'


def start(project: Project) -> BaseProcess:
    """Dagster's own command for the day, in a process group of its own."""
    return materializing(project.data.parent, "--select", f'key:"{TABLE}"', "--partition", DAY)


def version(project: Project) -> int:
    """Newest version of the table in the lake."""
    committed = project.lake.open(TABLE)
    assert committed is not None
    return committed.version()


def online_days(project: Project) -> set[str]:
    """Partitions of the rows that are online."""
    with closing(sqlite3.connect(project.data / "online.db")) as connection:
        return {day for (day,) in connection.execute("SELECT day FROM online_rows")}


def test_a_day_killed_before_its_online_write_is_written_by_the_next_run(project: Project) -> None:
    assert project.materialize('key:"sources/airports"').succeeded
    assert project.materialize(SOURCES, f"2013-01-01...{DAY}").succeeded
    assert project.materialize(f'key:"{TABLE}"', BEFORE).succeeded
    before = version(project)

    with closing(sqlite3.connect(project.data / "online.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the run waits here, with its commit made
        process = start(project)
        wait_until(process, lambda: version(project) != before)
        kill_group(process)
        other.execute("ROLLBACK")

    assert project.entries(TABLE)[DAY].status is Status.WRITING
    assert online_days(project) == {BEFORE}
    again = start(project)
    again.join(DEADLINE_SECONDS)
    assert again.exitcode == 0
    assert online_days(project) == {DAY}
    results = project.check(f'key:"{TABLE}"', f"{BEFORE}...{DAY}")
    states = {result.day: result.state for result in results if result.check == ONLINE_CHECK}
    assert states == {BEFORE: CheckState.PASSED, DAY: CheckState.PASSED}
