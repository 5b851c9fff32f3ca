"""Services forked from a process that has imported their libraries, which takes most of a short life.

A fork is a process of its own; SIGKILL ends it as it ends any other.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

PRELOADED = [
    "ml_assets.serving.server",
    "ml_assets.serving.scoring",
    "skops.io",
    "treelite.gtil",
    "sklearn.ensemble",
]
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
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    addresses, telling = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(home, {**os.environ}, telling))
    process.start()
    telling.close()
    try:
        assert addresses.poll(START_SECONDS), f"the service did not answer in {START_SECONDS} s"
        yield Forked(process, addresses.recv())
    finally:
        process.terminate()
        process.join(START_SECONDS)


def _serve(home: Path, environment: Mapping[str, str], telling: Connection) -> None:
    from ml_assets.serving.server import run

    os.chdir(home)
    os.environ.clear()
    os.environ.update(environment)
    run(
        ["flight_delays"],
        host="127.0.0.1",
        port=0,
        requires_key=False,
        is_replay=True,
        started=lambda address, pipelines: telling.send(address),
    )
