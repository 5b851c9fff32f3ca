"""Processes of a run: in-process execution, capture of its output, and the run launcher.

Configured in ``dagster.yaml``.
"""

import contextlib
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import (
    ExecuteRunWithPlanIterable,
    create_execution_plan,
    job_execution_iterator,
)
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.execution.context_creation_job import (
    PlanOrchestrationContextManager,
    orchestration_context_event_generator,
)
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.snap import snapshot_from_execution_plan
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._serdes import ConfigurableClassData

CONNECT_SECONDS = 5

CODE_LOCATION = "ml_assets.definitions"
"""The code location's name in ``workspace.yaml``."""

REPOSITORY = "__repository__"
"""Dagster's default name for the repository of a code location."""


@dataclass(frozen=True)
class Executed:
    """A run that was executed in this process.

    Attributes:
        run_id: Dagster's id of the run.
        succeeded: whether it succeeded.
        events: its events in order.
    """

    run_id: str
    succeeded: bool
    events: Sequence[dg.DagsterEvent]


def execute_in_process(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    *,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any],
) -> Executed:
    """Execute a job in this process, in a run with its assets, checks and code location.

    ``JobDefinition.execute_in_process`` leaves all three empty, so Dagster's Runs page shows no
    target and its Timeline no row for the run.

    Args:
        job: a subset of the asset job, whose selections become those of the run.
        instance: where the run is recorded.
        tags: tags of the run.
        run_config: configuration of the run.
    """
    ephemeral = job.as_ephemeral_job(resource_defs={}, input_values={})
    in_memory = InMemoryJob(ephemeral)
    plan = create_execution_plan(in_memory, run_config=run_config, instance_ref=instance.get_ref())
    run = instance.create_run(
        job_name=job.name,
        run_id=None,
        run_config=run_config,
        status=None,
        tags={**ephemeral.run_tags, **tags},
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, ephemeral.get_job_snapshot_id()),
        job_snapshot=ephemeral.get_job_snapshot(),
        parent_job_snapshot=ephemeral.get_parent_job_snapshot(),
        asset_selection=job.asset_selection,
        asset_check_selection=job.asset_check_selection,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=RemoteJobOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(CODE_LOCATION), REPOSITORY),
            job.name,
        ),
        job_code_origin=None,
        asset_graph=ephemeral.asset_layer.asset_graph,
    )
    iterable = ExecuteRunWithPlanIterable(
        execution_plan=plan,
        iterator=job_execution_iterator,
        execution_context_manager=PlanOrchestrationContextManager(
            context_event_generator=orchestration_context_event_generator,
            job=in_memory,
            execution_plan=plan,
            dagster_run=run,
            instance=instance,
            run_config=run_config,
            raise_on_error=False,
            executor_defs=None,
            output_capture=None,
        ),
    )
    events = list(iterable)
    ended = instance.get_run_by_id(run.run_id)
    return Executed(run.run_id, ended is not None and ended.is_success, events)


class ComputeLogManager(LocalComputeLogManager):
    """Stock capture of the steps' output in local files, with optional output on the console.

    For console output Dagster starts four processes per run, which takes longer than a small run.
    """

    mirrors_to_console = True

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Create an instance of this class; stock Dagster would return its own class."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Redirect the output to files."""
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
    """Stock launcher that also reports runs whose processes no longer exist to run monitoring.

    Stock Dagster starts runs in the code server and never checks them again. If both are killed, as
    when a machine goes down, the run stays *started* forever and occupies its place in the queue.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Enables the health check in run monitoring."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Failed if the run's code server is gone; a running server reports failed workers itself."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None or _listens(client.host, client.port, client.socket):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED, "The code server that executed the run no longer exists."
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
