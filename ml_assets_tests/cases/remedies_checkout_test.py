"""Messages that name ``make`` and commands of a shell are followed in a checkout, by real processes."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ml_assets.defs.sources.load import reference_files
from ml_assets.errors import SourceMissing
from ml_assets_tests.cases.e_lake_and_ledger_test import EARLIER
from ml_assets_tests.checkout import Checkout
from ml_assets_tests.remedies import commands

LOOK = ("ml-assets", "checks", "--select", 'key:"sources/flights"', "--partition", "2013-01-05")
GONE = "/no/such/folder"


@pytest.fixture
def checkout(tmp_path: Path, week_home: Path) -> Checkout:
    """A checkout with a week of features, before ``make setup``."""
    shutil.copytree(week_home / "data", tmp_path / "checkout" / "data")
    return Checkout.at(tmp_path / "checkout")


STATES = {
    "no .env": None,
    ".env without DAGSTER_HOME": "ML_ASSETS_SENSOR_SECONDS=60\n",
    ".env of a checkout that was moved": f"DAGSTER_HOME={GONE}\nML_ASSETS_DATA={GONE}/data\n",
    ".env without a variable of dagster.yaml": "DAGSTER_HOME={folder}\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("written", STATES.values(), ids=STATES.keys())
def test_an_environment_file_that_does_not_fit_is_written_again(
    checkout: Checkout, written: str | None
) -> None:
    if written is not None:
        text = written.format(folder=checkout.folder)
        (checkout.folder / ".env").write_text(text, "utf-8")
    refused = checkout.run(*LOOK)
    assert refused.returncode == 2, refused.stdout
    assert "Traceback" not in refused.stderr

    checkout.run_all(refused.stderr)

    done = checkout.run(*LOOK)
    assert done.returncode == 0, done.stdout + done.stderr
    if written is not None:
        assert (checkout.folder / ".env.old").read_text("utf-8") == text


@pytest.mark.slow
def test_a_variable_that_the_shell_exports_is_unset(checkout: Checkout) -> None:
    assert checkout.run("make", "setup").returncode == 0
    checkout.environment["DAGSTER_HOME"] = GONE
    refused = checkout.run(*LOOK)
    assert refused.returncode == 2

    checkout.run_all(refused.stderr)

    done = checkout.run(*LOOK)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_environment_file_of_an_environment_is_written_again(checkout: Checkout) -> None:
    place = "environments/staging"
    assert checkout.run("make", "environment", "ENV=staging").returncode == 0
    file = checkout.folder / place / ".env"
    whole = file.read_text("utf-8")
    file.write_text(re.sub("DAGSTER_HOME=.*", f"DAGSTER_HOME={GONE}", whole), "utf-8")
    shutil.copytree(checkout.folder / "data", file.parent / "data")
    refused = checkout.run(*LOOK, place=place)
    assert GONE in refused.stderr

    checkout.run_all(refused.stderr, place)

    assert file.read_text("utf-8") == whole


def test_packages_that_are_missing_are_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last command is only planned, as nothing is installed in tests."""
    checkout = Checkout.at(tmp_path / "checkout")
    planned = ("make", "-n", "setup")
    assert "pip sync" not in checkout.run(*planned).stdout
    with monkeypatch.context() as without_packages:
        without_packages.setattr("sys.path", [])
        without_packages.setattr("sys.meta_path", [])
        with pytest.raises(SourceMissing) as refused:
            reference_files()

    clear, setup = commands(str(refused.value))

    assert checkout.run(*clear).returncode == 0
    assert setup == ["make", "setup"]
    assert "pip sync -q --compile-bytecode requirements.lock" in checkout.run(*planned).stdout


@pytest.mark.slow
def test_data_of_an_earlier_format_are_emptied_and_built_again(tmp_path: Path) -> None:
    """The last command is only planned: ``.ci/run`` makes the demo in an empty project."""
    checkout = Checkout.at(tmp_path / "checkout")
    with closing(sqlite3.connect(checkout.folder / "data" / "ledger.db")) as ledger, ledger:
        ledger.executescript(EARLIER)
    refused = checkout.run("ml-assets", "status")
    assert refused.returncode == 2
    clean, build = commands(refused.stderr)
    assert checkout.run(*clean).returncode == 0
    assert [path.name for path in (checkout.folder / "data").iterdir()] == ["README.md"]
    named = [
        checkout.run("ml-assets", *words)
        for words in (
            ["status"],
            ["impact", "sources/flights", "--partition", "2013-01-05"],
            ["lake", "rebuild-ledger"],
        )
    ]
    assert [commands(f"{done.stdout}{done.stderr}") for done in named] == [[build]] * 3

    assert build == ["make", "demo"]
    assert "ml-assets demo" in checkout.run("make", "-n", "demo").stdout
