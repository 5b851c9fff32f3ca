"""Two weeks of sources and features, computed once for each test run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets_tests.prepared import build_once, opened, opened_copy
from ml_assets_tests.project import ROOT, Project

TWO_WEEKS = "2013-01-02...2013-01-16"


@pytest.fixture(scope="session")
def two_weeks_home(
    tmp_path_factory: pytest.TempPathFactory, three_weeks: Path, definitions: dg.Definitions
) -> Path:
    """A project with two weeks of sources and features; copy it, do not change it."""

    def build(home: Path) -> None:
        shutil.copytree(three_weeks, home / "data")
        shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
        with opened(home, definitions) as project:
            outcome = project.materialize_daily(TWO_WEEKS)
            assert outcome.succeeded, outcome.failed_steps

    return build_once(tmp_path_factory, "two_weeks", build)


@pytest.fixture
def two_weeks(
    tmp_path: Path, two_weeks_home: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """A project with two weeks of sources and features."""
    with opened_copy(two_weeks_home, tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture(scope="session")
def undisturbed(two_weeks_home: Path, definitions: dg.Definitions) -> dict[tuple[str, str], str]:
    """Data versions of two weeks in which nothing is wrong."""
    with opened(two_weeks_home, definitions) as project:
        return project.versions()
