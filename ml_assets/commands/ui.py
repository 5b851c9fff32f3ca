"""Dagster's UI and daemon, which end together with this process and leave none behind.

``dagster dev`` alone ignores SIGTERM where SIGINT is ignored, as in a background job of a shell,
and waits up to two minutes for its own processes.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import psutil
import typer

app = typer.Typer()

END_SECONDS = 4
"""Seconds that processes have to end after SIGTERM; then they are killed."""

NOTICE = "ignore:Function `dev_command` is superseded"
"""Filter for the notice that Dagster prints for ``dagster dev``, which its users cannot act on."""

LOOK_SECONDS = 0.1
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@app.command()
def ui(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
) -> None:
    """Dagster's UI and daemon, until Ctrl-C or SIGTERM."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [os.getenv("PYTHONWARNINGS"), NOTICE]))
    code_location = [] if Path("workspace.yaml").exists() else ["-m", "ml_assets.definitions"]
    code = run_until_stopped([dagster, "dev", "--host", host, "--port", str(port), *code_location])
    raise typer.Exit(code)


def run_until_stopped(command: Sequence[str], end_seconds: float = END_SECONDS) -> int:
    """Run a command in a process group of its own until it ends or this process is to stop.

    Args:
        command: program and arguments.
        end_seconds: how long its processes may take to end on SIGINT before they are killed.

    Returns:
        0 when it was stopped, otherwise its exit code.
    """
    stopped: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        stopped.append(number)

    before = {number: signal.signal(number, stop) for number in STOPS}
    process = subprocess.Popen(command, start_new_session=True)  # noqa: S603
    try:
        while process.poll() is None and not stopped:
            time.sleep(LOOK_SECONDS)
    finally:
        _end(process, time.monotonic() + end_seconds)
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if stopped else process.returncode


def _end(process: "subprocess.Popen[bytes]", deadline: float) -> None:
    """End the whole group: politely, and for certain when the deadline is over."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    while time.monotonic() < deadline and (process.poll() is None or _living(process.pid)):
        time.sleep(LOOK_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _living(group: int) -> list[int]:
    """Processes of a group that still run; those that only wait to be reaped do not count."""
    found = []
    for item in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(item.pid) == group and item.status() != psutil.STATUS_ZOMBIE:
                found.append(item.pid)
    return found
