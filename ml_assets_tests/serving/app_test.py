"""Requests over HTTP: answers, and the error of each wrong request."""

import json
import re
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pandas as pd
import pytest
from starlette.testclient import TestClient

from ml_assets.online.prediction_log.writer import SESSION_SECONDS
from ml_assets.serving.keys import ApiKeys
from ml_assets_tests.project import Project
from ml_assets_tests.serving.conftest import Serve
from ml_assets_tests.serving.parcels import CHAMPION, LAST, order, same

PREDICT = "/v1/shop/predict"
AT = {"at": "2024-03-01T00:00Z"}
"""The time at which all data is known and fresh."""


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem of an answer with a status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    return found


def test_one_row_is_answered_with_model_ages_and_time(service: TestClient) -> None:
    answer = service.post(PREDICT, json=order(), params=AT)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["model_as_of"] == CHAMPION
    assert found["ages_seconds"] == {"shop/region_state": 0.0}
    assert (found["stale"], found["missing"], found["logged"]) == ([], [], True)
    assert 5 < found["prediction"] < 11


def test_answers_of_a_day_are_its_batch_predictions_bit_for_bit(
    serve: Serve, project: Project
) -> None:
    done = project.materialize('key:"shop/predictions"', LAST)
    assert done.succeeded, done.failed_steps
    batch = project.lake.read("shop/predictions", [LAST])
    rows = project.lake.read("shop/parcels", [LAST])
    requests = json.loads(rows[["order", "region", "items", "hour"]].to_json(orient="records"))

    client = serve()
    together = client.post(PREDICT, json=requests, params={"at": "2024-02-29T23:59Z"})
    late = client.post(PREDICT, json=requests, params=AT)

    assert {row["missing"][0] for row in together.json()} == {"usual_items"}
    answers = pd.DataFrame(late.json()).merge(batch, on="model_as_of", suffixes=("", "_batch"))
    assert late.status_code == 200
    by_order = dict(zip(batch["order"], batch["prediction"], strict=True))
    for request, answer in zip(requests, late.json(), strict=True):
        assert same(answer["prediction"], by_order[request["order"]])
    assert len(answers)


def test_the_same_key_is_answered_with_the_logged_prediction_and_logged_once(
    serve: Serve, project: Project
) -> None:
    client, key = serve(), {"Idempotency-Key": "order-1"}

    first = client.post(PREDICT, json=order(), params=AT, headers=key)
    again = client.post(PREDICT, json=order(), params={"at": "2024-02-29T12:00Z"}, headers=key)
    other = client.post(PREDICT, json=order(items=5.0), params=AT, headers=key)

    assert first.json() == again.json()
    assert "used for another request" in problem(other, 422)["detail"]
    with closing(sqlite3.connect(project.data / "prediction_log.db")) as log:
        assert log.execute("SELECT count(*) FROM logged_predictions").fetchall() == [(1,)]


def test_a_key_of_another_request_logs_nothing_and_a_repeat_is_counted_once(
    serve: Serve, project: Project
) -> None:
    client, key = serve(), {"Idempotency-Key": "orders"}
    two = [order(1), order(2)]

    first = client.post(PREDICT, json=two, params=AT, headers=key).json()
    again = client.post(PREDICT, json=two, params=AT, headers=key).json()
    other = client.post(PREDICT, json=[*two, order(3), order(9)], params=AT, headers=key)
    changed = client.post(PREDICT, json=[order(1), order(4)], params=AT, headers=key)

    assert again == first
    assert other.status_code == 200, "the same rows and more are no other rows"
    problem(changed, 422)
    with closing(sqlite3.connect(project.data / "prediction_log.db")) as log:
        ids = {one for (one,) in log.execute("SELECT event_id FROM logged_predictions")}
    assert ids == {"orders-0", "orders-1", "orders-2", "orders-3"}
    figures = client.get("/metrics").text
    assert re.search(r"ml_assets_predictions_total.* 4\.0", figures)


