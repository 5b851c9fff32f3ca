"""Fixtures of this folder: a project with released ensembles, and services that answer with them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ml_assets.serving.app import create_app
from ml_assets.serving.service import Service
from ml_assets.serving.transfer import Bodies
from ml_assets.settings import ServingLimits
from ml_assets.workspace import Workspace
from ml_assets_tests.components.ensembles.couriers import members_home
from ml_assets_tests.prepared import build_once, opened_copy
from ml_assets_tests.project import Project
from ml_assets_tests.serving.ensembles import world

Serve = Callable[..., TestClient]
"""Starts a service of some ensembles in this process, and returns a client."""


@pytest.fixture(scope="session")
def released_ensembles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with champions; shared, do not change it."""
    members = members_home(tmp_path_factory)
    return build_once(tmp_path_factory, "ensembles", lambda home: world.build(home, members))


@pytest.fixture
def project(released_ensembles: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy of it."""
    definitions = world.world_definitions(tmp_path)
    with opened_copy(released_ensembles, tmp_path / "home", definitions) as found:
        yield found


@pytest.fixture
def serve(project: Project, tmp_path: Path) -> Iterator[Serve]:
    """Start a service in this process; the returned function takes names of ensembles."""
    with ExitStack() as stack:

        def start(*names: str) -> TestClient:
            limits = ServingLimits()
            service = Service(
                Workspace.of_environment(),
                world.served(tmp_path / "served", *names),
                limits,
                requires_key=False,
                is_replay=True,
            )
            app = create_app(service, Bodies(limits))
            client = TestClient(app, raise_server_exceptions=False)
            return stack.enter_context(client)

        yield start
