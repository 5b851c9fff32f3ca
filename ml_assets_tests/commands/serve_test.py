"""The command that starts the service where it cannot be started, and the commands about API keys."""

import json
import re
import socket
from pathlib import Path

import pytest

from ml_assets.serving.server import is_loopback
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.project import Project


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["flight_delay"], "Did you mean 'flight_delays'?", id="unknown pipeline"),
        pytest.param([], "No pipeline has a released model", id="nothing released"),
        pytest.param(
            ["flight_delays", "--host", "203.0.113.9", "--port", "0"],
            "203.0.113.9:0 cannot be listened on: Cannot assign requested address",
            id="other machine's address",
        ),
        pytest.param(
            ["flight_delays", "--host", "nowhere.invalid"],
            "nowhere.invalid:8000 cannot be listened on",
            id="unknown host",
        ),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(
    project: Project, arguments: list[str], message: str
) -> None:
    assert project.materialize('key:"sources/airports"').succeeded

    found = ml_assets(project.data.parent, "serve", *arguments)

    assert found.returncode == 2, found.stderr
    assert message in found.stderr
    assert "Traceback" not in found.stderr


def test_a_port_that_is_taken_is_told(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = ml_assets(project.data.parent, "serve", "flight_delays", "--port", port)

    assert found.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in found.stderr


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("a", False)],
)
def test_loopback_addresses_are_known(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(project: Project) -> None:
    folder = project.data.parent
    none = ml_assets(folder, "keys", "list")
    created = ml_assets(folder, "keys", "create", "gates", "--pipeline", "flight_delays")
    [key] = re.findall(r"mla_([0-9a-f]{16})_([0-9a-f]{64})", created.stdout)
    listed = ml_assets(folder, "keys", "list")
    revoked = ml_assets(folder, "keys", "revoke", key[0])
    [after] = json.loads(ml_assets(folder, "keys", "list", "--json").stdout)

    assert "ml-assets keys create NAME" in none.stdout
    assert "valid until" in created.stdout
    assert key[0] in listed.stdout
    assert "valid" in listed.stdout
    assert f"Key {key[0]} (gates) is revoked." in revoked.stdout
    assert (after["state"], after["pipelines"]) == ("revoked", ["flight_delays"])
    for file in Path(project.data).rglob("*"):
        assert not file.is_file() or key[1].encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "x", "--pipeline", "flight_delay"], "Did you mean 'flight_delays'?"),
        (["revoke", "0123"], "There is no API key with id '0123'"),
        (["create", ""], "The name of a key has 1 to 200 printable characters"),
        (["create", "x", "--days", "9999999"], "less than or equal to 3650"),
    ],
    ids=["unknown pipeline", "unknown key", "no name", "too many days"],
)
def test_wrong_keys_are_told(project: Project, arguments: list[str], message: str) -> None:
    found = ml_assets(project.data.parent, "keys", *arguments)

    assert found.returncode == 2
    assert message in found.stderr
