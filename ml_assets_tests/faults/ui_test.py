"""``make ui`` lets the sensors work, stops on a signal and leaves no process behind."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from ml_assets.commands.ui import run_until_stopped
from ml_assets_tests.browser.server import _wait_until_loaded, free_port, inherited
from ml_assets_tests.checkout import Checkout
from ml_assets_tests.faults.daemon import runs_of, statuses, stored_entries
from ml_assets_tests.prepared import ASKED_FOR, DECISION, PREDICTIONS, RELEASE
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import ml_assets

pytestmark = pytest.mark.slow

BEHIND_SECONDS = 300
"""A model is trained and released first, then a day is scored."""

STOP_SECONDS = 30
"""On a quiet machine it takes four; other tests run beside this one."""


def processes_of(home: Path) -> list[psutil.Process]:
    """Living processes whose working folder is the project's."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def command_of(home: Path, name: str, port: int) -> Sequence[str]:
    """How the UI is started."""
    if name == "make":
        Checkout.at(home)
        (home / ".env").touch()
        return ["make", "ui", f"PORT={port}"]
    return [str(Path(sys.executable).with_name("ml-assets")), "ui", "--port", str(port)]


@pytest.mark.parametrize(
    ("name", "number", "ignores_interrupts"),
    [
        pytest.param("make", signal.SIGTERM, True, id="make in the background, SIGTERM"),
        pytest.param("ml-assets", signal.SIGINT, False, id="ml-assets, SIGINT"),
    ],
)
def test_the_ui_ends_and_leaves_no_process(
    project: Project, name: str, number: signal.Signals, ignores_interrupts: bool
) -> None:
    home, port = project.data.parent, free_port()
    log = home / "ui.log"
    command = command_of(home, name, port)
    interrupts = signal.SIG_IGN if ignores_interrupts else signal.SIG_DFL
    with log.open("wb") as output, inherited(SIGINT=interrupts, SIGTERM=signal.SIG_DFL):
        process = subprocess.Popen(
            command,
            cwd=home,
            env={**os.environ, "PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_loaded(process, f"http://127.0.0.1:{port}", log)
        assert len(processes_of(home)) >= 5, (
            "make or ml-assets, dagster dev, UI, daemon, code server"
        )

        process.send_signal(number)
        process.wait(STOP_SECONDS)

        assert processes_of(home) == []
    finally:
        for left in processes_of(home):
            left.kill()


def test_the_command_for_days_that_are_behind_processes_them(with_champion: Project) -> None:
    home, port = with_champion.data.parent, free_port()
    following = json.loads(ml_assets("status", "--json"))["next"]
    assert following["step"] == "let the sensors process the missing days"
    program, *words = shlex.split(following["command"])
    running = {"ML_ASSETS_SENSORS": "running", "ML_ASSETS_SENSOR_SECONDS": "3"}  # of 31 sensors
    log = home / "ui.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name(program)), *words, "--port", str(port)],
            cwd=home,
            env={**os.environ, **running},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + BEHIND_SECONDS
    try:
        while ASKED_FOR not in with_champion.entries(DECISION):
            assert process.poll() is None, log.read_text(errors="replace")[-4000:]
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-4000:]
            time.sleep(1)

        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
    finally:
        for left in processes_of(home):
            left.kill()

    assert with_champion.entries(PREDICTIONS)[ASKED_FOR].rows > 800
    assert {*with_champion.lake.read(PREDICTIONS, [ASKED_FOR])["model_as_of"]} == {ASKED_FOR}
    retraining = runs_of(with_champion, f"flight_delays retraining as of {ASKED_FOR}")
    assert statuses(retraining) == ["SUCCESS"]
    assert len(stored_entries(with_champion, RELEASE, ASKED_FOR)) == 1


def test_a_command_that_ends_by_itself_gives_its_exit_code() -> None:
    assert run_until_stopped([sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_processes_that_ignore_every_signal_are_killed_at_the_deadline(tmp_path: Path) -> None:
    script = (
        "import signal, subprocess, sys, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
        "if len(sys.argv) == 1: subprocess.Popen([sys.executable, __file__, 'child'])\n"
        "open(sys.argv[-1] + '.ready', 'w').close()\n"
        "time.sleep(600)\n"
    )
    (tmp_path / "stubborn.py").write_text(script, "utf-8")
    supervisor = (
        "from ml_assets.commands.ui import run_until_stopped; import sys; "
        f"sys.exit(run_until_stopped([sys.executable, {str(tmp_path / 'stubborn.py')!r}], 1))"
    )
    process = subprocess.Popen([sys.executable, "-c", supervisor], cwd=tmp_path)
    child = tmp_path / "child.ready"
    deadline = time.monotonic() + 60
    while not child.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)

    process.send_signal(signal.SIGTERM)

    assert process.wait(STOP_SECONDS) == 0
    assert processes_of(tmp_path) == []
