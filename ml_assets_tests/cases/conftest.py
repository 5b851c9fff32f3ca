"""Projects that a case begins with: a week of features, and a sensor that keeps them up to date."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.defs.sources.load import SourceSystems, load
from ml_assets_tests.prepared import build_once, opened, opened_copy
from ml_assets_tests.project import ROOT, Project

WEEK = "2013-01-02...2013-01-06"
"""Days that are extracted; the source has one more."""
LAST_IN_SOURCE = "2013-01-07"


@pytest.fixture(scope="session")
def week_home(tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions) -> Path:
    """A few days of features; the source has one day more."""

    def build(home: Path) -> None:
        (home / "data").mkdir(parents=True)
        shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
        load(SourceSystems.below(home / "data"), lambda *reported: None, LAST_IN_SOURCE)
        with opened(home, definitions) as project:
            outcome = project.materialize_daily(WEEK)
            assert outcome.succeeded, outcome.failed_steps

    return build_once(tmp_path_factory, "week", build)


@pytest.fixture
def week(tmp_path: Path, week_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project that has extracted the days of ``WEEK``."""
    with opened_copy(week_home, tmp_path / "home", definitions) as project:
        yield project
