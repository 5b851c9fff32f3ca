"""What is kept of runs, code versions and columns, on a real database and in a real checkout."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_assets.errors import ConfigurationError
from ml_assets.provenance.code import Code
from ml_assets.provenance.provenance import Environment, Provenance, environment_of_process
from ml_assets_tests.project import ROOT

THERE = Environment("abc123", True, {"numpy": "2.4.6", "python": "3.11.7"})
ASK = (
    "from ml_assets.provenance.provenance import environment_of_process as e;"
    "print(e().commit, e().is_dirty)"
)


@pytest.fixture
def provenance(tmp_path: Path) -> Provenance:
    """An empty store."""
    return Provenance(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_a_run_is_stored_with_its_environment(provenance: Provenance) -> None:
    provenance.record_run("run", THERE)

    run = provenance.run("run")

    assert run is not None
    assert run.environment == THERE
    assert provenance.run("another") is None


def test_a_run_is_recorded_only_once(provenance: Provenance) -> None:
    provenance.record_run("run", THERE)
    provenance.record_run("run", Environment("def456", False, {}))

    run = provenance.run("run")

    assert run is not None
    assert run.environment.commit == "abc123"


def test_environment_of_this_process_has_python_and_libraries(provenance: Provenance) -> None:
    provenance.record_run("run")

    run = provenance.run("run")

    assert run is not None
    assert run.environment.libraries["python"] == sys.version.split()[0]
    assert {"numpy", "pandas", "scikit-learn"} <= set(run.environment.libraries)
    assert run.environment == environment_of_process()


def test_a_code_version_is_stored_with_modules_and_parameters(provenance: Provenance) -> None:
    code = Code("v1", {"ml_assets.errors": "aa"}, [{"max_iter": 5}, ["carrier"]])

    provenance.record_code(code)
    provenance.record_code(code)

    assert provenance.code("v1") == code
    assert provenance.code("v2") is None


def test_columns_are_those_recorded_last(provenance: Provenance) -> None:
    provenance.record_columns("a/features", {"old": [("a/source", "x")]})
    provenance.record_columns(
        "a/features", {"rate": [("a/source", "y"), ("a/source", "x")], "constant": []}
    )

    assert provenance.columns() == {
        ("a/features", "rate"): [("a/source", "x"), ("a/source", "y")],
        ("a/features", "constant"): [],
    }


def test_concurrent_writers_record_a_run_once(provenance: Provenance) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: provenance.record_run("run", THERE), range(12)))

    run = provenance.run("run")

    assert run is not None
    assert run.environment == THERE


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The package in a repository of its own, with one commit."""
    shutil.copytree(
        ROOT / "ml_assets",
        tmp_path / "ml_assets",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copy(ROOT / ".gitignore", tmp_path / ".gitignore")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        _git(tmp_path, *arguments)
    return tmp_path


def test_clean_checkout_is_its_commit(checkout: Path) -> None:
    assert _answer(checkout) == f"{_git(checkout, 'rev-parse', 'HEAD')} False"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda file: file.write_text("changed = 1\n"), id="changed"),
        pytest.param(lambda file: file.unlink(), id="deleted"),
        pytest.param(lambda file: file.with_name("added.py").touch(), id="added"),
    ],
)
def test_changed_code_makes_the_environment_dirty(
    checkout: Path, change: Callable[[Path], object]
) -> None:
    change(checkout / "ml_assets" / "commands" / "demo.py")

    assert _answer(checkout) == f"{_git(checkout, 'rev-parse', 'HEAD')} True"


def test_files_that_are_not_code_are_ignored(checkout: Path) -> None:
    (checkout / "notes.txt").touch()

    assert _answer(checkout).endswith(" False")


def test_without_a_checkout_the_commit_is_a_setting(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(checkout / ".git")
    monkeypatch.setenv("ML_ASSETS_COMMIT", "fedcba")

    assert _answer(checkout) == "fedcba False"


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _answer(checkout: Path) -> str:
    """What a process says that runs the code of that checkout."""
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=checkout, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        pytest.param("text.db", "cannot be used as the ledger", id="no database"),
        pytest.param("text.db/ledger.db", "cannot be used as the data folder", id="no folder"),
    ],
)
def test_an_unusable_ledger_path_is_reported(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "text.db").write_text("this is no database, " * 100)

    with pytest.raises(ConfigurationError, match=message):
        Provenance(f"sqlite:///{tmp_path / place}").run("run")
