"""A run killed with SIGKILL and run again ends with the same versions as an undisturbed one."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ml_assets_tests.project import ALL_DAILY, DICTIONARIES, Project
from ml_assets_tests.remedies import commands, run

pytestmark = pytest.mark.slow

DAYS = "2013-01-02...2013-01-16"
DEADLINE_SECONDS = 120


def start(project: Project) -> "subprocess.Popen[bytes]":
    """Dagster's own command over the range, in a process group of its own."""
    command = [
        str(Path(sys.executable).with_name("dagster")),
        *("asset", "materialize", "-m", "ml_assets.definitions"),
        *("--select", ALL_DAILY, "--partition-range", DAYS),
    ]
    return subprocess.Popen(
        command,
        cwd=project.data.parent,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


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
    project: Project, is_reached: Callable[[Project], bool]
) -> None:
    assert project.materialize_daily(DAYS).succeeded
    undisturbed = project.versions()
    shutil.rmtree(project.data / "lake")
    for file in project.data.glob("ledger.db*"):
        file.unlink()
    assert project.materialize(DICTIONARIES).succeeded

    process = start(project)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_reached(project) and process.poll() is None:
        assert time.monotonic() < deadline, "the run did not get there in time"
    assert process.poll() is None, "the run was over before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    again = start(project)
    assert again.wait(DEADLINE_SECONDS) == 0
    assert project.versions() == undisturbed


def test_a_partially_written_day_is_not_used_downstream(project: Project) -> None:
    process = start(project)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not ledger_has(project, "sources/flights", "writing") and process.poll() is None:
        assert time.monotonic() < deadline, "the run did not get there in time"
    assert process.poll() is None, "the run was over before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not project.lake.days_stored("sources/flights"), "the run was faster than the kill"

    outcome = project.materialize('key:"flight_delays/flight_outcomes"', "2013-01-05")

    assert not outcome.succeeded
    reported = outcome.failed_steps["flight_delays__flight_outcomes"]
    assert "sources/flights 2013-01-05 is half-written" in reported
    run(project, commands(reported)[0])
    assert "2013-01-05" in project.lake.days_stored("sources/flights")