@pytest.mark.parametrize("at", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"])
def test_a_time_beyond_the_calendar_is_refused(service: TestClient, at: str) -> None:
    answer = service.post(PREDICT, json=order(), params={"at": at})

    assert "which no calendar has" in problem(answer, 400)["detail"]


def test_a_row_of_the_calendars_last_day_is_refused(service: TestClient) -> None:
    answer = service.post(PREDICT, json=order(), params={"at": "9999-12-31T22:00Z"})

    assert "no time of a partition" in problem(answer, 422)["detail"]


def test_a_log_that_is_deleted_is_noticed(serve: Serve, project: Project) -> None:
    client = serve()
    assert client.post(PREDICT, json=order(), params=AT).status_code == 200
    for file in project.data.glob("prediction_log.db*"):
        file.unlink()
    time.sleep(SESSION_SECONDS)

    answers = [client.post(PREDICT, json=order(n), params=AT) for n in (2, 3)]

    detail = problem(answers[-1], 503)["detail"]
    assert "could not be logged" in detail


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        pytest.param({"items": None}, "items: must not be null", id="missing"),
        pytest.param({"items": "four"}, "items: must be float64", id="wrong type"),
        pytest.param({"hour": True}, "hour: must be int64", id="bool"),
        pytest.param({"hour": 24}, "hour: less_than_or_equal_to(23)", id="out of range"),
        pytest.param({"hour": [20]}, "hour: must be int64", id="list"),
        pytest.param(
            {"itmes": 3}, "itmes: is no column of a request. Did you mean 'items'?", id="unknown"
        ),
        pytest.param({"usual_items": -1}, "usual_items: greater_than_or_equal_to(0)", id="feature"),
    ],
)
def test_a_wrong_row_is_told_by_the_rule_of_a_dead_letter(
    service: TestClient, changes: dict[str, Any], rule: str
) -> None:
    answer = service.post(PREDICT, json=[order(1), order(2, **changes)], params=AT)

    found = problem(answer, 422)
    assert [(error["row"], error["rule"]) for error in found["errors"]] == [(1, rule)]
    assert "1 of 2 rows break the contract" in found["detail"]


@pytest.mark.parametrize("name", ["x" * 100_000, "it" * 50_000])
def test_a_long_name_and_a_long_number_are_shortened(serve: Serve, name: str) -> None:
    answer = serve().post(PREDICT, json=order(items=10**4000, **{name: name}), params=AT)

    assert len(problem(answer, 422)["errors"]) == 2
    assert len(answer.content) < 1500


def test_a_missing_field_is_told(service: TestClient) -> None:
    row = order()
    del row["hour"]

    assert problem(service.post(PREDICT, json=row), 422)["errors"] == [
        {"row": 0, "column": "hour", "rule": "hour: must not be null", "value": None}
    ]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(service: TestClient, number: str) -> None:
    body = json.dumps(order(items=0)).replace("0", number, 1)

    assert "The body is no JSON" in problem(service.post(PREDICT, content=body), 400)["detail"]


def test_a_number_that_is_too_large_is_refused(service: TestClient) -> None:
    body = json.dumps(order()).replace("4.0", "1e999")

    assert service.post(PREDICT, content=body).status_code in {400, 422}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param(b"", "The body is no JSON", id="empty"),
        pytest.param(b"{", "The body is no JSON", id="cut"),
        pytest.param(b"\xff{}", "The body is no JSON", id="no UTF-8"),
        pytest.param(b"[]", "The list has no rows", id="no rows"),
        pytest.param(b"3", "another form", id="number"),
        pytest.param(b"[[]]", "another form", id="list of lists"),
    ],
)
def test_a_body_of_another_form_is_told(service: TestClient, body: bytes, detail: str) -> None:
    assert detail in problem(service.post(PREDICT, content=body), 400)["detail"]


def test_too_many_rows_and_too_many_bytes_are_refused(service: TestClient) -> None:
    many = service.post(PREDICT, json=[{}] * 10_001)
    large = service.post(PREDICT, content=b" " * 10 * 2**20)
    streamed = service.post(PREDICT, content=iter([b" " * 2**20] * 10))

    assert "10,001 rows, at most 10,000" in problem(many, 413)["detail"]
    for answer in (large, streamed):
        assert "more than 8,388,608 bytes" in problem(answer, 413)["detail"]


def test_ten_thousand_rows_are_answered(serve: Serve) -> None:
    rows = [order(number, items=float(number % 50)) for number in range(10_000)]

    answer = serve(limits={"seconds": 60}).post(PREDICT, json=rows, params=AT)

    assert answer.status_code == 200, answer.text[:500]
    assert len(answer.json()) == 10_000


