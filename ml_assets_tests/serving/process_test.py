"""The service as a process: killed, stopped, asked by a fuzzer, and served a new champion."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ml_assets_tests.prepared import ASKED_FOR, CHAMPION, TRAINING
from ml_assets_tests.project import Project
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
        with running(with_champion.data.parent) as service:
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
    with running(with_champion.data.parent) as service:
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
    with_champion: Project,
) -> None:
    bodies = flight_requests(with_champion, DAY)
    with running(with_champion.data.parent) as service:
        load = Load(service.url, bodies, AT)
        with load.from_clients(4):
            load.wait_for(10)
            done = with_champion.materialize(TRAINING, ASKED_FOR)
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
