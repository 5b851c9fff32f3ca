"""Dagster's daemon in a separate process group, and queries of its work from outside."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from ml_assets.orchestration.runs.attempts import UNIT
from ml_assets_tests.project import ROOT, Project

END_SECONDS = 30
DEADLINE_SECONDS = 600
"""Timeout of each wait; on an idle machine waits take seconds."""
LOOK_SECONDS = 0.5
"""Pause between two polls, so that polling does not slow down the daemon."""


@dataclass
class Daemon:
    """The daemon, its code server and its run workers: one process group at a time.

    Attributes:
        home: folder of the project.
        log: file that its output is appended to.
        module: name of its code location's module.
        process: the daemon, while there is one.
    """

    home: Path
    log: Path
    module: str
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        command = str(Path(sys.executable).with_name("dagster-daemon"))
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [command, "run", "-m", self.module],
                cwd=self.home,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL for every process of the group, as when the machine goes down."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(END_SECONDS)
        self.process = None

    def wait_until(
        self, what: str, is_reached: Callable[[], object], *, pause: float = LOOK_SECONDS
    ) -> None:
        """Poll until a condition is true; the daemon has to run meanwhile."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_reached():
            assert self.process is not None
            assert self.process.poll() is None, f"the daemon ended:\n{self.tail()}"
            assert time.monotonic() < deadline, (
                f"not in {DEADLINE_SECONDS} s: {what}\n{self.tail()}"
            )
            time.sleep(pause)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def tail(self) -> str:
        return self.output()[-4000:]


@contextmanager
def daemon_of(project: Project, module: str = "ml_assets.definitions") -> Iterator[Daemon]:
    """A daemon of the project that is not started yet; what was started ends with the context."""
    home = project.data.parent
    daemon = Daemon(home, home / "daemon.log", module)
    try:
        yield daemon
    finally:
        daemon.kill()


def runs_of(project: Project, unit: str) -> list[dg.DagsterRun]:
    """Runs that were started for a unit of work, the newest first."""
    return project.instance.get_runs(dg.RunsFilter(tags={UNIT: unit}))


def units(project: Project) -> set[str]:
    """Every unit of work that there was a run for."""
    return {run.tags[UNIT] for run in project.instance.get_runs() if UNIT in run.tags}


def stored_entries(project: Project, table: str, day: str) -> list[str]:
    """Content hash of every time that a day was stored, not only of the latest."""
    query = (
        "SELECT content_hash FROM ledger_entries "
        "WHERE table_name = ? AND day = ? AND status = 'stored' ORDER BY id"
    )
    file = f"file:{project.data / 'ledger.db'}?mode=ro"
    with closing(sqlite3.connect(file, uri=True, timeout=10)) as connection:
        return [row[0] for row in connection.execute(query, (table, day))]


def statuses(runs: Sequence[dg.DagsterRun]) -> list[str]:
    """Sorted statuses of some runs."""
    return sorted(run.status.value for run in runs)
