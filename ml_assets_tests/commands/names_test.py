"""Help, version, completion and old names of commands, and that none of them loads what is slow."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ml_assets.commands.cli import app, main

SLOW = ("pandas", "dagster", "sqlalchemy", "mlflow", "deltalake", "sklearn")
OURS = str(Path(sys.executable).with_name("ml-assets"))


def paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that is not hidden, and every group, as the words that call it."""
    yield path
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield from paths(each, (*path, name))


@pytest.mark.parametrize("path", list(paths(typer.main.get_command(app))), ids=" ".join)
def test_every_command_has_help_under_both_names_within_80_columns(path: tuple[str, ...]) -> None:
    short, long = (CliRunner().invoke(app, [*path, option]) for option in ("-h", "--help"))

    assert (short.exit_code, long.exit_code) == (0, 0)
    assert short.stdout == long.stdout
    assert max(map(len, short.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            ["columns", "a/b.c", "--json"],
            "'columns' is now 'lineage': ml-assets lineage a/b.c --json",
            id="columns",
        ),
        pytest.param(
            ["columns", "--help"],
            "'columns' is now 'lineage': ml-assets lineage --help",
            id="help of columns",
        ),
        pytest.param(
            ["source", "reveal", "--until", "2013-05-02"],
            "'source reveal' is now 'source advance': ml-assets source advance --until 2013-05-02",
            id="source reveal",
        ),
        pytest.param(
            ["impact", "a/b", "--partition", "2013-05-02", "--run", "--with-models"],
            "'--run' is now '--apply': ml-assets impact a/b --partition 2013-05-02 --apply "
            "--with-models",
            id="impact --run",
        ),
        pytest.param(
            ["impact", "a/b", "--column", "c", "--rebuild"],
            "'--rebuild' is now '--plan': ml-assets impact a/b --column c --plan",
            id="impact --rebuild",
        ),
        pytest.param(
            ["backtest", "p", "--json", "my file.json"],
            "'--json FILE' is now '--json > FILE': ml-assets backtest p --json > 'my file.json'",
            id="backtest --json FILE",
        ),
    ],
)
def test_an_old_name_is_an_error_that_names_the_new_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["ml-assets", *words])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_version_and_help_load_nothing_that_is_slow(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from ml_assets.commands.cli import main\n"
        "for option in ('--version', '-h'):\n"
        "    sys.argv = ['ml-assets', option]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as ended:\n"
        "        assert not ended.code\n"
        f"print([name for name in {SLOW} if name in sys.modules])\n"
    )
    environment = os.environ | {"ML_ASSETS_RETRY_WAITS": "these are no settings"}

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    first, *_, last = done.stdout.splitlines()
    assert first == "ml-assets 0.1.0"
    assert last == "[]"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("ml-assets sta", "status", id="a command"),
        pytest.param("ml-assets source adv", "advance", id="of a group"),
        pytest.param("ml-assets impact --pl", "--plan", id="an option"),
    ],
)
def test_bash_completes_commands_and_options(tmp_path: Path, words: str, expected: str) -> None:
    environment = os.environ | {
        "_ML_ASSETS_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }

    done = subprocess.run(
        [OURS], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == [expected]


def test_help_works_where_the_settings_do_not(tmp_path: Path) -> None:
    environment = os.environ | {"ML_ASSETS_RETRY_WAITS": "these are no settings"}

    helped, refused = (
        subprocess.run(
            [OURS, "checks", *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for options in (["-h"], [])
    )

    assert (helped.returncode, refused.returncode) == (0, 2)
    assert "ML_ASSETS_RETRY_WAITS is not valid JSON" in refused.stderr


def test_definitions_print_no_warnings_of_dagster(tmp_path: Path) -> None:
    dagster = str(Path(sys.executable).with_name("dagster"))

    done = subprocess.run(
        [dagster, "asset", "list", "-m", "ml_assets.definitions"],
        cwd=tmp_path,
        env=os.environ | {"ML_ASSETS_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "sources/flights" in done.stdout
    assert "Warning" not in done.stderr
