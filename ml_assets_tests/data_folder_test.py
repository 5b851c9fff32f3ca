"""The data folder: only its owner can read it, whichever process wrote it."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_assets.data_folder import keep_private
from ml_assets_tests.project import DICTIONARIES, Project


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """The umask of a login shell, also for the processes that a test starts."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def readable_by_others(folder: Path) -> list[str]:
    """Paths in a folder, including itself, that other users can access."""
    paths = [folder, *folder.rglob("*")]
    return [
        f"{stat.filemode(path.stat().st_mode)} {path.relative_to(folder)}"
        for path in paths
        if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]


def test_a_folder_that_others_can_read_is_corrected_once(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "lake").mkdir(parents=True)
    for file in (data / "source.db", data / "lake" / "rows.parquet", outside):
        file.touch()
    (data / "run.sh").touch(0o755)
    (data / "link").symlink_to(outside)

    keep_private(data)

    assert readable_by_others(data) == []
    assert (data / "run.sh").stat().st_mode & 0o777 == 0o700
    assert outside.stat().st_mode & 0o777 == 0o644, "what a link leads to is not ours"
    (data / "new").touch()
    assert readable_by_others(data) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    keep_private(tmp_path / "data")

    assert not (tmp_path / "data").exists()


def test_everything_that_a_project_with_models_wrote_is_private(with_champion: Project) -> None:
    written = {
        path.relative_to(with_champion.data).parts[0] for path in with_champion.data.rglob("*")
    }
    assert {"lake", "models", "mlflow.db", "ledger.db", "dagster"} <= written
    assert readable_by_others(with_champion.data) == []


@pytest.mark.slow
def test_commands_and_run_processes_write_private_files(project: Project) -> None:
    home, data = project.data.parent, project.data
    project.source.unlink()
    shutil.rmtree(project.systems.files)
    data.chmod(0o755)
    commands = [
        ["ml-assets", "source", "load", "--last-day", "2013-01-03"],
        [
            "dagster",
            "asset",
            "materialize",
            "-m",
            "ml_assets.definitions",
            "--select",
            DICTIONARIES,
        ],
        ["ml-assets", "checks", "--select", DICTIONARIES],
    ]
    for command in commands:
        done = subprocess.run(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    assert (data / "lake").is_dir()
    assert readable_by_others(data) == []
