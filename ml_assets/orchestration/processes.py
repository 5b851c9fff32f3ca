"""The processes around a run: those that Dagster starts for its logs, and the one that executes it.

Named in ``dagster.yaml``. With ``instance`` and ``range_events`` the only module that may import
Dagster's private parts.
"""

import contextlib
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._serdes import ConfigurableClassData

CONNECT_SECONDS = 5


class ComputeLogManager(LocalComputeLogManager):
    """Stock local files of what steps print; showing it on the console as well can be left out.

    For that Dagster starts four processes for each run, which costs more than a small run does.
    """

    mirrors_to_console = True

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """What ``dagster.yaml`` configures; stock would return its own class."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Write what is printed to files."""
        if self.mirrors_to_console:
            with super().capture_logs(log_key) as captured:
                yield captured
            return
        with ExitStack() as stack:
            for stream, kind in (
                (sys.stdout, ComputeIOType.STDOUT),
                (sys.stderr, ComputeIOType.STDERR),
            ):
                path = Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind]))
                path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(redirect_to_file(stream, path))
            yield CapturedLogContext(log_key)
        Path(self.complete_artifact_path(log_key)).touch()  # type: ignore[no-untyped-call]


class WatchingRunLauncher(dg.DefaultRunLauncher):
    """Stock launcher that also tells run monitoring of runs whose processes are gone.

    Stock Dagster starts runs in the code server and never looks at them again: when both are
    killed, as when a machine goes down, the run stays *started* for ever and keeps its place.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring asks."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """A living code server reports its dead workers itself; runs of no server are not known."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None or _listens(client.host, client.port, client.socket):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED, "The code server that ran it is gone, and the run with it."
        )


def _listens(host: str, port: int | None, path: str | None) -> bool:
    family, address = (socket.AF_UNIX, path) if path else (socket.AF_INET, (host, port))
    with contextlib.closing(socket.socket(family)) as connection:
        connection.settimeout(CONNECT_SECONDS)
        try:
            connection.connect(address)
        except TimeoutError:
            return True
        except OSError:
            return False
        return True
