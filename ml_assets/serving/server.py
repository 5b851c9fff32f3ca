"""The process of the service: which pipelines it serves, on which address, and how it ends."""

import gc
import signal
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from types import FrameType

import uvicorn

from ml_assets import nouns
from ml_assets.configuration.models import pipelines as known_pipelines
from ml_assets.errors import ConfigurationError, sentence
from ml_assets.serving.app import create_app
from ml_assets.serving.served import ServedPipeline
from ml_assets.serving.service import Service
from ml_assets.serving.transfer import Bodies
from ml_assets.workspace import Workspace

BACKLOG = 2048
"""Connections that may wait to be accepted, as while the models are loaded."""

STOPS = (signal.SIGTERM, signal.SIGINT)

DRAIN_SECONDS = 20
"""Time that open requests have after SIGTERM."""


def run(
    names: Sequence[str],
    *,
    host: str,
    port: int,
    requires_key: bool,
    is_replay: bool,
    started: Callable[[str, Sequence[str]], None],
) -> None:
    """Serve pipelines until SIGTERM or SIGINT; open requests are answered first.

    Args:
        names: the pipelines; those with a released model if empty.
        host: address to listen on.
        port: port to listen on; 0 for a free one.
        requires_key: whether API keys are expected on a loopback address too.
        is_replay: whether requests may name the time as of which they are answered.
        started: called with the address and the pipelines when requests are answered.

    Raises:
        ConfigurationError: a pipeline is unknown, none has a released model, or the address cannot
            be listened on.
    """
    workspace = Workspace.of_environment()
    pipelines = [ServedPipeline.of(name) for name in _chosen(workspace, names)]
    service = Service(
        workspace,
        pipelines,
        workspace.settings.serving,
        requires_key=requires_key or not is_loopback(host),
        is_replay=is_replay,
    )
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}"

    def answers() -> None:
        _keep_from_collector()
        started(address, list(service.pipelines))

    bodies = Bodies(service.limits)
    config = uvicorn.Config(
        create_app(service, bodies, answers),
        ws="none",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    for number in STOPS:
        signal.signal(number, _stopped)  # uvicorn raises the signal again when it has stopped
    _Server(config, bodies.stop).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that says when it begins to stop.

    Args:
        config: its settings.
        stopping: called by the handler of the signal.
    """

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after open requests."""
        self._stopping()
        super().handle_exit(sig, frame)


def _stopped(_number: int, _frame: FrameType | None) -> None:
    """The service has stopped as it should: its exit code is 0."""


def _keep_from_collector() -> None:
    """Exclude what is loaded now from garbage collection, which would stop all threads for 0.15 s."""
    gc.collect()
    gc.freeze()


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _chosen(workspace: Workspace, names: Sequence[str]) -> list[str]:
    if names:
        return list(dict.fromkeys(names))
    ledger = workspace.lake.ledger
    released = [
        name
        for name in known_pipelines()
        if any(entry.rows for entry in ledger.latest(f"{name}/{nouns.CHAMPION}").values())
    ]
    if not released:
        raise ConfigurationError(
            "No pipeline has a released model, so there is nothing to serve. 'ml-assets status' names "
            "the command that comes next."
        )
    return released


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on: {sentence(error.strerror)} Choose another address with --host and "
            "--port; --port 0 takes a free port."
        ) from error
    return listening
