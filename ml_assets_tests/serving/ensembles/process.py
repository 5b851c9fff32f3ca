"""The service of an ensemble as a process: python -m ml_assets_tests.serving.ensembles.process FOLDER NAME."""

import socket
import sys
from pathlib import Path

import uvicorn

from ml_assets.serving.app import create_app
from ml_assets.serving.service import Service
from ml_assets.serving.transfer import Bodies
from ml_assets.settings import ServingLimits
from ml_assets.workspace import Workspace
from ml_assets_tests.serving.ensembles import world


def serve(folder: Path, name: str) -> None:
    """Serve an ensemble of the world until the process ends; its address is printed."""
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
        print(f"Answering on http://127.0.0.1:{port}. ", flush=True)

    config = uvicorn.Config(create_app(service, Bodies(limits), started), log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
