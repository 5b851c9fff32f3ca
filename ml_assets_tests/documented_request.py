"""Sends the request that a documentation page shows, and compares the answer with the page's.

``python -m ml_assets_tests.documented_request README.md`` after ``make demo``, from the project's root:
the page has a console block with ``$ ml-assets serve …``, and one with ``$ curl …`` and the answer.
"""

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

SERVE = re.compile(r"^\$ (ml-assets serve[^\n#]*)", re.MULTILINE)
ASK = re.compile(r"^\$ (curl .+?[^\\])\n(\{.+?^\})$", re.MULTILINE | re.DOTALL)
PIPE = "|"

CHANGING = {"event_id", "model_version"}
"""Keys of an answer that differ between two requests, or between machines."""

CLOSE = 1e-6
"""Largest difference of a prediction between machines."""


def shown_in(page: str) -> tuple[list[str], list[str], dict[str, Any]]:
    """The command that starts the service, the arguments of ``curl``, and the answer of a page."""
    serve, ask = SERVE.search(page), ASK.search(page)
    assert serve is not None, "the page starts no service"
    assert ask is not None, "the page shows no request with its answer"
    arguments = shlex.split(ask[1].replace("\\\n", " "))
    if PIPE in arguments:
        arguments = arguments[: arguments.index(PIPE)]
    return shlex.split(serve[1]), arguments, json.loads(ask[2])


def sent(arguments: list[str]) -> dict[str, Any]:
    """The answer to a request that ``curl`` would send."""
    url = next(each for each in arguments if "://" in each or each.startswith("localhost"))
    body = arguments[arguments.index("-d") + 1]
    full = url if "://" in url else f"http://{url}"
    with urllib.request.urlopen(full, body.encode(), timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def differences(shown: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What differs between the answer of a page and the one that was sent."""
    return [
        f"{name}: the page shows {shown.get(name)!r}, the answer is {found.get(name)!r}"
        for name in sorted(shown.keys() | found.keys())
        if name not in CHANGING and not _is_same(shown.get(name), found.get(name))
    ]


def _is_same(shown: Any, found: Any) -> bool:
    if isinstance(shown, float) and isinstance(found, float):
        return abs(shown - found) <= CLOSE
    return bool(shown == found)


def main(page: str) -> int:
    """Start the service, send the request, and print what differs; returns the number of differences."""
    command, arguments, shown = shown_in(Path(page).read_text("utf-8"))
    program = str(Path(sys.executable).with_name(command[0]))
    service = subprocess.Popen([program, *command[1:]], stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        print(service.stdout.readline(), end="")
        problems = differences(shown, sent(arguments))
    finally:
        service.terminate()
        service.communicate(timeout=60)
    print("\n".join(problems) or f"ok\t{shlex.join(arguments)}")
    return len(problems)


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1])))
