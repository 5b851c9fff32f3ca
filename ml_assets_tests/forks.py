"""Commands in processes forked from one that has imported their libraries, which takes most of a short life.

A fork is a process of its own, and the leader of its own group; SIGKILL ends it as it ends any other.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from ml_assets.registry.integration import THREADS

PRELOADED = [
    "ml_assets.definitions",
    "ml_assets.components",
    "ml_assets.orchestration.storage.instance",
    "ml_assets.serving.server",
    "ml_assets.serving.scoring",
    "dagster._cli",
    "deltalake",
    "pytest",
    "skops.io",
    "treelite.gtil",
    "sklearn.ensemble",
]

DEADLINE_SECONDS = 120
PAUSE_SECONDS = 0.005
"""Between two looks at a fork, so that they do not slow it down."""


def in_fork(home: Path, work: Callable[..., object], *arguments: object) -> BaseProcess:
    """A process that does some work in a folder, with the environment of this process.

    Args:
        home: its working folder.
        work: a function of a module; what it raises is the end of the process.
        arguments: its arguments; they can be pickled.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in THREADS.items():
            environment.setenv(name, value)  # libraries read them when they load
        forkserver.ensure_running()
    process = context.Process(target=_work, args=(home, {**os.environ}, work, *arguments))
    process.start()
    return process


def materializing(home: Path, *words: str, log: Path = Path(os.devnull)) -> BaseProcess:
    """``dagster asset materialize`` in the folder of a project.

    Args:
        home: the folder.
        words: what is materialized.
        log: file that its output is appended to.
    """
    command = ("dagster", "asset", "materialize", "-m", "ml_assets.definitions", *words)
    return running(home, *command, log=log)


def running(home: Path, *command: str, log: Path) -> BaseProcess:
    """A console command of an installed package in a folder.

    Args:
        home: the folder.
        command: its name and arguments.
        log: file that its output is appended to.
    """
    return in_fork(home, _command, log, *command)


def wait_until(process: BaseProcess, is_reached: Callable[[], bool]) -> None:
    """Wait until a fork, which still runs then, has reached a state."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_reached() and process.exitcode is None:
        assert time.monotonic() < deadline, "the run did not get there in time"
        process.join(PAUSE_SECONDS)
    assert process.exitcode is None, "the run was over before it could be killed"


def kill_group(process: BaseProcess) -> None:
    """SIGKILL for a fork and the processes that it started; returns when it has ended."""
    assert process.pid
    os.killpg(process.pid, signal.SIGKILL)
    process.join()


def _work(
    home: Path, environment: Mapping[str, str], work: Callable[..., object], *arguments: object
) -> None:
    os.setsid()
    os.chdir(home)
    os.environ.clear()
    os.environ.update(environment)
    work(*arguments)


def _command(log: Path, program: str, *words: str) -> None:
    with log.open("ab") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    [found] = entry_points(group="console_scripts", name=program)
    sys.argv = [program, *words]
    found.load()()
