"""A run killed with SIGKILL and run again ends with the same versions as an undisturbed one."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from multiprocessing.process import BaseProcess

import pytest

from ml_assets_tests.forks import DEADLINE_SECONDS, kill_group, materializing, wait_until
from ml_assets_tests.prepared import TWO_WEEKS
from ml_assets_tests.project import ALL_DAILY, DICTIONARIES, Project
from ml_assets_tests.remedies import commands, run

pytestmark = pytest.mark.slow


def start(project: Project) -> BaseProcess:
    """Dagster's own command over the range, in a process group of its own."""
    return materializing(project.data.parent, "--select", ALL_DAILY, "--partition-range", TWO_WEEKS)


def kill_when(
    project: Project, process: BaseProcess, is_reached: Callable[[Project], bool]
) -> None:
    """SIGKILL for a run as soon as a state is reached."""
    wait_until(process, lambda: is_reached(project))
    kill_group(process)


def ledger_has(project: Project, table: str, status: str) -> bool:
    """Whether the ledger file has such an entry yet; read from outside, as it is being written."""
    file = project.data / "ledger.db"
    if not file.exists():
        return False
    query = "SELECT count(*) FROM ledger_entries WHERE table_name = ? AND status = ?"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
        try:
            return bool(connection.execute(query, (table, status)).fetchone()[0])
        except sqlite3.OperationalError:
            return False


MOMENTS = [
    pytest.param(lambda p: ledger_has(p, "sources/flights", "writing"), id="writing a source"),
    pytest.param(lambda p: ledger_has(p, "sources/flights", "stored"), id="after a source"),
    pytest.param(
        lambda p: ledger_has(p, "flight_delays/flight_features", "writing"), id="writing features"
    ),
]


@pytest.mark.parametrize("is_reached", MOMENTS)
def test_killed_and_run_again_gives_the_versions_of_an_undisturbed_run(
    project: Project,
    undisturbed: dict[tuple[str, str], str],
    is_reached: Callable[[Project], bool],
) -> None:
    assert project.materialize(DICTIONARIES).succeeded

    kill_when(project, start(project), is_reached)

    again = start(project)
    again.join(DEADLINE_SECONDS)
    assert again.exitcode == 0
    assert project.versions() == undisturbed


def test_a_partially_written_day_is_not_used_downstream(project: Project) -> None:
    kill_when(project, start(project), lambda p: ledger_has(p, "sources/flights", "writing"))
    assert not project.lake.days_stored("sources/flights"), "the run was faster than the kill"

    outcome = project.materialize('key:"flight_delays/flight_outcomes"', "2013-01-05")

    assert not outcome.succeeded
    reported = outcome.failed_steps["flight_delays__flight_outcomes"]
    assert "sources/flights 2013-01-05 is half-written" in reported
    run(project, commands(reported)[0])
    assert "2013-01-05" in project.lake.days_stored("sources/flights")
