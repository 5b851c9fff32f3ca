"""Fixtures of this folder: a project with a released model, and services that answer with it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ml_assets.serving.app import create_app
from ml_assets.serving.service import Service
from ml_assets.serving.transfer import Bodies
from ml_assets.settings import ServingLimits
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import build_once, opened_copy
from ml_assets_tests.project import Project
from ml_assets_tests.serving import parcels

Serve = Callable[..., TestClient]
"""Starts a service in this process, and returns a client."""


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion; shared, do not change it."""
    return build_once(tmp_path_factory, "parcels", parcels.build)


@pytest.fixture
def project(released: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy of it."""
    home = tmp_path / "home"
    with opened_copy(released, home, parcels.parcel_definitions(tmp_path)) as found:
        yield found


@pytest.fixture(scope="module")
def service(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of one service, for tests that neither change its stores nor count its requests."""
    folder = tmp_path_factory.mktemp("service")
    with opened_copy(released, folder / "home", parcels.parcel_definitions(folder)):
        started = _service(folder / "served")
    with started as client:
        yield client


@pytest.fixture
def serve(project: Project, tmp_path: Path) -> Iterator[Serve]:
    """Start a service in this process.

    The returned function takes limits, keys of the section ``serving``, and whether keys are required.
    """
    with ExitStack() as stack:

        def start(**options: Any) -> TestClient:
            return stack.enter_context(_service(tmp_path / "served", **options))

        yield start


def _service(
    folder: Path,
    *,
    limits: dict[str, Any] | None = None,
    serving: dict[str, Any] | None = None,
    requires_key: bool = False,
    is_replay: bool = True,
) -> TestClient:
    """A service of the current project, which starts when the client is entered."""
    allowed = ServingLimits(**(limits or {}))
    service = Service(
        Workspace.of_environment(),
        [parcels.served(folder, **(serving or {}))],
        allowed,
        requires_key=requires_key,
        is_replay=is_replay,
    )
    return TestClient(create_app(service, Bodies(allowed)), raise_server_exceptions=False)
