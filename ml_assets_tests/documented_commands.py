"""Runs the commands of documentation pages one after the other, as a reader would type them.

``python -m ml_assets_tests.documented_commands README.md`` after ``make demo``, from the project's
root: every ``ml-assets``, ``dg`` and ``dagster`` command in a table or a console block of the pages,
and every ``python`` and ``rm`` command of a console block, but those of an earlier page or runbook. With ``--copy`` they run in a
temporary copy of the project without data, which is deleted afterwards. Elsewhere the commands of this environment
that need no shell are forks of a process that has imported their libraries.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ml_assets.environment import lines
from ml_assets_tests.forks import kill_group, running

IN_TABLE = re.compile(r"^\|[^|]*\| `((?:ml-assets|dg|dagster) [^`]+)` ?[;,|]", re.MULTILINE)
IN_CONSOLE = re.compile(r"^\$ ((?:ml-assets|dg|dagster|python|rm) .+?)(?: +#.*)?$", re.MULTILINE)

ENDLESS = "ml-assets serve"
"""Start of a command that runs until it is stopped; ``documented_request`` runs it."""

REFUSED = {"ml-assets approve": "was released since"}
"""Start of a command that the demo's data refuses → a part of the expected message."""

RUNBOOK = re.compile(r"^### ", re.MULTILINE)
"""Start of a section that is read alone."""

COPY = "--copy"
ROOT = Path(__file__).parents[1]

SECONDS = 600
"""Maximum time of one command."""

INSTALLED = {"ml-assets", "dg", "dagster"}
FOR_A_SHELL = re.compile(r"[|&;<>()$`\\*?\[\]{}~#!]")
"""Characters that mean something to a shell outside of quotes."""


def commands_of(page: str) -> Iterator[str]:
    """The commands of a page, in its order.

    Args:
        page: text of the page; long lines may continue after a backslash.
    """
    text = page.replace("\\\n", " ")
    found = sorted([*IN_TABLE.finditer(text), *IN_CONSOLE.finditer(text)], key=re.Match.start)
    commands = (" ".join(match[1].split()) for match in found)
    yield from (command for command in commands if not command.startswith(ENDLESS))


def commands_of_all(pages: Iterable[str]) -> Iterator[str]:
    """The commands of some pages; one that an earlier page or runbook has is left out.

    Args:
        pages: their texts; each section at the third level of headings is a runbook.
    """
    known: set[str] = set()
    for page in (part for text in pages for part in RUNBOOK.split(text)):
        found = [command for command in commands_of(page) if command not in known]
        yield from found
        known.update(found)


def problem_of(command: str, exit_code: int, output: str) -> str:
    """Why a command did not do what its page says; empty if it did."""
    expected = next((text for start, text in REFUSED.items() if command.startswith(start)), None)
    if expected is None:
        return f"exit {exit_code}" if exit_code else ""
    return "" if exit_code and expected in " ".join(output.split()) else f"no '{expected}'"


def main(pages: Sequence[str]) -> int:
    """Run the commands of the pages.

    Args:
        pages: paths of the pages; ``--copy`` first runs their commands in a copy of the project.

    Returns:
        The number of commands that did not do what their page says.
    """
    if pages[0] != COPY:
        return run(pages, Path.cwd(), os.environ)
    with tempfile.TemporaryDirectory(prefix="documented-") as folder:
        return run(pages[1:], Path(folder), copied_to(Path(folder)))


def copied_to(folder: Path) -> dict[str, str]:
    """Copy the project's files, those that git knows, and return the variables of a shell there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / "data" / "source_files").mkdir(parents=True)
    own = {name: text for name, text in os.environ.items() if not name.startswith("ML_ASSETS_")}
    of_env_file = dict(line.split("=", 1) for line in lines(folder))
    return {**own, **of_env_file, "PYTHONPATH": str(folder)}


def run(pages: Sequence[str], folder: Path, variables: Mapping[str, str]) -> int:
    """Run the commands of the pages in a folder.

    Returns:
        The number of commands that did not do what their page says.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"
    problems = 0
    for command in commands_of_all(Path(page).read_text("utf-8") for page in pages):
        start = time.monotonic()
        if folder == Path.cwd() and is_of_this_project(command):
            exit_code, output = forked(command, folder)
        else:
            exit_code, output = in_shell(command, folder, {**variables, "PATH": path})
        problem = problem_of(command, exit_code, output)
        problems += bool(problem)
        print(f"{problem or 'ok'}\t{time.monotonic() - start:.1f} s\t{command}", flush=True)
        if problem:
            print(output)
    return problems


def is_of_this_project(command: str) -> bool:
    """Whether a command is one of this environment, and a shell would only split it into words."""
    without_quoted = re.sub(r"'[^']*'", "", command)
    return shlex.split(command)[0] in INSTALLED and not FOR_A_SHELL.search(without_quoted)


def forked(command: str, folder: Path) -> tuple[int, str]:
    """Exit code and output of a command in a fork, which does not import its libraries again."""
    with tempfile.NamedTemporaryFile() as log:
        process = running(folder, *shlex.split(command), log=Path(log.name))
        process.join(SECONDS)
        if process.exitcode is None:
            kill_group(process)
            raise TimeoutError(f"'{command}' took more than {SECONDS} s")
        return process.exitcode, log.read().decode()


def in_shell(command: str, folder: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and output of a command in bash."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=variables,
        timeout=SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
