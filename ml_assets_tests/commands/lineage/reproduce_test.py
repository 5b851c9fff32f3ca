"""The commands about past models as a shell sees them: output and exit codes."""

import json
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets_tests.commands.shell import ml_assets, ml_assets_process
from ml_assets_tests.model_records import (
    DAY,
    FEATURES,
    MODEL,
    alter_in_place,
    made_by,
    ran_with,
    sql,
)
from ml_assets_tests.project import ROOT

Command = Callable[..., "CompletedProcess[str]"]

FIRST = "2013-02-01"


@pytest.fixture
def data(tmp_path: Path, retrained_home: Path) -> Path:
    """What is stored of a project with two champions."""
    stored = retrained_home / "data"
    shutil.copytree(stored / "lake", tmp_path / "data" / "lake")
    shutil.copy(stored / "ledger.db", tmp_path / "data" / "ledger.db")
    return tmp_path / "data"


@pytest.fixture
def lake(data: Path) -> Lake:
    """Its lake."""
    return Lake(str(data / "lake"), Ledger(f"sqlite:///{data / 'ledger.db'}"))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in this process; its settings are those of the copied project."""
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    for name in ("LAKE", "POSTGRES_URL", "SHARED"):
        monkeypatch.delenv(f"ML_ASSETS_{name}", raising=False)

    return partial(ml_assets, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("data", "command")
def test_second_version_is_identical_in_a_process_with_other_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    done = ml_assets_process(tmp_path, "reproduce", "flight_delays", "--version", "2", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(done.stdout)
    assert (made["verdict"], made["as_of"]) == ("identical", "2013-02-04")
    assert made["rebuilt"] == made["recorded"]
    assert made["commands"] == []


def test_model_that_comes_out_differently_exits_1(command: Command, lake: Lake) -> None:
    alter_in_place(lake, DAY)
    ran_with(lake, numpy="1.26.4")

    done = command("reproduce", "flight_delays", "--as-of", FIRST)

    assert done.returncode == 1, done.stderr
    assert f"Version 1 as of {FIRST}: different\n" in done.stdout
    assert f"{FEATURES} {DAY} differs from its recorded content" in done.stdout
    assert "library numpy was 1.26.4 and is " in done.stdout


def test_all_versions_need_all_their_code(command: Command, lake: Lake, data: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    made_by(lake, MODEL, FIRST, {"ml_assets.learning.training": "another"})
    sql(lake, "UPDATE provenance_runs SET git_commit = ?, is_dirty = 1", commit)

    done = command("reproduce", "flight_delays", "--all")

    assert done.returncode == 2, done.stderr
    assert "2 versions: 2 not possible." in done.stdout
    assert "changed modules: ml_assets.learning.training" in done.stdout
    assert "commit 0123456789ab, and code that was not committed" in done.stdout
    assert f"git worktree add ../ml-assets-0123456789ab {commit}" in done.stdout
    assert (
        f"DAGSTER_HOME={data.parent} ML_ASSETS_DATA={data} .venv/bin/ml-assets reproduce "
        "flight_delays --version 1" in done.stdout
    )


def environment_of(checkout: Path) -> None:
    """Stands in for the installation by ``make``, which needs a package index."""
    venv.create(checkout / ".venv", symlinks=True)
    [packages] = (checkout / ".venv").glob("lib/*/site-packages")
    installed = sysconfig.get_path("purelib")
    (packages / "checkout.pth").write_text(f"{checkout}\n{installed}\n", "utf-8")
    script = checkout / ".venv" / "bin" / "ml-assets"
    python = script.with_name("python")
    script.write_text(f"#!{python}\nfrom ml_assets.commands.cli import main\nmain()\n", "utf-8")
    script.chmod(0o755)
    (checkout / ".venv" / ".installed").touch()


def shell(folder: Path, line: str) -> str:
    """Output of a line of a shell in a folder."""
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_printed_commands_rebuild_a_model_with_its_code(
    tmp_path: Path, data: Path, command: Command
) -> None:
    if json.loads(command("reproduce", "flight_delays", "--version", "1", "--json").stdout)[
        "is_dirty"
    ]:
        pytest.skip("the model was trained by code that is in no commit")
    checkout = tmp_path / "checkout"
    shell(tmp_path, f"git clone --quiet {ROOT} {checkout}")
    module = checkout / "ml_assets" / "learning" / "training.py"
    module.write_text(module.read_text("utf-8") + "\ntrain = train\n", "utf-8")
    environment_of(checkout)
    asked = "ml-assets reproduce flight_delays --version 1 --json"
    done = subprocess.run(
        [".venv/bin/" + asked.split(maxsplit=1)[0], *asked.split()[1:]],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    made = json.loads(done.stdout)
    assert made["verdict"] == "not possible"
    add, *_, install, again = made["commands"]
    folder = (checkout / add.split()[3]).resolve()

    shell(checkout, add)
    environment_of(folder)
    reported = shell(checkout, f"{install} && {again}")

    assert "Version 1 as of 2013-02-01: identical" in reported


@pytest.mark.usefixtures("data")
def test_two_versions_are_reported_side_by_side(command: Command) -> None:
    as_text = command("diff", "flight_delays", "1", "2")
    as_json = command("diff", "flight_delays", "1", "2", "--json")

    assert (as_text.returncode, as_json.returncode) == (0, 0), as_text.stderr + as_json.stderr
    found = json.loads(as_json.stdout)
    assert (found["older"]["version"], found["newer"]["version"]) == (1, 2)
    for reported in (
        "version 2 as of 2013-02-04",
        f"{found['older']['volumes'][0]['rows']:,} rows",
        f"{found['comparison'][0]['improvement']:.4f}",
        found["shifts"][0]["feature"],
        "parameter: no difference",
        "passed: all 4 gates",
    ):
        assert reported in as_text.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["reproduce", "flight_delays", "--version", "9"],
            "no version of flight_delays '9'. Known: 1, 2.",
            id="version",
        ),
        pytest.param(
            ["reproduce", "flight_delays", "--as-of", "2013-02-02"],
            "Did you mean '2013-02-0",
            id="day",
        ),
        pytest.param(["reproduce", "flight_delays"], "--version, --as-of and --all", id="none"),
        pytest.param(["reproduce", "flight_delays", "--version", "1", "--all"], "one of", id="two"),
        pytest.param(["reproduce", "flight_delay", "--all"], "mean 'flight_delays'?", id="name"),
        pytest.param(["diff", "flight_delays", "1", "5"], "Known: 1, 2.", id="diff"),
    ],
)
@pytest.mark.usefixtures("data")
def test_arguments_that_cannot_be_used_exit_2(
    command: Command, arguments: list[str], message: str
) -> None:
    done = command(*arguments)

    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_project_without_models_says_so(command: Command) -> None:
    done = command("reproduce", "flight_delays", "--all")

    assert done.returncode == 2
    assert "nothing was materialized there yet" in done.stderr
