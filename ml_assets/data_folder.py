"""Permissions of the data folder with source rows, models and databases: only for its owner."""

import logging
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

OTHERS = 0o077
"""Permission bits of all users but the owner."""

log = logging.getLogger(__name__)


def keep_private(data: Path) -> None:
    """Restrict all files of this process, and an existing data folder, to the owner.

    Every process of the project calls it: commands, code server, daemon, webserver and run workers.
    Folders then have mode 0700 and files 0600. A data folder with other permissions is corrected
    with all its content, itself last, so that an interrupted correction is repeated.

    Args:
        data: the data folder; it may be missing.
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
