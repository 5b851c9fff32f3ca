"""Trainings as MLflow's runs: found by its client, once per model, linked to the version."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from ml_assets.learning.artifacts import ModelStore
from ml_assets.registry.mlflow_runs import TrainingRun, run_id
from ml_assets.registry.store import Registry

NAME = "late_model"
TRAINING = TrainingRun(
    pipeline=NAME,
    as_of="2013-07-08",
    fingerprint="a",
    parameters={"max_iter": "5", "window_days": "28"},
    metrics={"test_auc": 0.7, "training_rows": 200.0},
    tags={"dataset_version": "d1", "code_version": "c1", "dagster_run_id": "r1"},
    started=datetime(2013, 7, 8, 1, tzinfo=UTC),
    ended=datetime(2013, 7, 8, 2, tzinfo=UTC),
)


@pytest.fixture
def registry(tmp_path: Path, empty_database: Path) -> Registry:
    """An empty registry on SQLite."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", ModelStore(tmp_path / "models"))


def found(registry: Registry, query: str = "") -> list[Run]:
    """Runs of the pipeline as MLflow finds them."""
    client = MlflowClient(tracking_uri=str(registry.url))
    experiment = client.get_experiment_by_name(NAME)
    assert experiment is not None
    return list(
        client.search_runs([experiment.experiment_id], query, order_by=["metrics.test_auc"])
    )


def test_runs_are_found_by_metrics_parameters_and_tags(registry: Registry) -> None:
    better = replace(TRAINING, as_of="2013-07-15", fingerprint="b", metrics={"test_auc": 0.8})
    registry.record_runs([(TRAINING, "1"), (better, "1")])

    runs = found(registry)
    [worse] = found(registry, "metrics.test_auc < 0.75 and params.max_iter = '5'")

    assert [run.info.run_name for run in runs] == [f"{NAME} 2013-07-08", f"{NAME} 2013-07-15"]
    assert worse.info.run_id == run_id(NAME, "2013-07-08", "a")
    assert worse.info.status == "FINISHED"
    assert worse.info.end_time - worse.info.start_time == 3_600_000
    assert worse.data.params == TRAINING.parameters
    assert worse.data.metrics == TRAINING.metrics
    assert TRAINING.tags.items() <= worse.data.tags.items()
    assert worse.data.tags["as_of"] == "2013-07-08"
    assert found(registry, "tags.fingerprint = 'b'")[0].data.tags["pipeline"] == NAME


def test_a_run_is_recorded_once_and_replaced_when_it_changes(registry: Registry) -> None:
    registry.record_runs([(TRAINING, "1")])
    identity = run_id(NAME, TRAINING.as_of, TRAINING.fingerprint)
    MlflowClient(tracking_uri=str(registry.url)).set_tag(identity, "remark", "keep")
    assert registry.missing_runs(NAME, {identity: "1"}) == []
    assert registry.missing_runs(NAME, {identity: "2"}) == [identity]

    registry.record_runs([(replace(TRAINING, metrics={"test_auc": 0.9}), "2")])

    [run] = found(registry)
    assert run.data.metrics == {"test_auc": 0.9}
    assert run.data.tags["remark"] == "keep"
    assert registry.missing_runs(NAME, {identity: "2"}) == []


def test_a_registry_without_database_misses_every_run(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", ModelStore(tmp_path / "models"))

    assert registry.missing_runs(NAME, {"x": "1"}) == ["x"]
    assert not (tmp_path / "mlflow.db").exists()
