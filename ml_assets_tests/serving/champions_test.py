"""Which model answers: the released one, verified; if it cannot be used, the one before, and why."""

import threading
import time
from pathlib import Path
from typing import Self

import pytest
from starlette.testclient import TestClient

from ml_assets.ledger.entries import Status
from ml_assets_tests.project import Project
from ml_assets_tests.serving.conftest import Serve
from ml_assets_tests.serving.parcels import CHAMPION, NEXT, order

PREDICT = "/v1/shop/predict"
AT = {"at": "2024-03-01T00:00Z"}
SWAP_SECONDS = 30
"""Limit of a test; the promise of five seconds is measured by process_test."""


def model_file(project: Project, as_of: str) -> Path:
    """The file of the model of a day."""
    fingerprint = project.entries("shop/model")[as_of].content_hash
    return project.data / "models" / "shop" / "model" / fingerprint / "model.skops"


def damage(file: Path) -> None:
    """Change the last byte of a file."""
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


class Asking:
    """A client that asks until it is stopped, in a thread."""

    def __init__(self, client: TestClient) -> None:
        self.client, self.answers = client, list[tuple[int, str]]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            answer = self.client.post(PREDICT, json=order(), params=AT)
            self.answers.append((answer.status_code, answer.json().get("model_as_of", "")))


def wait_until(client: TestClient, as_of: str, problem: str) -> dict[str, object]:
    """The description, as soon as the model of a day answers and the problem is told."""
    deadline = time.monotonic() + SWAP_SECONDS
    while True:
        found: dict[str, object] = client.get("/v1/shop").json()
        champion = found["champion"]
        assert isinstance(champion, dict)
        if champion["as_of"] == as_of and problem in str(found["problem"]):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def release(project: Project, as_of: str) -> None:
    """Train and release the model of a day."""
    done = project.materialize("group:shop__training or group:shop__release", as_of)
    assert done.succeeded, done.failed_steps


@pytest.mark.slow
def test_a_released_challenger_answers_without_a_failed_request(
    serve: Serve, project: Project
) -> None:
    client = serve()
    with Asking(client) as asking:
        release(project, NEXT)
        wait_until(client, NEXT, "")
        client.post(PREDICT, json=order(), params=AT)

    assert {status for status, _ in asking.answers} == {200}
    assert {model for _, model in asking.answers} <= {CHAMPION, NEXT}
    assert client.post(PREDICT, json=order(), params=AT).json()["model_as_of"] == NEXT


def test_a_released_model_with_an_altered_file_never_answers(
    serve: Serve, project: Project
) -> None:
    client = serve()
    with Asking(client) as asking:
        done = project.materialize(
            'group:shop__training or key:"shop/comparison" or key:"shop/fairness" or '
            'key:"shop/release_decision" or key:"shop/approvals"',
            NEXT,
        )
        assert done.succeeded, done.failed_steps
        damage(model_file(project, NEXT))
        project.materialize('key:"shop/champion"', NEXT)
        assert project.entries("shop/champion")[NEXT].status is Status.STORED
        found = wait_until(client, CHAMPION, "was altered")

    assert {*asking.answers} == {(200, CHAMPION)}
    assert "model.skops" in str(found["problem"])
    assert client.get("/readyz").status_code == 200
    assert 'ml_assets_champion_refused{pipeline="shop"} 1.0' in client.get("/metrics").text


def test_a_service_whose_only_model_is_altered_says_so_and_answers_when_it_is_restored(
    serve: Serve, project: Project
) -> None:
    file = model_file(project, CHAMPION)
    content = file.read_bytes()
    damage(file)
    client = serve()

    refused, ready = client.post(PREDICT, json=order(), params=AT), client.get("/readyz")
    file.write_bytes(content)
    deadline = time.monotonic() + SWAP_SECONDS
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert (refused.status_code, ready.status_code) == (503, 503)
    assert "was altered after it was stored" in ready.json()["detail"]
    assert "GET /v1/shop says why" in refused.json()["detail"]
    assert client.post(PREDICT, json=order(), params=AT).status_code == 200


def test_a_champion_that_was_altered_by_hand_does_not_answer(
    serve: Serve, project: Project
) -> None:
    rows = project.lake.read("shop/release_decision", [CHAMPION])
    project.lake.write("shop/release_decision", rows.assign(challenger="another"), [CHAMPION])
    client = serve()

    assert "was altered after it was stored" in client.get("/readyz").json()["detail"]


def test_a_lost_ledger_leaves_the_model_in_service(
    serve: Serve, project: Project, tmp_path: Path
) -> None:
    client = serve()
    ledger = project.data / "ledger.db"
    ledger.rename(tmp_path / "ledger.db")
    ledger.write_bytes(b"no database" * 100)

    found = wait_until(client, CHAMPION, "cannot be used as the ledger")
    answer = client.post(PREDICT, json=order(), params=AT)

    assert answer.status_code == 200, found


def test_keys_that_cannot_be_read_refuse_requests(serve: Serve, project: Project) -> None:
    client = serve(requires_key=True)
    (project.data / "ledger.db").write_bytes(b"no database" * 100)

    key = f"mla_{'0' * 16}_{'0' * 64}"
    answer = client.post(
        PREDICT, json=order(), params=AT, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 503
    assert "API keys cannot be read" in answer.json()["detail"]
