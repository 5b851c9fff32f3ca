"""Source: runs that failed, are not retried any more, and left partitions unfinished."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.messages import SHOWN, first_of
from ml_assets.alerts.project import PROJECT
from ml_assets.alerts.sources.days import pipeline_of
from ml_assets.cadence import Calendar, Span
from ml_assets.content import SNAPSHOT
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.ledger.entries import Entry, Status, grouped
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
    reason: str = ""

    @property
    def run(self) -> dg.DagsterRun:
        """The run itself."""
        return self.record.dagster_run

    @property
    def began_at(self) -> datetime:
        """When it began, UTC."""
        start = self.record.start_time
        return datetime.fromtimestamp(start, UTC) if start else self.record.create_timestamp

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
    def span(self) -> Span:
        """Its partitions."""
        tags = self.run.tags
        first = tags.get(PARTITION) or tags.get(RANGE_START) or SNAPSHOT
        return Span(first, tags.get(PARTITION) or tags.get(RANGE_END) or first)

    @property
    def work(self) -> str:
        """The unit of work, or table and partitions, of the run."""
        if unit := self.run.tags.get(UNIT):
            return unit
        span = self.span
        days = span.first if span.first == span.last else f"{span.first} to {span.last}"
        partitions = "" if span.first == SNAPSHOT else f" {days}"
        return f"{first_of(self.tables)}{partitions}" if self.tables else self.run.job_name

    @property
    def command(self) -> str:
        """The command that repeats the run; for a sensor's run, or one of many tables, 'ml-assets status'."""
        if UNIT in self.run.tags or not 0 < len(self.tables) <= SHOWN:
            return "ml-assets status"
        selected = " or ".join(f'key:"{table}"' for table in self.tables)
        return materialize_command(selected) + partition_option(self.span.first, self.span.last)


def failed_runs(
    instance: dg.DagsterInstance,
    ledger: Ledger,
    tables: Mapping[str, Calendar | None],
    now: datetime,
) -> Iterator[Finding]:
    """One finding for each pipeline with failed runs.

    Runs of sensors count when they used up their attempts. Runs of ``ml-assets`` commands do not count, as
    the command prints the failure.

    Args:
        instance: instance with the runs.
        ledger: states of the partitions.
        tables: asset key → its partitions; of others, the first and the last one of a run are looked at.
        now: current time, UTC.
    """
    found = grouped((one.pipeline, one) for one in _failed(instance, ledger, tables, now))
    for pipeline, runs in found.items():
        last = runs[0]
        more = f", and {len(runs) - 1} more" if len(runs) > 1 else ""
        yield Finding(
            kind="run_failed",
            pipeline=pipeline,
            subject=f"{pipeline} runs",
            message=f"run {last.run.run_id[:8]} of {last.work} failed: {last.reason}{more}",
            command=last.command,
            occurrence=f"{max(one.failed_at for one in runs):{SORTABLE}}",
        )


def _failed(
    instance: dg.DagsterInstance,
    ledger: Ledger,
    calendars: Mapping[str, Calendar | None],
    now: datetime,
) -> Iterator[_FailedRun]:
    """Failed runs that nobody retries, the newest first; of a unit of work only the newest."""
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - RECENT)
    seen: set[str] = set()
    for record in instance.get_run_records(failed, limit=MOST_RUNS):
        run = record.dagster_run
        unit = run.tags.get(UNIT, "")
        if unit in seen or (not unit and STARTED_BY in run.tags):
            continue
        tables = _tables(instance, run)
        one = _FailedRun(record, tables or ())
        if tables is not None and not any(
            _is_unfinished(instance, ledger, one, table, calendars.get(table)) for table in tables
        ):
            continue
        if unit:
            seen.add(unit)
            tried = attempts(instance, unit, run.tags[INPUTS])
            if not tried.is_running and tried.failed >= MAX_ATTEMPTS:
                yield replace(one, reason=tried.error)
        else:
            yield replace(one, reason=failure_of(instance, run.run_id) or "it did not start")


def _is_unfinished(
    instance: dg.DagsterInstance,
    ledger: Ledger,
    failed: _FailedRun,
    table: str,
    calendar: Calendar | None,
) -> bool:
    """Whether a partition of a run's table has no result since the run, and no other source finds it."""
    span = failed.span
    entries = ledger.latest(table, span)
    keys = (
        calendar.keys(span.first, span.last)
        if calendar and span.first != SNAPSHOT
        else [span.first, span.last]
    )
    if any(key not in entries or _is_open(entries[key]) for key in keys):
        return True
    is_older = any(_is_written_before(entries[key], failed.began_at) for key in keys)
    return is_older and not _is_made_since(instance, table, span.last, failed.began_at)


def _is_open(entry: Entry) -> bool:
    return entry.status is Status.WRITING or (
        entry.status is Status.SKIPPED and entry.reason.startswith(GIVEN_UP)
    )


def _is_written_before(entry: Entry, moment: datetime) -> bool:
    return entry.written_at is None or entry.written_at.replace(tzinfo=UTC) < moment


def _is_made_since(
    instance: dg.DagsterInstance, table: str, partition: str, moment: datetime
) -> bool:
    """Whether a run has made a partition since: what it found as before has no new entry in the ledger."""
    made = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey(table.split("/")),
        asset_partitions=None if partition == SNAPSHOT else [partition],
        after_timestamp=moment.timestamp(),
    )
    return bool(instance.fetch_materializations(made, limit=1).records)


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
