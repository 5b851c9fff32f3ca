"""The server of the pages: it answers with pages, and with nothing else of this machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse

import pytest

from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.reports.pages.address import HOST
from ml_assets.reports.pages.server import Pages, server

PAGES = {"index.html": "<p>all</p>", "flight_delays.html": "<p>one</p>"}


class Project:
    """Counts how often its pages are made."""

    def __init__(self) -> None:
        self.position, self.made, self.problem = 1, 0, ""

    def make(self) -> dict[str, str]:
        """The pages, with the number of times they were made."""
        if self.problem:
            raise LakeMismatch(self.problem)
        self.made += 1
        return {name: f"{html}<p>{self.made}</p>" for name, html in PAGES.items()}

    def pages(self) -> Pages:
        return Pages(lambda: self.position, self.make)


@contextmanager
def serving(pages: Pages) -> Iterator[int]:
    """The port of a server of pages."""
    with server(pages, 0) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listening.server_address[1]
        finally:
            listening.shutdown()
            thread.join()


def asked(port: int, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, str]:
    """The answer to a request, whose path is sent as it is."""
    connection = HTTPConnection(HOST, port)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    return answer, answer.read().decode()


@pytest.fixture
def project() -> Project:
    return Project()


@pytest.fixture
def port(project: Project) -> Iterator[int]:
    """A server of the project's pages."""
    with serving(project.pages()) as port:
        yield port


@pytest.mark.parametrize(
    ("path", "text"),
    [("/", "all"), ("/index.html", "all"), ("/flight_delays.html", "one"), ("/?a=b", "all")],
)
def test_a_page_is_html(port: int, path: str, text: str) -> None:
    answer, body = asked(port, path)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert text in body


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/flight_delays",
        "/flight_delays.html/..",
        "/pages/index.html",
    ],
)
def test_there_is_nothing_but_the_pages(port: int, path: str) -> None:
    answer, body = asked(port, path)

    assert (answer.status, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert body == "There is no such page. All pages are at /."


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_get_is_answered(port: int, method: str) -> None:
    assert asked(port, "/", method)[0].status == 501


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3001", ""])
def test_pages_are_not_for_other_names(port: int, host: str) -> None:
    answer, body = asked(port, "/", Host=host)

    assert answer.status == 403
    assert "all" not in body


def test_pages_are_made_again_only_when_something_was_recorded(project: Project, port: int) -> None:
    first, _ = asked(port, "/")
    same, nothing = asked(port, "/", If_None_Match=first.headers["ETag"])
    project.position += 1
    other, body = asked(port, "/", If_None_Match=first.headers["ETag"])

    assert (same.status, nothing) == (304, "")
    assert (other.status, other.headers["ETag"] == first.headers["ETag"]) == (200, False)
    assert "<p>2</p>" in body
    assert project.made == 2


def test_what_cannot_be_read_is_told_and_tried_again(project: Project, port: int) -> None:
    project.problem = "the lake is another one"
    answer, body = asked(port, "/")
    project.problem = ""

    assert (answer.status, body) == (503, "the lake is another one")
    assert asked(port, "/")[0].status == 200


def test_a_port_in_use_is_refused_with_the_option_that_helps(project: Project, port: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"{HOST}:{port} cannot be listened on.*--port"):
        server(project.pages(), port)
