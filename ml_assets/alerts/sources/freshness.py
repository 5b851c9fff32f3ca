"""Source: tables without the partitions that their ``fresh_within`` demands."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from ml_assets.alerts.finding import Finding, Level
from ml_assets.alerts.freshness import Delay, Freshness, History, Partition
from ml_assets.alerts.messages import spelled_time
from ml_assets.alerts.sources.days import pipeline_of
from ml_assets.alerts.watched import WatchedTable
from ml_assets.cadence import DAYS, Span
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.overview import Overview

KIND = "table_stale"


class Recorded:
    """What the ledger knows, read once for each table and span.

    Args:
        ledger: states of the partitions.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._overview = Overview(ledger.url)
        self._first: dict[str, str | None] = {}
        self._known: dict[str, tuple[Span, History]] = {}

    def first(self, table: str) -> str | None:
        """The first partition of a table that was ever stored; None for none."""
        if table not in self._first:
            self._first[table] = self._overview.first_stored(table)
        return self._first[table]

    def of(self, table: str, span: Span) -> History:
        """The history of at least a span of partitions."""
        known, history = self._known.get(table, (None, None))
        if known and history and known.first <= span.first and span.last <= known.last:
            return history
        if known:
            span = Span(min(known.first, span.first), max(known.last, span.last))
        history = History(self._ledger.latest(table, span), self._overview.first_times(table, span))
        self._known[table] = (span, history)
        return history


def stale_tables(
    ledger: Ledger,
    tables: Mapping[str, WatchedTable],
    until: str,
    now: datetime,
    pipeline: str | None = None,
) -> Iterator[Finding]:
    """At most one finding for each table with a limit: partitions are late, or the next one will be.

    Args:
        ledger: states of the partitions.
        tables: asset key → table; also those without a limit, which others wait for.
        until: last partition; later ones are ignored.
        now: current time, UTC.
        pipeline: the pipeline, or the folder of source tables, that is looked at; None for all.
    """
    recorded = Recorded(ledger)
    freshness = Freshness(tables, recorded, now, until)
    for key, table in tables.items():
        if table.fresh_within is None or pipeline not in (None, pipeline_of(key)):
            continue
        if delay := freshness.delay(table):
            yield _finding(delay, tables, recorded, now)


def _finding(
    delay: Delay, tables: Mapping[str, WatchedTable], recorded: Recorded, now: datetime
) -> Finding:
    table, last = delay.table, delay.keys[-1]
    entry = recorded.of(table.key, Span(last, last)).latest.get(last)
    return Finding(
        kind=KIND,
        pipeline=pipeline_of(table.key),
        subject=table.key,
        message=f"{_lateness(delay, now)}; {_cause(delay, tables, entry, now)}",
        since=delay.keys[0],
        until=last,
        command=_command(delay),
        own_level=Level.INFO if delay.is_told_elsewhere else None,
    )


def _lateness(delay: Delay, now: datetime) -> str:
    name = f"{delay.table.key} {delay.keys[-1]}"
    due = f"due {delay.deadline:%Y-%m-%d %H:%M} UTC"
    if now < delay.deadline:
        return f"{name} will be late, {due}"
    earlier = f", and {len(delay.keys) - 1} earlier" if len(delay.keys) > 1 else ""
    return f"{name} is {spelled_time(now - delay.deadline)} late, {due}{earlier}"


def _cause(
    delay: Delay, tables: Mapping[str, WatchedTable], entry: Entry | None, now: datetime
) -> str:
    """What the last partition of a delay waits for."""
    waiting = delay.waiting
    usual = f"it usually takes {spelled_time(waiting.usual)}" if waiting.usual else ""
    if waiting.path:
        missing = waiting.path[-1]
        since = f"it waits for {missing.table} {missing.key}, missing since {_end(missing, tables)}"
        return f"{since}; from then on {usual}" if usual and now < delay.deadline else since
    if entry and entry.status is Status.SKIPPED:
        return f"it was skipped: {entry.reason}"
    if entry and entry.status is Status.WRITING:
        return f"its run began {entry.written_at:%Y-%m-%d %H:%M} UTC and did not finish"
    if waiting.ready_at is None:
        return "it waits for its source system"
    read = f"all that it reads is stored since {waiting.ready_at:%Y-%m-%d %H:%M} UTC"
    return f"{read}, and {usual}" if usual else read


def _end(missing: Partition, tables: Mapping[str, WatchedTable]) -> str:
    calendar = tables[missing.table].calendar if missing.table in tables else DAYS
    return f"{calendar.bounds(missing.key)[1]:%Y-%m-%d %H:%M} UTC"


def _command(delay: Delay) -> str:
    """Materializes what can be; a run is only as far behind as the most upstream table that is missing."""
    if delay.waiting.path or delay.waiting.ready_at is None:
        return "ml-assets status"
    selected = materialize_command(f'key:"{delay.table.key}"')
    return selected + partition_option(delay.keys[0], delay.keys[-1])
