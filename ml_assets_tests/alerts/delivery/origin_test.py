"""Notifications name the environment and the host that they come from."""

import socket
from pathlib import Path

import pytest

from ml_assets.alerts.delivery.origin import origin


@pytest.mark.parametrize(
    ("folder", "start"),
    [
        pytest.param("environments/production", "production on ", id="environment"),
        pytest.param("checkout", "", id="checkout"),
    ],
)
def test_the_folder_of_an_environment_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, start: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / folder)

    assert origin() == f"{start}{socket.gethostname()}"
