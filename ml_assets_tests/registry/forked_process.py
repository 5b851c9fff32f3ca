"""The process of the integration tests, forked from one that has imported its libraries.

Their import takes two of the three seconds of a release in a test. ``python -m`` this module behaves
as ``ml_assets.registry.integration_process`` does: it hands folder, environment and errors to a fork
of the server that the test session started, and ends as that ends.
"""

import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

SERVE = "serve"
DONE, FAILED = b"d", b"f"
IMPORTED = (
    "ml_assets.registry.integration_process",
    "skops.io",
    "sklearn.ensemble",
    "treelite.gtil",
)


def address_of(pid: int) -> str:
    """Socket of the server that a process has started."""
    return f"{tempfile.gettempdir()}/ml-assets-tests-{pid}.socket"


@contextmanager
def server(variables: Mapping[str, str]) -> Iterator[None]:
    """A server for processes that this process starts; it ends with the context, or with this process.

    Args:
        variables: what libraries read when they load.
    """
    address = Path(address_of(os.getpid()))
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, SERVE, str(listening.fileno())],
            env={**os.environ, **variables, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
        )
    try:
        yield
    finally:
        address.unlink()
        assert process.stdin
        process.stdin.close()
        process.wait()


def serve(listening: socket.socket) -> None:
    """Fork for each request until the standard input is closed."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    for library in IMPORTED:
        import_module(library)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _answer(connection)
        connection.close()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _answer(connection: socket.socket) -> None:
    """Run the tests of a request in this fork, and end it."""
    from ml_assets.registry.integration_process import main

    text, [errors], _, _ = socket.recv_fds(connection, 2**16, 1)
    folder, *variables = text.decode().split("\0")
    threading.Thread(target=_end_with_client, args=[connection], daemon=True).start()
    os.environ.clear()
    os.environ.update(variable.split("=", 1) for variable in variables)
    os.dup2(errors, sys.stderr.fileno())
    os.chdir(folder)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        main(Path(folder))
        connection.sendall(DONE)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        connection.sendall(FAILED)
    finally:
        os._exit(0)


def _end_with_client(connection: socket.socket) -> None:
    connection.recv(1)
    os._exit(1)


def ask(folder: str) -> int:
    """Have the tests of a folder run; returns the exit code of the process that ran them."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address_of(os.getppid()))
        variables = [f"{name}={value}" for name, value in os.environ.items()]
        socket.send_fds(
            connection, ["\0".join([folder, *variables]).encode()], [sys.stderr.fileno()]
        )
        answer = connection.recv(1)
    if not answer:
        os.kill(os.getpid(), signal.SIGKILL)
    return int(answer != DONE)


if __name__ == "__main__":
    if sys.argv[1] == SERVE:
        serve(socket.socket(fileno=int(sys.argv[2])))
    sys.exit(ask(sys.argv[1]))
