"""The service of an ensemble, for a process of its own."""

import socket
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn

from ml_assets.serving.app import create_app
from ml_assets.serving.service import Service
from ml_assets.serving.transfer import Bodies
from ml_assets.settings import ServingLimits
from ml_assets.workspace import Workspace
from ml_assets_tests.serving.ensembles import world


def serve(telling: Connection, folder: Path, name: str) -> None:
    """Serve an ensemble of the world until the process ends; tells its address."""
    limits = ServingLimits()
    service = Service(
        Workspace.of_environment(),
        world.served(folder, name),
        limits,
        requires_key=False,
        is_replay=True,
    )
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]

    def started() -> None:
        telling.send(f"http://127.0.0.1:{port}")

    config = uvicorn.Config(create_app(service, Bodies(limits), started), log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])
