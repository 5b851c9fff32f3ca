"""Ensembles over HTTP: equal to batches, told in the answer and the log, and without a member."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from ml_assets.learning.ensembles.answers import Answer
from ml_assets.lineage.logged import trace_uncollected
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.workspace import Workspace
from ml_assets_tests.project import Project
from ml_assets_tests.serving.ensembles import world
from ml_assets_tests.serving.ensembles.conftest import Serve
from ml_assets_tests.serving.parcels import same

pytestmark = pytest.mark.slow

AT = {"at": f"{world.SCORED}T12:00Z"}
HEAVY = {"order": 1, "region": "south", "items": 19.0, "hour": 12.0}
LIGHT = {"order": 2, "region": "north", "items": 1.0, "hour": 12.0}
USUAL = {"order": 3, "region": "north", "items": 9.0, "hour": 12.0}
LATE, BUSY = "It did not answer within 200 ms.", "It has not returned from an earlier request yet."
TABLES = PipelineTables("couriers", "shop/parcels", "shop/heaviness", "is_heavy", ("order",), True)
FAILED = "It failed with ZeroDivisionError."


def log() -> PredictionLog:
    """The prediction log of the project."""
    return Workspace.of_environment().prediction_log


@pytest.mark.parametrize("name", world.BATCHES)
def test_answers_of_a_day_are_its_batch_predictions_bit_for_bit(
    serve: Serve, project: Project, name: str
) -> None:
    client, rows = serve(name), world.requests(project)
    batch = project.lake.read(f"{name}/predictions", [world.SCORED]).set_index("order")

    together = client.post(f"/v1/{name}/predict", json=rows, params=AT)
    alone = [client.post(f"/v1/{name}/predict", json=row, params=AT).json() for row in rows]

    assert together.status_code == 200, together.text
    for row, answer, other in zip(rows, together.json(), alone, strict=True):
        assert (answer["prediction"], answer["ensemble"]) == (
            other["prediction"],
            other["ensemble"],
        )
        if answer["ensemble"]["outcome"] == "refused":
            assert answer["prediction"] is None
            assert row["order"] not in batch.index
        else:
            _same_as(answer, batch.loc[row["order"]])
    outcomes = {answer["ensemble"]["outcome"] for answer in alone}
    assert outcomes >= {"answered", "refused"}
    assert len(batch) == sum(answer["prediction"] is not None for answer in alone)


def _same_as(answer: dict[str, Any], row: "pd.Series[Any]") -> None:
    """An answer has what the batch has."""
    how = answer["ensemble"]
    assert same(answer["prediction"], row["prediction"])
    assert same(how["combined"], row["combined"])
    assert (how["route"], how["outcome"]) == (row["route"], row["outcome"])
    assert json.loads(row["members"]) == {
        name: member["score"] for name, member in how["members"].items()
    }
    assert row["rules"] == ", ".join(one["rule"] for one in how["rules"])
    assert all(member["failure"] == "" for member in how["members"].values())


def test_a_refused_row_has_no_prediction_and_its_reason(serve: Serve) -> None:
    client, key = serve("couriers"), {"Idempotency-Key": "orders"}

    first = client.post("/v1/couriers/predict", json=[HEAVY, LIGHT], params=AT, headers=key)
    again = client.post("/v1/couriers/predict", json=[HEAVY, LIGHT], params=AT, headers=key)

    assert first.status_code == 200, first.text
    assert again.json() == first.json()
    refused, answered = first.json()
    assert refused["prediction"] is None
    assert refused["ensemble"]["outcome"] == "refused"
    assert refused["ensemble"]["rules"] == [{"rule": "heavy_order", "reason": "A lorry takes it."}]
    assert refused["ensemble"]["combined"] > 0.9
    assert answered["prediction"] == 0
    assert [one["rule"] for one in answered["ensemble"]["rules"]] == ["single_item"]
    entries = log().entries(["orders-0", "orders-1"])
    for answer in (refused, answered):
        entry = entries[answer["event_id"]]
        assert entry.prediction == {"prediction": answer["prediction"]}
        assert entry.ensemble == Answer.of_record(answer["ensemble"])
    figures = client.get("/metrics").text
    for line in (
        'ml_assets_ensemble_outcomes_total{outcome="refused",pipeline="couriers"} 1.0',
        'ml_assets_ensemble_rules_total{pipeline="couriers",rule="single_item"} 1.0',
        'ml_assets_ensemble_routes_total{pipeline="couriers",route=""} 2.0',
    ):
        assert line in figures


def test_answers_are_collected_and_refused_rows_have_no_prediction(
    serve: Serve, project: Project, tmp_path: Path
) -> None:
    day = "2024-02-23"
    rows = [HEAVY, *world.requests(project, day)]
    answers = serve("couriers").post(
        "/v1/couriers/predict", json=rows, params={"at": f"{day}T12:00Z"}
    )
    assert answers.status_code == 200, answers.text
    collecting = world.world_definitions(tmp_path / "collecting", predictions="log")

    done = replace(project, definitions=collecting).materialize("group:couriers__predictions", day)

    assert done.succeeded, done.failed_steps
    logged = project.lake.read("couriers/logged_predictions", [day]).set_index("event_id")
    collected = project.lake.read("couriers/predictions", [day]).set_index("prediction_id")
    assert len(logged) == len(rows)
    for answer in answers.json():
        row = logged.loc[answer["event_id"]]
        assert (row["outcome"], row["route"]) == tuple(
            answer["ensemble"][name] for name in ("outcome", "route")
        )
        if answer["prediction"] is None:
            assert pd.isna(row["prediction"])
            assert row["rules"].startswith("heavy_order")
            assert answer["prediction_id"] not in collected.index
        else:
            _same_as(answer, collected.loc[answer["prediction_id"]])
    refused = answers.json()[0]
    found = trace_uncollected(project.lake, log(), TABLES, refused["prediction_id"])
    assert found is not None
    assert found.collect == (
        "The ensemble refused the row, so couriers/predictions has no prediction of it."
    )


def test_a_row_takes_its_route(serve: Serve) -> None:
    row = {**USUAL, "hour": None}

    answer = serve("couriers").post("/v1/couriers/predict", json=row, params=AT).json()

    assert answer["ensemble"]["route"] == "hour_unknown"
    assert [*answer["ensemble"]["members"]] == ["forest", "linear"]
    assert answer["missing"] == ["hour"]


def test_the_openapi_document_says_what_ensembles_answer(serve: Serve) -> None:
    document = serve("couriers").get("/openapi.json").json()

    found = document["paths"]["/v1/couriers/predict"]["post"]["responses"]["200"]["content"]
    examples = found["application/json"]["examples"]
    one = found["application/json"]["schema"]["oneOf"][0]
    for name in ("answered", "refused"):
        value = examples[name]["value"]
        assert {*value} == {*one["properties"]} - {"score"}
        assert {*value["ensemble"]} == {*one["properties"]["ensemble"]["properties"]}
    assert examples["refused"]["value"]["ensemble"]["rules"][0]["reason"] == "A lorry takes it."


def test_a_member_that_fails_is_told_and_the_others_answer(serve: Serve, project: Project) -> None:
    client = serve("with_moody", "with_fallback")
    well = client.post("/v1/with_moody/predict", json=USUAL, params=AT).json()
    (project.data / world.BROKEN).touch()

    answer = client.post("/v1/with_moody/predict", json=USUAL, params=AT)
    other = client.post("/v1/with_fallback/predict", json=USUAL, params=AT)

    assert answer.status_code == 200, answer.text
    assert "secret" not in answer.text
    members = answer.json()["ensemble"]["members"]
    assert members["moody"] == {"score": None, "failure": FAILED}
    scores = [well["ensemble"]["members"][name]["score"] for name in ("boosting", "linear")]
    assert same(answer.json()["prediction"], (2 * scores[0] + scores[1]) / 3)
    assert other.json()["ensemble"]["members"]["moody"] == {"score": 0.25, "failure": FAILED}
    linear = other.json()["ensemble"]["members"]["linear"]["score"]
    assert same(other.json()["prediction"], (3 * linear + 0.25) / 4)
    counted = 'ml_assets_member_failures_total{member="moody",pipeline="with_moody",reason="error"}'
    assert f"{counted} 1.0" in client.get("/metrics").text

    (project.data / world.BROKEN).unlink()
    again = client.post("/v1/with_moody/predict", json=USUAL, params=AT).json()
    assert (again["prediction"], again["ensemble"]) == (well["prediction"], well["ensemble"])


def test_a_request_that_no_member_answers_fails_and_is_not_logged(
    serve: Serve, project: Project
) -> None:
    client, key = serve("moody_alone"), {"Idempotency-Key": "order"}
    (project.data / world.BROKEN).touch()

    failed = client.post("/v1/moody_alone/predict", json=USUAL, params=AT, headers=key)

    assert failed.status_code == 503
    assert failed.headers["Content-Type"] == "application/problem+json"
    assert failed.headers["Retry-After"] == "1"
    assert "No member of the ensemble moody_alone answered" in failed.json()["detail"]
    assert f"moody: {FAILED}" in failed.json()["detail"]
    assert log().find("order") is None
    (project.data / world.BROKEN).unlink()
    answer = client.post("/v1/moody_alone/predict", json=USUAL, params=AT, headers=key)
    assert answer.status_code == 200


def test_a_slow_member_fails_no_request_under_load_and_is_asked_again_when_it_is_fast(
    serve: Serve, project: Project
) -> None:
    client, slow = serve("with_moody"), project.data / world.SLOW
    stop, answers = threading.Event(), list[httpx.Response]()

    def send() -> None:
        while not stop.is_set():
            answers.append(client.post("/v1/with_moody/predict", json=USUAL, params=AT))

    with ThreadPoolExecutor(8) as clients:
        for _ in range(8):
            clients.submit(send)
        try:
            _wait(lambda: len(answers) > 20)
            slow.touch()
            threads = threading.active_count()
            _wait(lambda: sum(BUSY in one.text for one in answers) > 50)
            assert threading.active_count() <= threads
            slow.unlink()
            _wait(lambda: "failure" in answers[-1].text and _failure(answers[-1]) == "")
        finally:
            slow.unlink(missing_ok=True)
            stop.set()

    assert {answer.status_code for answer in answers} == {200}
    told = [_failure(answer) for answer in answers]
    assert {*told} == {"", LATE, BUSY}
    entries = log().entries([answer.json()["event_id"] for answer in answers])
    assert len(entries) == len(answers)
    kept = [entries[answer.json()["event_id"]].ensemble for answer in answers]
    assert [one.members["moody"].failure for one in kept if one] == told
    figures = client.get("/metrics").text
    for reason in ("timeout", "busy"):
        counted = (
            rf'member_failures_total{{member="moody",pipeline="with_moody",reason="{reason}"}} '
        )
        found = re.search(rf"{counted}([0-9.e+]+)", figures)
        assert found
        assert float(found[1]) >= 1


def _failure(answer: httpx.Response) -> str:
    return str(answer.json()["ensemble"]["members"]["moody"]["failure"])


def _wait(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
