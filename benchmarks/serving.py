"""What the service answers in a second, and how long a request waits, beside ``mlflow models serve`` of the same model.

python -m benchmarks.serving [--data FOLDER] [--seconds 60]    FOLDER: what a finished ``make demo`` left

A request is about a flight of the day after the last one, which is in no table. API keys are required, and every
answer is in the prediction log on the disk before it is sent. MLflow serves the folder of the same model from an
environment of its own, which pip installs for the run; it gets all features with the request and logs nothing.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import psutil

from benchmarks.http_load import Load, Plan, measure
from benchmarks.prediction_log import fsync
from ml_assets.online.values import plain
from ml_assets.serving.keys import ApiKeys
from ml_assets.serving.served import ServedPipeline
from ml_assets.settings import Settings
from ml_assets.workspace import Workspace

PIPELINE, FEATURES = "flight_delays", "flight_delays/flight_features"
LAST_DAY = "2013-05-31"
"""Last day of the demo; the online store knows what was known at its end."""

A_DAY = timedelta(days=1)
CLIENTS, MLFLOW_CLIENTS = (1, 8, 32), (1, 8)
WARM_UP_SECONDS, START_SECONDS = 2.0, 120.0
MLFLOW = (
    "mlflow==3.17.2",
    *(f"{name}=={version(name)}" for name in ("numpy", "pandas", "scikit-learn", "skops")),
)
NOT_COPIED = (
    "backtests",
    "checkpoints",
    "dagster",
    "prediction_log.db*",
    "source.db",
    "source_files",
)


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        port: its port on this machine.
        process: its process, which may have children.
    """

    port: int
    process: psutil.Process

    @property
    def cpu(self) -> float:
        """CPU seconds of the process and its children until now."""
        times = [
            each.cpu_times() for each in (self.process, *self.process.children(recursive=True))
        ]
        return sum(each.user + each.system for each in times)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The answer to a GET request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers=headers or {}
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.read()


@dataclass(frozen=True)
class Measured:
    """One row of the table.

    Attributes:
        load: what the clients saw.
        cpu_ms: CPU of the server for each answer.
        fsync: p50 and p99 in ms of the disk, before the load.
    """

    load: Load
    cpu_ms: float
    fsync: tuple[float, float]


