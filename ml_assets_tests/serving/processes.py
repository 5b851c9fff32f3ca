"""The service as a process of its own, and clients that send it requests until they are stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ml_assets.contracts.contract import columns
from ml_assets.defs.flight_delays.requests import FlightRequest
from ml_assets.online.values import plain
from ml_assets_tests.project import ROOT, Project

PREDICT = "/v1/flight_delays/predict"
START_SECONDS = 120
ADDRESS = re.compile(r"on (http://\S+)\. ")


@dataclass(frozen=True)
class Running:
    """A service that runs.

    Attributes:
        process: its process.
        url: its address.
    """

    process: "subprocess.Popen[str]"
    url: str

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[Running]:
    """``ml-assets serve flight_delays`` in the folder of a project, which ends with the context."""
    program = str(Path(sys.executable).with_name("ml-assets"))
    command = [program, "serve", "flight_delays", "--port", "0", "--replay", *arguments]
    with started(command, home) as service:
        yield service


@contextmanager
def started(command: Sequence[str], home: Path) -> Iterator[Running]:
    """A command that serves and prints its address, in a folder; it ends with the context."""
    process = subprocess.Popen(
        command,
        cwd=home,
        env={**os.environ, "COLUMNS": "500", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Running(process, _address(process))
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=START_SECONDS)


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            if found := ADDRESS.search(line):
                return found[1]
    finally:
        timer.cancel()
    raise AssertionError(f"the service ended with code {process.wait()} before it answered")


def flight_requests(project: Project, day: str) -> list[str]:
    """Bodies of requests about the flights of a day."""
    rows = project.lake.read("flight_delays/flight_features", [day])
    names = [name for name in columns(FlightRequest) if name in rows.columns]
    return [
        json.dumps({name: plain(row[name]) for name in names}, default=str)
        for row in rows.to_dict("records")
    ]


@dataclass
class Load:
    """Requests that several clients send one after the other.

    Attributes:
        url: address of the service.
        bodies: bodies that are sent in turns.
        at: time as of which they are requested.
        headers: further headers.
        path: path of the address.
        pause: time of a client between an answer and its next request, seconds.
    """

    url: str
    bodies: Sequence[str]
    at: str
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = PREDICT
    pause: float = 0

    def __post_init__(self) -> None:
        """Nothing is sent yet."""
        self.answers: list[httpx.Response] = []
        self.broken = 0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @contextmanager
    def from_clients(self, count: int) -> Iterator["Load"]:
        """Send requests from several clients within the context."""
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(count)]
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def wait_for(self, count: int, seconds: float = 60) -> None:
        """Wait until so many requests were answered."""
        deadline = time.monotonic() + seconds
        while len(self.answers) < count:
            assert time.monotonic() < deadline, f"{len(self.answers)} answers after {seconds} s"
            self._stop.wait(0.01)

    def _send(self, number: int) -> None:
        with httpx.Client(base_url=self.url, timeout=30, headers=dict(self.headers)) as client:
            while not self._stop.is_set():
                body = self.bodies[number % len(self.bodies)]
                number += 1
                try:
                    answer = client.post(self.path, content=body, params={"at": self.at})
                except httpx.TransportError:
                    self.broken += 1
                    return
                self.answers.append(answer)
                self._stop.wait(self.pause)
