"""A checkout with the installed environment of these tests: what ``make`` and a shell need to work in it.

Nothing is installed: ``.venv`` links to the environment, and the code is that of the tests.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from ml_assets_tests.project import ROOT
from ml_assets_tests.remedies import commands

FILES = ("Makefile", "workspace.yaml", "dagster.yaml", "requirements.lock", "pyproject.toml")
OF_A_PROJECT = ("ML_ASSETS_", "DAGSTER_")
"""Prefixes of variables that tests of a project in this process set."""


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OF_A_PROJECT)}


@dataclass(frozen=True)
class Checkout:
    """A folder with a project, and the variables of a shell in it.

    Attributes:
        folder: its root.
        environment: what the shell exports.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=_environment)

    @classmethod
    def at(cls, folder: Path) -> "Checkout":
        """Make a checkout of a folder, which may have data."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copy2(ROOT / name, folder / name)
        shutil.copytree(
            ROOT / "environments",
            folder / "environments",
            ignore=lambda at, names: [
                name for name in names if not name.endswith(".env") or name == ".env"
            ],
        )
        (folder / "data").mkdir(exist_ok=True)
        shutil.copy2(ROOT / "data" / "README.md", folder / "data")
        (folder / ".venv").mkdir()
        for part in Path(sys.prefix).iterdir():
            if part.name != ".installed":
                (folder / ".venv" / part.name).symlink_to(part)
        (folder / ".venv" / ".installed").touch()
        return cls(folder)

    def run(self, *words: str, place: str = ".") -> "subprocess.CompletedProcess[str]":
        """Run a command as its shell would.

        Args:
            words: the command.
            place: working folder, below the root.
        """
        if words[0] == "unset":
            del self.environment[words[1]]
            words = ("true",)
        programs = self.folder / ".venv" / "bin"
        path = os.pathsep.join([str(programs), self.environment["PATH"]])
        return subprocess.run(
            words,
            cwd=self.folder / place,
            env={**self.environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def run_all(self, text: str, place: str = ".") -> None:
        """Run every command of a message, in its order.

        Raises:
            AssertionError: one failed, or there is none.
        """
        for words in commands(text):
            done = self.run(*words, place=place)
            assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
