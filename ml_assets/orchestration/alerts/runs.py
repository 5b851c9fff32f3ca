"""Source: runs that failed, are not retried any more, and left partitions unfinished."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.project import PROJECT
from ml_assets.alerts.sources.days import pipeline_of
from ml_assets.cadence import Span
from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Status, grouped
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.partitions import PARTITION, RANGE_END, RANGE_START
from ml_assets.orchestration.runs.attempts import INPUTS, UNIT, attempts, failure_of
from ml_assets.orchestration.runs.requests import GIVEN_UP, MAX_ATTEMPTS
from ml_assets.orchestration.runs.runs import STARTED_BY

RECENT = timedelta(days=14)
"""Age of the runs that are looked at."""

PLANNED = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
}

SORTABLE = "%Y-%m-%dT%H:%M:%S.%f"
"""Format of times that sort as texts."""

MOST_RUNS = 100
"""Number of the newest failed runs that are looked at."""


@dataclass(frozen=True)
class _FailedRun:
    record: dg.RunRecord
    tables: Sequence[str]
    reason: str

    @property
    def run(self) -> dg.DagsterRun:
        """The run itself."""
        return self.record.dagster_run

    @property
    def failed_at(self) -> datetime:
        """When it failed, UTC."""
        end = self.record.end_time
        return datetime.fromtimestamp(end, UTC) if end else self.record.update_timestamp

    @property
    def pipeline(self) -> str:
        """The pipeline of most of its tables."""
        names = Counter(map(pipeline_of, self.tables))
        return min(names, key=lambda name: (-names[name], name), default=PROJECT)

    @property
    def work(self) -> str:
        """What it should have done."""
        return self.run.tags.get(UNIT) or ", ".join(self.tables) or self.run.job_name


def failed_runs(instance: dg.DagsterInstance, ledger: Ledger, now: datetime) -> Iterator[Finding]:
    """One finding for each pipeline with failed runs.

    Runs of sensors count when they used up their attempts. Runs of ``ml-assets`` commands do not count: the
    command told whoever started it.

    Args:
        instance: instance with the runs.
        ledger: states of the partitions.
        now: current time, UTC.
    """
    found = grouped((one.pipeline, one) for one in _failed(instance, ledger, now))
    for pipeline, runs in found.items():
        last = runs[0]
        more = f", and {len(runs) - 1} more" if len(runs) > 1 else ""
        yield Finding(
            kind="run_failed",
            pipeline=pipeline,
            subject=f"{pipeline} runs",
            message=f"run {last.run.run_id[:8]} of {last.work} failed: {last.reason}{more}",
            command="ml-assets status",
            occurrence=f"{max(one.failed_at for one in runs):{SORTABLE}}",
        )


def _failed(instance: dg.DagsterInstance, ledger: Ledger, now: datetime) -> Iterator[_FailedRun]:
    """Failed runs that nobody retries, the newest first; of a unit of work only the newest."""
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - RECENT)
    seen: set[str] = set()
    for record in instance.get_run_records(failed, limit=MOST_RUNS):
        run = record.dagster_run
        unit = run.tags.get(UNIT, "")
        if unit in seen or (not unit and STARTED_BY in run.tags):
            continue
        tables = _tables(instance, run)
        if not _left_unfinished(ledger, tables, run):
            continue
        if unit:
            seen.add(unit)
            tried = attempts(instance, unit, run.tags[INPUTS])
            if not tried.is_running and tried.failed >= MAX_ATTEMPTS:
                yield _FailedRun(record, tables or (), tried.error)
        else:
            reason = failure_of(instance, run.run_id) or "it did not start"
            yield _FailedRun(record, tables or (), reason)


def _left_unfinished(ledger: Ledger, tables: Sequence[str] | None, run: dg.DagsterRun) -> bool:
    """Whether a partition of a run is neither stored nor told of by another source; True for one of no assets."""
    return tables is None or any(_is_unfinished(ledger, table, run) for table in tables)


def _is_unfinished(ledger: Ledger, table: str, run: dg.DagsterRun) -> bool:
    first = run.tags.get(PARTITION) or run.tags.get(RANGE_START) or SNAPSHOT
    last = run.tags.get(PARTITION) or run.tags.get(RANGE_END) or SNAPSHOT
    entries = ledger.latest(table, Span(first, last))
    return last not in entries or any(
        entry.status is Status.WRITING
        or (entry.status is Status.SKIPPED and entry.reason.startswith(GIVEN_UP))
        for entry in entries.values()
    )


def _tables(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Sequence[str] | None:
    """The tables that a run should have made: none of a run of checks; None for a run of no assets."""
    if run.asset_selection:
        return sorted(map(table_name, run.asset_selection))
    planned = [log.get_dagster_event() for log in instance.all_logs(run.run_id, of_type=PLANNED)]
    keys = {
        event.asset_key
        for event in planned
        if event.event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED and event.asset_key
    }
    return sorted(map(table_name, keys)) if planned else None
