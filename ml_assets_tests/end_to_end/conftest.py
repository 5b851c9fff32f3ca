"""Projects that have lived through a few days; a copy for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets_tests.lived import (
    build_features,
    build_lived,
    build_measured,
    build_once,
    build_retrained,
    build_waiting,
    opened,
)
from ml_assets_tests.project import Project


@pytest.fixture(scope="session")
def features_home(tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions) -> Path:
    """Six weeks of features."""
    return build_once(tmp_path_factory, "features", lambda home: build_features(home, definitions))


@pytest.fixture(scope="session")
def lived_home(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, features_home: Path
) -> Path:
    """A champion and three days of its life."""
    return build_once(
        tmp_path_factory, "lived", lambda home: build_lived(home, definitions, features_home)
    )


@pytest.fixture(scope="session")
def retrained_home(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, lived_home: Path
) -> Path:
    """The same after the retraining that the last day asked for."""
    return build_once(
        tmp_path_factory, "retrained", lambda home: build_retrained(home, definitions, lived_home)
    )


@pytest.fixture(scope="session")
def waiting_home(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, lived_home: Path
) -> Path:
    """The same with a challenger that waits for approval."""
    return build_once(
        tmp_path_factory, "waiting", lambda home: build_waiting(home, definitions, lived_home)
    )


@pytest.fixture(scope="session")
def measured_home(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, lived_home: Path
) -> Path:
    """The same with a challenger that is trained and measured, and not decided."""
    return build_once(
        tmp_path_factory, "measured", lambda home: build_measured(home, definitions, lived_home)
    )


@pytest.fixture
def measured(tmp_path: Path, measured_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project whose champion has a successor that is measured and would pass."""
    shutil.copytree(measured_home, tmp_path / "home")
    with opened(tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def waiting(tmp_path: Path, waiting_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project with a champion, and a challenger that waits for approval."""
    shutil.copytree(waiting_home, tmp_path / "home")
    with opened(tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def lived(tmp_path: Path, lived_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project with a champion, three days of its life, and a retraining that was asked for."""
    shutil.copytree(lived_home, tmp_path / "home")
    with opened(tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def retrained(
    tmp_path: Path, retrained_home: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """The same with the second champion."""
    shutil.copytree(retrained_home, tmp_path / "home")
    with opened(tmp_path / "home", definitions) as project:
        yield project
