"""Serves the pages on this machine, rendered again if something was recorded since.

It answers GET with one of the pages in memory, and with nothing else: there is no folder behind it.
"""

import hashlib
import socket
from collections.abc import Callable, Hashable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from ml_assets.errors import ConfigurationError, MLAssetsError, sentence
from ml_assets.reports.pages.address import HOST
from ml_assets.reports.pages.page import INDEX

LOCAL = {HOST, "localhost"}
"""Allowed host names of requests: a page of another site whose name resolves to this machine gets no page."""


class Pages:
    """The pages of the newest state.

    Args:
        position: tells what was recorded so far; another value means that there is something new.
        make: makes all pages, file name → HTML.
    """

    def __init__(
        self, position: Callable[[], Hashable], make: Callable[[], Mapping[str, str]]
    ) -> None:
        self._position, self._make = position, make
        self._lock = Lock()
        self._made_at: Hashable = None
        self._pages: Mapping[str, str] = {}

    def now(self) -> Mapping[str, str]:
        """File name → HTML, rendered again if something was recorded since.

        Raises:
            MLAssetsError: the state cannot be read.
        """
        with self._lock:
            position = self._position()
            if not self._pages or position != self._made_at:
                self._pages, self._made_at = self._make(), position
            return self._pages


def server(pages: Pages, port: int) -> ThreadingHTTPServer:
    """A server of the pages on a port of this machine; it does not run yet.

    Args:
        pages: what it serves.
        port: 0 for a free one.

    Raises:
        ConfigurationError: the port is in use.
    """
    try:
        return _Server((HOST, port), _handler(pages))
    except OSError as error:
        raise ConfigurationError(
            f"{HOST}:{port} cannot be listened on: {sentence(error.strerror)} Choose another one with "
            "--port; --port 0 takes a free port."
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        server_version, sys_version = "ml-assets", ""

        def do_GET(self) -> None:
            """One of the pages, or why there is none."""
            if self.headers.get("Host", "").partition(":")[0] not in LOCAL:
                self._answer(HTTPStatus.FORBIDDEN, "Ask for the pages at 127.0.0.1.")
                return
            name = self.path.partition("?")[0].removeprefix("/") or INDEX
            try:
                page = pages.now().get(name)
            except MLAssetsError as error:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
                return
            if page is None:
                self._answer(HTTPStatus.NOT_FOUND, "There is no such page. All pages are at /.")
                return
            self._answer(HTTPStatus.OK, page, "text/html")

        def _answer(self, status: HTTPStatus, text: str, kind: str = "text/plain") -> None:
            body = text.encode()
            version = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            is_known = status is HTTPStatus.OK and self.headers.get("If-None-Match") == version
            self.send_response(HTTPStatus.NOT_MODIFIED if is_known else status)
            self.send_header("ETag", version)
            self.send_header("Cache-Control", "no-cache")
            self.send_header("X-Content-Type-Options", "nosniff")
            if not is_known:
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if not is_known:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Requests are not printed."""

    return Handler
