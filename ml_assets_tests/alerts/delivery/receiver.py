"""A real HTTP server that receives notifications of Apprise's ``json://``."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

OK, UNAVAILABLE = 200, 503
WAIT_SECONDS = 60


class Receiver:
    """What arrived, and how the next requests are answered.

    Attributes:
        status: status of the answers.
        is_open: while it is not set, requests arrive and are not answered.
        arrived: every request's body, in order.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = OK
        self.is_open = threading.Event()
        self.is_open.set()
        self.arrived: list[dict[str, Any]] = []
        self._arrivals: Queue[None] = Queue()

    @property
    def url(self) -> str:
        """Its Apprise URL."""
        return f"json://127.0.0.1:{self.port}"

    @property
    def ids(self) -> list[str]:
        """IDs of the notifications that arrived."""
        return [one["notification_id"] for one in self.arrived]

    @property
    def events(self) -> list[str]:
        """What the notifications that arrived tell."""
        return [one["event"] for one in self.arrived]

    def receive(self, body: bytes) -> int:
        """Keep a request, and return the status of the answer."""
        self.arrived.append(json.loads(body))
        self._arrivals.put(None)
        self.is_open.wait(WAIT_SECONDS)
        return self.status

    def wait_for_arrival(self) -> None:
        """Wait until one more request arrived."""
        self._arrivals.get(timeout=WAIT_SECONDS)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Start a server, and stop it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = receiver.receive(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self.send_response(status)
                self.end_headers()
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.is_open.set()
        server.shutdown()
        server.server_close()
        thread.join()
