"""The ``ml-assets`` command as a shell sees it: output and exit code."""

import io
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from ml_assets.commands.cli import main
from ml_assets.settings import settings

TIMEOUT_SECONDS = 300


def ml_assets(folder: Path, *arguments: str) -> "CompletedProcess[str]":
    """Run the command in a folder, in this process: a process of its own takes seconds to start."""
    command = ["ml-assets", *arguments]
    output, errors, code = io.StringIO(), io.StringIO(), 0
    settings.cache_clear()
    with (
        chdir(folder),
        patch.object(sys, "argv", command),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    settings.cache_clear()
    return CompletedProcess(command, code, output.getvalue(), errors.getvalue())


def ml_assets_process(folder: Path, *arguments: str) -> "CompletedProcess[str]":
    """Run the command in a folder, in a process of its own."""
    command = [str(Path(sys.executable).with_name("ml-assets")), *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
