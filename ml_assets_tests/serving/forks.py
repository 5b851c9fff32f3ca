"""Services in forks, see ``ml_assets_tests.forks``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from ml_assets_tests.forks import in_fork

START_SECONDS = 120


@dataclass(frozen=True)
class Forked:
    """A forked service that runs.

    Attributes:
        process: its process.
        url: its address.
    """

    process: BaseProcess
    url: str

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.join()


def serve_flights(telling: Connection) -> None:
    """``ml-assets serve flight_delays --port 0 --replay``; tells its address."""
    from ml_assets.serving.server import run

    run(
        ["flight_delays"],
        host="127.0.0.1",
        port=0,
        requires_key=False,
        is_replay=True,
        started=lambda address, pipelines: telling.send(address),
    )


@contextmanager
def forked(
    home: Path, serve: Callable[..., object] = serve_flights, *arguments: object
) -> Iterator[Forked]:
    """A service in the folder of a project; it ends with the context.

    Args:
        home: the folder.
        serve: serves until its process ends; gets a connection that it tells its address to.
        arguments: its further arguments.
    """
    addresses, telling = get_context("forkserver").Pipe(duplex=False)
    process = in_fork(home, serve, telling, *arguments)
    telling.close()
    try:
        assert addresses.poll(START_SECONDS), f"the service did not answer in {START_SECONDS} s"
        yield Forked(process, addresses.recv())
    finally:
        process.terminate()
        process.join(START_SECONDS)
