"""Counts the runs of a unit of work by result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
from dagster import DagsterEventType

from ml_assets.orchestration.runs.retries import is_transient
from ml_assets.orchestration.runs.runs import failure_message

UNIT = "ml_assets/unit"
"""Run tag with the name of the unit of work."""

INPUTS = "ml_assets/inputs"
"""Run tag with the hash of the unit's inputs."""


@dataclass(frozen=True)
class Attempts:
    """The runs of a unit for one state of its inputs.

    Attributes:
        is_running: whether a run is queued or running.
        made: number of runs.
        failed: number of runs that failed with a permanent error.
        error: the last of these errors.
        postponed: number of runs that never started or failed with a transient error.
        last_end: end of the last postponed run, in seconds since 1970.
    """

    is_running: bool
    made: int
    failed: int
    error: str
    postponed: int
    last_end: float

    def waits_until(self, waits: Sequence[int]) -> float:
        """When the unit may be requested again, in seconds since 1970.

        Args:
            waits: seconds before each further attempt.
        """
        if not (self.postponed and waits):
            return self.last_end
        return self.last_end + waits[min(self.postponed, len(waits)) - 1]


def attempts(
    instance: dg.DagsterInstance, unit: str, inputs: str, *, since: datetime | None = None
) -> Attempts:
    """Count the runs of a unit by result.

    Args:
        instance: instance with the runs.
        unit: name of the unit.
        inputs: hash of the current content of its inputs.
        since: failures before do not count.
    """
    is_running = any(
        not run.is_finished for run in instance.get_runs(dg.RunsFilter(tags={UNIT: unit}))
    )
    records = instance.get_run_records(dg.RunsFilter(tags={UNIT: unit, INPUTS: inputs}))
    failed, postponed, error, last_end = 0, 0, "", 0.0
    for record in reversed(records):
        is_earlier = since is not None and record.create_timestamp <= since
        if is_earlier or not record.dagster_run.is_failure_or_canceled:
            continue
        found = failure_of(instance, record.dagster_run.run_id)
        if found is None:
            postponed += 1
            last_end = record.end_time or 0.0
        else:
            failed, error = failed + 1, found
    return Attempts(is_running, len(records), failed, error, postponed, last_end)


def failure_of(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """Why a run failed; None if it never started or failed with a transient error."""
    kinds = {DagsterEventType.STEP_START, DagsterEventType.STEP_FAILURE}
    events = [log.get_dagster_event() for log in instance.all_logs(run_id, of_type=kinds)]
    failures = [event for event in events if event.is_step_failure]
    if not events or (failures and all(is_transient(event) for event in failures)):
        return None
    if not failures:
        return "the run was killed"
    return failure_message(failures[0])