def test_unknown_pipelines_and_addresses_are_told(service: TestClient) -> None:
    assert "Did you mean 'shop'?" in problem(service.post("/v1/shpo/predict"), 404)["detail"]
    assert "Expected one of shop" in problem(service.get("/v1/other"), 404)["detail"]
    problem(service.get("/nothing"), 404)
    problem(service.post(f"{PREDICT}/"), 404)
    problem(service.get(PREDICT), 405)


def test_an_unseen_category_is_predicted_and_an_unknown_entity_flagged(service: TestClient) -> None:
    answer = service.post(PREDICT, json=order(region="the moon"), params=AT).json()

    assert answer["missing"] == ["usual_items"]
    assert answer["ages_seconds"] == {"shop/region_state": None}


def test_a_request_may_contain_a_feature_itself(service: TestClient) -> None:
    given = service.post(PREDICT, json=order(region="the moon", usual_items=9.5), params=AT).json()

    assert given["missing"] == []


@pytest.mark.parametrize("on_stale", ["tell", "refuse"])
def test_stale_values_are_told_or_refused(serve: Serve, on_stale: str) -> None:
    answer = serve(serving={"on_stale": on_stale}).post(
        PREDICT, json=order(), params={"at": "2024-03-03T00:00:01Z"}
    )

    if on_stale == "tell":
        assert answer.json()["stale"] == ["shop/region_state"]
    else:
        found = problem(answer, 503)["detail"]
        assert "shop/region_state (172,801 s old)" in found


def test_only_a_replay_lets_requests_name_their_time(serve: Serve) -> None:
    answer = serve(is_replay=False).post(PREDICT, json=order(), params=AT)

    assert "--replay" in problem(answer, 400)["detail"]


def test_a_time_that_is_none_is_told(service: TestClient) -> None:
    answer = service.post(PREDICT, json=order(), params={"at": "noon"})

    assert "at is 'noon', which is no time" in problem(answer, 400)["detail"]


def test_the_description_has_champion_contract_and_freshness(service: TestClient) -> None:
    found = service.get("/v1/shop").json()

    assert found["champion"]["as_of"] == CHAMPION
    assert found["champion"]["served_by"] == "treelite"
    assert found["request"]["properties"]["hour"]["maximum"] == 23
    assert found["freshness"] == [
        {
            "table": "shop/region_state",
            "newest": "2024-03-01T00:00:00+00:00",
            "ttl_seconds": 172_800.0,
        }
    ]


def test_health_and_figures(serve: Serve) -> None:
    client = serve()
    client.post(PREDICT, json=order(), params=AT)
    client.post(PREDICT, json={})

    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}
    figures = client.get("/metrics").text
    assert 'ml_assets_requests_total{pipeline="shop",status="200"} 1.0' in figures
    assert 'ml_assets_requests_total{pipeline="shop",status="422"} 1.0' in figures
    assert f'as_of="{CHAMPION}"' in figures


def test_the_example_of_the_openapi_document_is_answered(service: TestClient) -> None:
    document = service.get("/openapi.json").json()
    body = document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]

    assert service.post(PREDICT, json=body["example"]).status_code == 200
    problem(service.get("/docs"), 404)


@pytest.mark.parametrize("requires_key", [True, False], ids=["required", "optional"])
def test_the_openapi_document_names_the_api_keys(serve: Serve, requires_key: bool) -> None:
    document = serve(requires_key=requires_key).get("/openapi.json").json()

    schemes = document["components"]["securitySchemes"]
    assert [(one["type"], one["scheme"]) for one in schemes.values()] == [("http", "bearer")]
    [name] = schemes
    expected = [{name: []}] if requires_key else [{}, {name: []}]
    found = {
        path: (operation.get("security"), {"401", "403"} & operation["responses"].keys())
        for path, methods in document["paths"].items()
        for operation in methods.values()
    }
    assert found == {
        PREDICT: (expected, {"401", "403"}),
        "/v1/shop": (expected, {"401", "403"}),
        "/metrics": (expected, {"401"}),
        "/healthz": (None, set()),
        "/readyz": (None, set()),
    }


def test_a_locked_log_refuses_and_is_written_again_when_it_is_free(
    serve: Serve, project: Project
) -> None:
    client = serve()
    assert client.post(PREDICT, json=order(), params=AT).status_code == 200
    with closing(sqlite3.connect(project.data / "prediction_log.db")) as log:
        log.execute("BEGIN IMMEDIATE")
        refused = client.post(PREDICT, json=order(2), params=AT)
        log.rollback()

    found = problem(refused, 503)
    assert "The prediction could not be logged, so it is not answered" in found["detail"]
    assert refused.headers["Retry-After"] == "1"
    assert client.post(PREDICT, json=order(2), params=AT).status_code == 200


