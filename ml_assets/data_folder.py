"""The data folder is for its owner only: it holds the source's rows, models and databases."""

import logging
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

OTHERS = 0o077
"""Permission bits of everybody but the owner."""

log = logging.getLogger(__name__)


def keep_private(data: Path) -> None:
    """Create all files of this process for the owner only, and correct a folder that is not.

    Each of the project's processes calls it: commands, code server, daemon, webserver and run
    workers. Folders then have mode 0700 and files 0600. A folder made by an earlier version is
    corrected with everything in it, once: its own mode, which tells, is changed last.

    Args:
        data: the data folder; it need not exist.
    """
    os.umask(OTHERS)
    if not data.is_dir() or not data.stat().st_mode & OTHERS:
        return
    try:
        for path in [*_below(data), data]:
            path.chmod(path.stat().st_mode & ~OTHERS)
    except OSError as error:
        log.warning(
            f"{data} can be read by other users of this machine, and its permissions cannot be "
            f"changed ({error.strerror}). Run 'chmod -R go= {shlex.quote(str(data))}' as its owner."
        )


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root, name)
            if not path.is_symlink():
                yield path
