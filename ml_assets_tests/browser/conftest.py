"""A browser for the tests of a module, and ``dagster dev`` on one project with a quarantined day for those of the UI."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import Browser, Page

from ml_assets.settings import settings
from ml_assets_tests.browser.chromium import browser_page, executable, running_browser
from ml_assets_tests.browser.server import running
from ml_assets_tests.project import ROOT, Project

DAYS = "2013-01-01...2013-01-10"
QUARANTINED = "2013-01-06"
NO_WEATHER = (
    "delete from weather where time_hour >= '2013-01-06 05:00' and time_hour < '2013-01-07 05:00'"
)


@dataclass(frozen=True)
class Ui:
    """A running UI and the instance it shows."""

    url: str
    instance: dg.DagsterInstance


@pytest.fixture(scope="module")
def ui(
    tmp_path_factory: pytest.TempPathFactory, three_weeks: Path, definitions: dg.Definitions
) -> Iterator[Ui]:
    """``make ui`` on ten materialized days, one of them without weather."""
    executable()
    home = tmp_path_factory.mktemp("ui")
    data = home / "data"
    shutil.copytree(three_weeks, data)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, home / name)
    environment = {
        "DAGSTER_HOME": str(home),
        "DAGSTER_EVENT_BATCH_SIZE": "500",
        "ML_ASSETS_DATA": str(data),
        "ML_ASSETS_COMPUTE_LOGS": str(data / "dagster" / "compute_logs"),
        "ML_ASSETS_RETRY_WAITS": "[]",
        "ML_ASSETS_SENSORS": "stopped",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.delenv("ML_ASSETS_POSTGRES_URL", raising=False)
        settings.cache_clear()
        command = ["dagster", "dev"]
        with dg.DagsterInstance.get() as instance:
            project = Project(data, definitions, instance)
            assert project.sql(NO_WEATHER)
            project.materialize_daily(DAYS)
            with running(command, home, environment, home / "server.log") as url:
                yield Ui(url, instance)
    settings.cache_clear()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser; each test has a page of its own."""
    with running_browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh browser page."""
    with browser_page(browser) as fresh:
        yield fresh
