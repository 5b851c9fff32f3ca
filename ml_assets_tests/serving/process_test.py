"""The service as a process: killed, stopped, asked by a fuzzer, and served a new champion."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ml_assets_tests.prepared import ASKED_FOR, CHAMPION, RELEASED, assets
from ml_assets_tests.project import Project
from ml_assets_tests.serving.forks import forked
from ml_assets_tests.serving.processes import PREDICT, Load, flight_requests, running

pytestmark = pytest.mark.slow

DAY, AT = "2013-02-14", "2013-02-15T05:30Z"
KILLS = 10


def logged(project: Project) -> Counter[str]:
    """Event id → number of rows of the prediction log."""
    with closing(sqlite3.connect(project.data / "prediction_log.db")) as log:
        return Counter(one for (one,) in log.execute("SELECT event_id FROM logged_predictions"))


def test_what_was_acknowledged_is_logged_once_after_ten_kills(with_champion: Project) -> None:
    bodies = flight_requests(with_champion, DAY)
    acknowledged: list[str] = []
    for kill in range(KILLS):
        with forked(with_champion.data.parent) as service:
            load = Load(service.url, bodies, AT)
            with load.from_clients(8):
                load.wait_for(20 + 13 * kill)
                service.kill()
            assert load.broken, "no request was open when the service was killed"
            assert {answer.status_code for answer in load.answers} == {200}
            acknowledged += [answer.json()["event_id"] for answer in load.answers]

    found = logged(with_champion)
    assert len(acknowledged) == len({*acknowledged}) > 20 * KILLS
    assert {found[event_id] for event_id in acknowledged} == {1}


def test_open_requests_are_answered_when_it_is_stopped(with_champion: Project) -> None:
    bodies = flight_requests(with_champion, DAY)
    many = "[" + ",".join(bodies * 3) + "]"
    with running(with_champion.data.parent) as service:
        load = Load(service.url, [many], AT)
        with load.from_clients(1):
            time.sleep(0.3)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(60) == 0

    assert [answer.status_code for answer in load.answers][:1] == [200]


def test_a_body_that_does_not_arrive_delays_the_end_by_a_second(with_champion: Project) -> None:
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n".encode()
    with running(with_champion.data.parent) as service:
        url = httpx.URL(service.url)
        address = (url.host, url.port or 0)
        with socket.create_connection(address) as silent, socket.create_connection(address):
            silent.sendall(head)
            while httpx.get(f"{service.url}/healthz").status_code != 200:
                pass
            begin = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            code, took = service.process.wait(60), time.monotonic() - begin
            told = silent.makefile("rb").read()

    assert code == 0
    assert took < 5
    assert told.startswith(b"HTTP/1.1 503 ")
    assert b"The service is being stopped" in told


CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)


def test_a_fuzzer_gets_documented_answers_only(with_champion: Project, tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("schemathesis"))
    with forked(with_champion.data.parent) as service:
        arguments = ["--checks", ",".join(CHECKS), "--max-examples", "40", "--seed", "0"]
        found = subprocess.run(
            [program, "run", f"{service.url}/openapi.json", *arguments, "--no-color"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    assert found.returncode == 0, found.stdout
    assert "predict" in found.stdout


def test_a_new_champion_answers_within_five_seconds_without_a_failed_request(
    measured: Project,
) -> None:
    bodies = flight_requests(measured, DAY)
    with forked(measured.data.parent) as service:
        load = Load(service.url, bodies, AT, pause=0.02)
        with load.from_clients(4):
            load.wait_for(10)
            done = measured.materialize(assets("release_decision", *RELEASED), ASKED_FOR)
            assert done.succeeded, done.failed_steps
            released = time.monotonic()
            with httpx.Client(base_url=service.url) as client:
                body = {"content": bodies[0], "params": {"at": AT}}
                while client.post(PREDICT, **body).json()["model_as_of"] == CHAMPION:
                    assert time.monotonic() < released + 30
                took = time.monotonic() - released
            load.wait_for(len(load.answers) + 10)

    assert took < 5
    assert {answer.status_code for answer in load.answers} == {200}
    models = [json.loads(answer.content)["model_as_of"] for answer in load.answers]
    assert {*models} == {CHAMPION, ASKED_FOR}


def test_without_its_registry_a_model_is_not_served_and_the_reason_told(
    with_champion: Project,
) -> None:
    registry = with_champion.data / "mlflow.db"
    content = registry.read_bytes()
    registry.write_bytes(b"no database" * 100)
    with (
        forked(with_champion.data.parent) as service,
        httpx.Client(base_url=service.url) as client,
    ):
        refused = client.get("/readyz")
        registry.write_bytes(content)
        deadline = time.monotonic() + 30
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
        registry.unlink()
        body = flight_requests(with_champion, DAY)[0]
        answered = client.post(PREDICT, content=body, params={"at": AT})

    assert refused.status_code == 503
    assert "registry" in refused.json()["detail"]
    assert answered.status_code == 200