def test_it_is_not_ready_while_the_log_cannot_be_written(serve: Serve, project: Project) -> None:
    client = serve()
    assert client.post(PREDICT, json=order(), params=AT).status_code == 200
    with closing(sqlite3.connect(project.data / "prediction_log.db")) as log:
        log.execute("BEGIN IMMEDIATE")
        before = client.get("/readyz").status_code
        client.post(PREDICT, json=order(2), params=AT)
        locked = client.get("/readyz")
        log.rollback()

    assert before == 200, "nothing was to be written"
    assert (
        "The prediction log does not answer: database is locked" in problem(locked, 503)["detail"]
    )
    assert client.get("/readyz").status_code == 200, "without another request"


def test_it_is_ready_without_a_log_that_it_may_do_without(serve: Serve, project: Project) -> None:
    client = serve(serving={"on_log_failure": "answer"})
    with closing(sqlite3.connect(project.data / "prediction_log.db")) as log:
        log.execute("BEGIN IMMEDIATE")
        client.post(PREDICT, json=order(), params=AT)
        ready = client.get("/readyz")
        log.rollback()

    assert ready.status_code == 200


def test_it_is_not_ready_without_its_online_store(serve: Serve, project: Project) -> None:
    client = serve()
    assert client.get("/readyz").status_code == 200
    for file in project.data.glob("online.db*"):
        file.unlink()

    told = [client.get("/readyz"), client.post(PREDICT, json=order(), params=AT)]

    for answer in told:
        detail = problem(answer, 503)["detail"]
        assert "The online store does not answer" in detail
        assert "ml-assets online materialize TABLE --until DAY" in detail


def test_it_is_not_ready_while_nothing_is_online_of_a_table(serve: Serve, project: Project) -> None:
    with closing(sqlite3.connect(project.data / "online.db")) as store:
        store.execute("DELETE FROM online_rows")
        store.commit()

    detail = problem(serve().get("/readyz"), 503)["detail"]

    assert detail.startswith("No row of shop/region_state is online.")
    assert "ml-assets online materialize shop/region_state --until DAY" in detail


def test_a_pipeline_may_answer_unlogged(serve: Serve, project: Project) -> None:
    client = serve(serving={"on_log_failure": "answer"})
    assert client.post(PREDICT, json=order(), params=AT).status_code == 200
    with closing(sqlite3.connect(project.data / "prediction_log.db")) as log:
        log.execute("BEGIN IMMEDIATE")
        answer = client.post(PREDICT, json=order(2), params=AT)
        log.rollback()

    assert (answer.status_code, answer.json()["logged"]) == (200, False)
    assert (
        'ml_assets_unlogged_predictions_total{pipeline="shop"} 1.0' in client.get("/metrics").text
    )


def with_key(client: TestClient, key: str) -> httpx.Response:
    """A request with an API key."""
    headers = {"Authorization": f"Bearer {key}"}
    return client.post(PREDICT, json=order(), params=AT, headers=headers)


def test_only_valid_keys_of_the_pipeline_are_answered(serve: Serve, project: Project) -> None:
    keys = ApiKeys(f"sqlite:///{project.data / 'ledger.db'}")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    _, valid = keys.create("valid", ["shop"], tomorrow)
    _, other = keys.create("other", ["bakery"], tomorrow)
    _, expired = keys.create("expired", [], datetime.now(UTC))
    revoked, text = keys.create("revoked", [], None)
    keys.revoke(revoked.id)
    client = serve(requires_key=True)

    assert with_key(client, valid).status_code == 200
    assert "is for bakery, not for shop" in problem(with_key(client, other), 403)["detail"]
    assert "is expired" in problem(with_key(client, expired), 401)["detail"]
    assert "is revoked" in problem(with_key(client, text), 401)["detail"]
    for wrong in (f"{valid[:-1]}{'0' if valid[-1] != '0' else '1'}", "", "mla_"):
        problem(with_key(client, wrong), 401)
    missing = client.post(PREDICT, json=order(), params=AT)
    assert "No API key was sent" in problem(missing, 401)["detail"]
    assert missing.headers["WWW-Authenticate"] == "Bearer"
    problem(client.get("/metrics"), 401)
    assert client.get("/healthz").status_code == 200
