"""Services in forks, see ``ml_assets_tests.forks``."""

from collections.abc import Iterator
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


@contextmanager
def forked(home: Path) -> Iterator[Forked]:
    """``ml-assets serve flight_delays --port 0 --replay`` in the folder of a project; it ends with the context."""
    addresses, telling = get_context("forkserver").Pipe(duplex=False)
    process = in_fork(home, _serve, telling)
    telling.close()
    try:
        assert addresses.poll(START_SECONDS), f"the service did not answer in {START_SECONDS} s"
        yield Forked(process, addresses.recv())
    finally:
        process.terminate()
        process.join(START_SECONDS)


def _serve(telling: Connection) -> None:
    from ml_assets.serving.server import run

    run(
        ["flight_delays"],
        host="127.0.0.1",
        port=0,
        requires_key=False,
        is_replay=True,
        started=lambda address, pipelines: telling.send(address),
    )
