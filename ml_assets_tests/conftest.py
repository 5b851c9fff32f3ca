"""A project of its own for each test: real source database, real lake, real Dagster instance."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.defs.sources.load import load
from ml_assets.orchestration.runs import project_definitions, project_instance
from ml_assets.settings import settings
from ml_assets_tests.project import ROOT, Project

LAST_DAY = "2013-01-21"
"""The first three weeks of real flights are the fixture."""


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    """The project's definitions, loaded once."""
    return project_definitions()


@pytest.fixture(scope="session")
def three_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source database with the first three weeks; copy it, do not change it."""
    path = tmp_path_factory.mktemp("source") / "source.db"
    load(f"sqlite:///{path}", lambda table, done, total: None, LAST_DAY)
    return path


@pytest.fixture
def project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    three_weeks: Path,
    definitions: dg.Definitions,
) -> Iterator[Project]:
    """A fresh project over three weeks of flights."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(three_weeks, data / "source.db")
    shutil.copy(ROOT / "dagster.yaml", tmp_path / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
    monkeypatch.setenv("ML_ASSETS_DATA", str(data))
    monkeypatch.setenv("ML_ASSETS_COMPUTE_LOGS", str(data / "dagster" / "compute_logs"))
    monkeypatch.setenv("ML_ASSETS_RETRY_WAITS", "[]")
    monkeypatch.setenv("ML_ASSETS_SENSORS", "stopped")
    monkeypatch.delenv("ML_ASSETS_POSTGRES_URL", raising=False)
    settings.cache_clear()
    with project_instance() as instance:
        yield Project(data, definitions, instance)
    settings.cache_clear()
