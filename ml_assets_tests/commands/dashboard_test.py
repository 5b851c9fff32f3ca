"""``ml-assets dashboard``: files for CI, and a server that follows what is recorded."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from ml_assets.ledger.entries import Entry, Status
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.prepared import CHAMPION
from ml_assets_tests.project import Project

END_SECONDS = 30


def test_pages_are_written_for_pipelines_that_have_begun(
    with_champion: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "site" / "pages"

    done = ml_assets(tmp_path, "dashboard", "--out", str(folder))

    assert done.returncode == 0, done.stderr
    assert {file.name for file in folder.iterdir()} == {"index.html", "flight_delays.html"}
    assert f"Wrote 2 pages. Open {folder / 'index.html'}" in done.stdout
    html = (folder / "flight_delays.html").read_text("utf-8")
    assert f"Serves since {CHAMPION}, released by gates." in html
    assert "Model card: flight_delays, version 1" in html
    assert 'id="chart-drift"' in html


def test_a_project_without_data_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "nothing"))

    done = ml_assets(tmp_path, "dashboard", "--out", str(tmp_path / "pages"))

    assert done.returncode == 2
    assert "Run 'make demo'" in done.stderr
    assert not (tmp_path / "pages").exists()


def test_a_folder_that_cannot_be_written_is_refused(with_champion: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    done = ml_assets(tmp_path, "dashboard", "--out", str(tmp_path / "file" / "pages"))

    assert done.returncode == 2
    assert "cannot be written to" in done.stderr
    assert "--out" in done.stderr


@pytest.fixture
def served(with_champion: Project, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """The command in a process of its own, on a free port."""
    command = [str(Path(sys.executable).with_name("ml-assets")), "dashboard", "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_pages_follow_the_ledger_until_the_command_is_stopped(
    with_champion: Project, served: "subprocess.Popen[str]"
) -> None:
    assert served.stdout is not None
    said = served.stdout.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+/", said)
    assert address, said

    def asked() -> str:
        with urlopen(f"{address[0]}flight_delays.html") as answer:
            return answer.read().decode()

    before = asked()
    reason = "no rows in the source, says the test"
    with_champion.lake.ledger.append(
        [Entry("sources/weather", "2013-02-03", Status.QUARANTINED, reason=reason)]
    )
    after = asked()
    os.kill(served.pid, signal.SIGTERM)

    assert (reason in before, reason in after) == (False, True)
    assert served.wait(END_SECONDS) == 0


@pytest.mark.slow
def test_definitions_and_other_commands_do_not_load_the_library_of_charts(tmp_path: Path) -> None:
    script = (
        "import sys, ml_assets.definitions, ml_assets.commands.cli;"
        "ml_assets.definitions.project_definitions();"
        "print(sorted({'altair', 'vl_convert'} & {*sys.modules}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
