"""What an error advises when a variable of ``.env`` is wrong, in each state of the working directory."""

from pathlib import Path

import pytest

from ml_assets.environment import remedy
from ml_assets_tests.remedies import commands

HOME, GONE = "DAGSTER_HOME", "/no/such/folder"
SETUP, ASIDE = ["make", "setup"], ["mv", ".env", ".env.old"]


@pytest.mark.parametrize(
    ("place", "written", "exported", "expected"),
    [
        pytest.param(".", None, None, [SETUP], id="no .env"),
        pytest.param(".", "ML_ASSETS_DATA=x", None, [ASIDE, SETUP], id="not in .env"),
        pytest.param(".", f"{HOME}={GONE}", GONE, [ASIDE, SETUP], id="wrong in .env"),
        pytest.param(".", f"{HOME}=/", GONE, [["unset", HOME]], id="exported and in .env"),
        pytest.param(".", None, GONE, [["unset", HOME]], id="exported"),
        pytest.param(".", None, "", [["unset", HOME]], id="exported and empty"),
        pytest.param(
            "environments/staging",
            f"{HOME}={GONE}",
            GONE,
            [ASIDE, ["make", "-C", "../..", "environment", "ENV=staging"]],
            id="in an environment",
        ),
    ],
)
def test_the_commands_fit_the_state(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    written: str | None,
    exported: str | None,
    expected: list[list[str]],
) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    if written is not None:
        (folder / ".env").write_text(written, "utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.delenv(HOME, raising=False)
    if exported is not None:
        monkeypatch.setenv(HOME, exported)

    assert commands(remedy(HOME)) == expected


def test_the_commands_are_those_of_the_file_when_no_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").touch()
    monkeypatch.chdir(tmp_path)

    assert commands(remedy()) == [ASIDE, SETUP]
