"""Two services on one Postgres: the same answers, and one log."""

from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest
from starlette.testclient import TestClient

from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.serving.app import create_app
from ml_assets.serving.service import Service
from ml_assets.serving.transfer import Bodies
from ml_assets.settings import ServingLimits, settings
from ml_assets.workspace import Workspace
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project
from ml_assets_tests.serving import parcels

pytestmark = pytest.mark.slow

PREDICT = "/v1/shop/predict"
AT = {"at": "2024-03-01T00:00Z"}


def service(folder: Path) -> TestClient:
    """A service of the environment's stores."""
    found = Service(
        Workspace.of_environment(),
        [parcels.served(folder)],
        ServingLimits(),
        requires_key=False,
        is_replay=True,
    )
    return TestClient(create_app(found, Bodies(found.limits)))


def test_two_services_answer_alike_and_log_each_event_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = new_home(tmp_path / "home")
    definitions = parcels.parcel_definitions(tmp_path)
    with ExitStack() as stack:
        stack.enter_context(opened(home, definitions))
        monkeypatch.setenv("ML_ASSETS_POSTGRES_URL", stack.enter_context(postgres_url()))
        settings.cache_clear()
        instance = stack.enter_context(dg.DagsterInstance.get())
        parcels.release_first(Project(home / "data", definitions, instance))
        one = stack.enter_context(service(tmp_path / "one"))
        other = stack.enter_context(service(tmp_path / "other"))
        rows = [parcels.order(number, items=float(number)) for number in range(20)]
        keys = [{"Idempotency-Key": f"order-{number}"} for number in range(20)]
        answers = [
            [
                client.post(PREDICT, json=row, params=AT, headers=key).json()
                for row, key in zip(rows, keys, strict=True)
            ]
            for client in (one, other)
        ]
        fresh = [
            [client.post(PREDICT, json=row, params=AT).json()["prediction"] for row in rows]
            for client in (one, other)
        ]
        counts = PredictionLog(settings().prediction_log_url).counts("shop")

    assert answers[0] == answers[1]
    assert all(map(parcels.same, *fresh))
    assert sum(counts.values()) == 20 + 2 * 20
