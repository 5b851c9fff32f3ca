"""Two weeks of sources and features, in a project of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets_tests.prepared import opened_copy
from ml_assets_tests.project import Project


@pytest.fixture
def two_weeks(
    tmp_path: Path, two_weeks_home: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """A project with two weeks of sources and features."""
    with opened_copy(two_weeks_home, tmp_path / "home", definitions) as project:
        yield project
