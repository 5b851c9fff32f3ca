"""A Dagster server on loopback, in a process group of its own, that ends with its context."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

START_SECONDS = 180
END_SECONDS = 30
HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def query(url: str, text: str) -> dict[str, Any]:
    """The answer of the server's GraphQL endpoint; raises when it reports an error."""
    body = json.dumps({"query": text}).encode()
    request = Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        answer = json.load(response)
    if answer.get("errors"):
        raise RuntimeError(str(answer["errors"]))
    return answer["data"]


@contextmanager
def inherited(**handlers: Any) -> Iterator[None]:
    """Start processes with these signal handlers, whatever this process has.

    Where tests run in the background, SIGINT is ignored; Dagster then ignores SIGTERM, too, and what
    is ignored is inherited.

    Args:
        handlers: name of a signal → its handler.
    """
    before = {name: signal.getsignal(signal.Signals[name]) for name in handlers}
    try:
        for name, handler in handlers.items():
            signal.signal(signal.Signals[name], handler)
        yield
    finally:
        for name, handler in before.items():
            signal.signal(signal.Signals[name], handler)


@contextmanager
def running(
    command: Sequence[str], home: Path, environment: Mapping[str, str], log: Path
) -> Iterator[str]:
    """Run ``python -m <command> --host … --port …`` until the context ends; yields its URL.

    Args:
        command: Dagster's module and its arguments.
        home: folder with ``dagster.yaml`` and ``workspace.yaml``, the server's working folder. A
            ``.env`` in it would win over ``environment``.
        environment: set beside this process's.
        log: where the server's output goes.
    """
    port = free_port()
    defaults = inherited(SIGINT=signal.SIG_DFL, SIGTERM=signal.SIG_DFL)
    with log.open("wb") as output, defaults:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--host", HOST, "--port", str(port)],
            cwd=home,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://{HOST}:{port}"
    try:
        _wait_until_loaded(process, url, log)
        yield url
    finally:
        _end(process)


def _wait_until_loaded(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Ask until the code location's assets are there."""
    pause = threading.Event()
    reason = "no answer"
    for _ in range(START_SECONDS * 2):
        if process.poll() is not None:
            reason = f"it ended with exit code {process.returncode}"
            break
        try:
            if query(url, "{assetNodes {id}}")["assetNodes"]:
                return
            reason = "the code location has no assets"
        except (URLError, OSError, RuntimeError) as error:
            reason = str(error)
        pause.wait(0.5)  # between two questions; the deadline is on the answer
    tail = log.read_text(errors="replace")[-3000:]
    raise RuntimeError(f"Dagster did not start in {START_SECONDS} s: {reason}. Its log:\n{tail}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: politely, and for certain.

    Dagster ignores SIGTERM when it was started with SIGINT ignored, as in a background shell.
    """
    os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(END_SECONDS)
