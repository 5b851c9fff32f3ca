"""Answers of a service about flights, traced to source days before anything collects them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ml_assets.serving.app import create_app
from ml_assets.serving.served import ServedPipeline
from ml_assets.serving.service import Service
from ml_assets.serving.transfer import Bodies
from ml_assets.settings import ServingLimits
from ml_assets.workspace import Workspace
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.prepared import CHAMPION
from ml_assets_tests.project import Project, overridden
from ml_assets_tests.serving.processes import PREDICT, flight_requests

DAY, AT = "2013-02-14", "2013-02-15T05:30Z"


@pytest.fixture
def client(with_champion: Project) -> Iterator[TestClient]:
    """A service that answers about flights."""
    assert with_champion.data.exists()
    limits = ServingLimits()
    pipeline = ServedPipeline.of("flight_delays")
    service = Service(
        Workspace.of_environment(), [pipeline], limits, requires_key=False, is_replay=True
    )
    with TestClient(create_app(service, Bodies(limits))) as found:
        yield found


def answered(client: TestClient, project: Project, at: str = AT) -> dict[str, Any]:
    """The answer about an extra flight."""
    asked = json.loads(flight_requests(project, DAY)[0])
    answer = client.post(
        PREDICT, json={**asked, "flight": 9001, "arrives_at": None}, params={"at": at}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_request_whose_times_contradict_each_other_is_refused(
    client: TestClient, with_champion: Project
) -> None:
    asked = json.loads(flight_requests(with_champion, DAY)[0])

    answer = client.post(
        PREDICT, json={**asked, "arrives_at": None, "time_hour": "2013-02-14T02:00Z"}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"row": 0, "rule": "departs_at_is_in_the_hour_of_time_hour"}]


@pytest.mark.parametrize("text", ["x" * 1001, "OR\0D"], ids=["long", "control"])
def test_texts_of_a_request_are_checked_as_those_of_a_source(
    client: TestClient, with_champion: Project, text: str
) -> None:
    asked = json.loads(flight_requests(with_champion, DAY)[0])

    answer = client.post(PREDICT, json={**asked, "arrives_at": None, "dest": text})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["column"] == "dest"


def test_an_answer_is_traced_to_the_rows_and_source_days_that_it_looked_up(
    client: TestClient, with_champion: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = answered(client, with_champion)
    asked = ("trace", "flight_delays", "--prediction", answer["prediction_id"])

    shown = ml_assets(with_champion.data.parent, *asked)
    document = json.loads(ml_assets(with_champion.data.parent, *asked, "--json").stdout)
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(serving={"predictions": "log"}))
    of_log = ml_assets(with_champion.data.parent, *asked)

    assert shown.returncode == 0, shown.stderr
    assert f"event {answer['event_id']}, answered" in shown.stdout
    assert "It is in the prediction log only" in shown.stdout
    assert document["model"]["as_of"] == CHAMPION
    found = {one["table"]: one for one in document["lookups"]}
    known = {table for table, age in answer["ages_seconds"].items() if age is not None}
    assert {*found} == known
    origin = found["flight_delays/origin_state"]
    assert origin["day"] == DAY
    sources = {one["table"]: one["last"] for one in origin["sources"]}
    assert sources["sources/flights"] == sources["sources/weather"] == DAY
    assert "It is not collected yet. To collect it, run: dg launch" in of_log.stdout
    assert "logged_predictions" in of_log.stdout


def test_an_unknown_prediction_is_still_told(client: TestClient, with_champion: Project) -> None:
    answered(client, with_champion)

    told = ml_assets(
        with_champion.data.parent, "trace", "flight_delays", "--prediction", f"{DAY}-0000"
    )

    assert told.returncode == 2
    assert "There is no" in told.stderr


def test_the_impact_of_a_day_counts_the_answers_that_used_it(
    client: TestClient, with_champion: Project
) -> None:
    for _ in range(3):
        answer = answered(client, with_champion)

    def logged(table: str, day: str) -> list[dict[str, Any]]:
        asked = ("impact", table, "--partition", day)
        document = json.loads(ml_assets(with_champion.data.parent, *asked, "--json").stdout)
        found: list[dict[str, Any]] = document["logged"]
        return found

    of_answers = {
        "pipeline": "flight_delays",
        "day": DAY,
        "model_as_of": CHAMPION,
        "model_version": answer["model_version"],
        "entries": 3,
    }
    assert logged("sources/weather", DAY) == [{**of_answers, "by_values": 3}]
    assert logged("flight_delays/origin_state", DAY) == [{**of_answers, "by_values": 3}]
    assert logged("sources/flights", "2013-01-25") == [{**of_answers, "by_values": 0}], "the model"
    assert logged("sources/weather", "2013-02-12") == []
    shown = ml_assets(with_champion.data.parent, "impact", "sources/weather", "--partition", DAY)
    assert "3 logged predictions used a row that was computed from it" in shown.stdout