def main() -> int:
    """Measure, print the table, end with 1 when a budget is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.data.parent, prefix="benchmark-") as name:
        home = Path(name) / "data"
        shutil.copytree(given.data, home, ignore=shutil.ignore_patterns(*NOT_COPIED))
        workspace = Workspace(Settings(data=home))
        day = workspace.lake.days_stored(FEATURES)[-1]
        rows = workspace.lake.read(FEATURES, [day])
        _, key = ApiKeys(workspace.settings.ledger_url).create("benchmark", [PIPELINE], None)
        authorization = {"Authorization": f"Bearer {key}"}
        with service(home, [PIPELINE]) as server:
            described = json.loads(server.get(f"/v1/{PIPELINE}", authorization))
            ours = _measured(
                server,
                CLIENTS,
                requests_of(PIPELINE, rows, day, authorization),
                given.seconds,
                home,
            )
        fingerprint = described["champion"]["fingerprint"]
        model = workspace.models.intact_folder(f"{PIPELINE}/model", fingerprint)
        with _mlflow(Path(name) / "mlflow", model) as server:
            requests = _mlflow_requests(rows, described["features"])
            theirs = _measured(server, MLFLOW_CLIENTS, requests, given.seconds, home)
    _print("ours", ours)
    _print("MLflow", theirs, has_head=False)
    return _judge(ours, theirs)


def _measured(
    server: Server, clients: Sequence[int], requests: Sequence[str], seconds: float, folder: Path
) -> dict[int, Measured]:
    """Number of clients → what was measured."""
    measure(Plan(server.port, 1, WARM_UP_SECONDS, requests))
    found = {}
    for count in clients:
        disk = fsync(folder / "probe")
        before = server.cpu
        load = measure(Plan(server.port, count, seconds, requests))
        found[count] = Measured(load, 1000 * (server.cpu - before) / load.answers, disk)
    return found


def _print(name: str, measured: Mapping[int, Measured], *, has_head: bool = True) -> None:
    if has_head:
        print(
            "| | clients | answers/s | p50, ms | p99, ms | errors | CPU of an answer, ms | fsync p50 / p99, ms |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for clients, one in measured.items():
        load, disk = one.load, one.fsync
        print(
            f"| {name} | {clients} | {load.rate:.0f} | {load.p50:.1f} | {load.p99:.1f} | "
            f"{sum(load.errors.values())} | {one.cpu_ms:.2f} | {disk[0]:.1f} / {disk[1]:.1f} |"
        )


def _judge(ours: Mapping[int, Measured], theirs: Mapping[int, Measured]) -> int:
    """Print each budget and whether it holds; 1 if one does not."""
    ratio = ours[8].load.rate / theirs[8].load.rate
    errors = sum(sum(one.load.errors.values()) for one in ours.values())
    budgets = [
        ("8 clients, times MLflow's rate", ratio, 10, ratio >= 10),
        *(
            (f"{clients} clients, {name}, ms", value, limit, value <= limit)
            for clients, name, value, limit in (
                (1, "p50", ours[1].load.p50, 5),
                (8, "p50", ours[8].load.p50, 12),
                (8, "p99", ours[8].load.p99, 40),
                (32, "p99", ours[32].load.p99, 200),
            )
        ),
        ("errors", errors, 0, errors == 0),
    ]
    print("\n| budget | value | limit | holds |\n| --- | --- | --- | --- |")
    for name, value, limit, holds in budgets:
        print(f"| {name} | {value:.1f} | {limit} | {'yes' if holds else 'no'} |")
    return int(not all(holds for *_, holds in budgets))


def requests_of(
    name: str, rows: pd.DataFrame, day: str, headers: Mapping[str, str], at: datetime | None = None
) -> list[str]:
    """A request for each flight of a day, as one of the day after the demo.

    Args:
        name: a pipeline that predicts flights.
        rows: features of the flights.
        day: their day.
        headers: of each request.
        at: what is known at this time is used; by default, at the end of the demo.
    """
    pipeline = ServedPipeline.of(name)
    at = at or pipeline.calendar.bounds(LAST_DAY)[1]
    path = f"/v1/{name}/predict?at={at:%Y-%m-%dT%H:%MZ}"
    later_by = pd.Timestamp(LAST_DAY) - pd.Timestamp(day) + A_DAY
    departs, scheduled = rows["departs_at"] + later_by, rows["scheduled_minutes"]
    later = rows.assign(
        time_hour=rows["time_hour"] + later_by,
        departs_at=departs,
        arrives_at=departs + pd.to_timedelta(scheduled, unit="min"),
    )
    given = later[list(pipeline.required_rules)].to_dict("records")
    return [_request(path, _json(row), headers) for row in given]


def _mlflow_requests(rows: pd.DataFrame, features: Sequence[str]) -> list[str]:
    return [
        _request("/invocations", {"dataframe_records": [_json(row)]}, {})
        for row in rows[[*features]].to_dict("records")
    ]


def _json(row: Mapping[Any, Any]) -> dict[str, Any]:
    values = {name: plain(value) for name, value in row.items()}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _request(path: str, content: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    body = json.dumps(content)
    lines = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": len(body),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n{body}"


@contextmanager
def service(home: Path, pipelines: Sequence[str]) -> Iterator[Server]:
    """``ml-assets serve``.

    Args:
        home: a copy of the data.
        pipelines: what it serves.
    """
    port = _free_port()
    words = ["serve", *pipelines, "--require-keys", "--replay", "--port", str(port)]
    program = str(Path(sys.executable).with_name("ml-assets"))
    environment = {**os.environ, "ML_ASSETS_DATA": str(home)}
    with _started([program, *words], environment, port, "/readyz") as server:
        yield server


@contextmanager
def _mlflow(environment: Path, model: Path) -> Iterator[Server]:
    """``mlflow models serve`` of a model's folder."""
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    programs = environment / "bin"
    subprocess.run([str(programs / "pip"), "install", "-qq", *MLFLOW], check=True)
    port = _free_port()
    options = ["--env-manager", "local", "--port", str(port)]
    command = [str(programs / "mlflow"), "models", "serve", "-m", str(model), *options]
    variables = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    with _started(command, variables, port, "/ping") as server:
        yield server


@contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], port: int, ready: str
) -> Iterator[Server]:
    """A server in a process group of its own, from its first answer until it is ended."""
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            server = Server(port, psutil.Process(process.pid))
            deadline = time.monotonic() + START_SECONDS
            while not _answers(server, ready):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{' '.join(command)} did not answer.")
                time.sleep(0.2)
            yield server
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _answers(server: Server, path: str) -> bool:
    try:
        server.get(path)
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
