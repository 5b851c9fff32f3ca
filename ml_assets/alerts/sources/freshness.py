"""Source: tables without the partitions that their ``fresh_within`` demands."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Generic, TypeVar

from ml_assets.alerts.finding import Finding, Level
from ml_assets.alerts.freshness import Delay, Freshness, Partition
from ml_assets.alerts.messages import spelled_time
from ml_assets.alerts.sources.days import pipeline_of
from ml_assets.alerts.watched import WatchedTable
from ml_assets.cadence import DAYS, Span
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.overview import Overview
from ml_assets.ledger.summary import spelled

V = TypeVar("V")

KIND = "table_stale"


class Recorded:
    """What the ledger knows; of each table a span is read once.

    Args:
        ledger: states of the partitions.
    """

    def __init__(self, ledger: Ledger) -> None:
        overview = Overview(ledger.url)
        self.first = cache(overview.first_stored)
        """Table → its first partition that was ever stored; None for none."""
        self.latest = _Spans(ledger.latest)
        """Table and span → partition → its latest entry."""
        self.stored_at = _Spans(overview.first_times)
        """Table and span → partition → when it was stored for the first time."""


class _Spans(Generic[V]):
    """Reads a span of a table unless it was read."""

    def __init__(self, read: Callable[[str, Span], dict[str, V]]) -> None:
        self._read = read
        self._known: dict[str, tuple[Span, dict[str, V]]] = {}

    def __call__(self, table: str, span: Span) -> dict[str, V]:
        if table in self._known:
            known, values = self._known[table]
            if known.first <= span.first and span.last <= known.last:
                return values
            span = Span(min(known.first, span.first), max(known.last, span.last))
        values = self._read(table, span)
        self._known[table] = span, values
        return values


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
    table, first = delay.table, delay.keys[0]
    entry = recorded.latest(table.key, Span(first, first)).get(first)
    return Finding(
        kind=KIND,
        pipeline=pipeline_of(table.key),
        subject=table.key,
        message=f"{_lateness(delay, now)}; {_cause(delay, tables, entry, now)}",
        since=first,
        until=delay.keys[-1],
        command=_command(delay),
        own_level=Level.INFO if delay.is_told_elsewhere else None,
    )


def _lateness(delay: Delay, now: datetime) -> str:
    name = f"{delay.table.key} {spelled(delay.keys)}"
    due = f"due {delay.deadline:%Y-%m-%d %H:%M} UTC"
    if now < delay.deadline:
        return f"{name} will be late, {due}"
    late = f"{spelled_time(now - delay.deadline)} late"
    is_one = len(delay.keys) == 1
    return f"{name} is {late}, {due}" if is_one else f"{name} are up to {late}, the first {due}"


def _cause(
    delay: Delay, tables: Mapping[str, WatchedTable], entry: Entry | None, now: datetime
) -> str:
    """The cause of the delay of the first late partition."""
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
    if not delay.table.inputs:
        return "it waits for its source system"
    since = f" since {waiting.ready_at:%Y-%m-%d %H:%M} UTC" if waiting.ready_at else ""
    return f"all its inputs are stored{since}{f', and {usual}' if usual else ''}"


def _end(missing: Partition, tables: Mapping[str, WatchedTable]) -> str:
    calendar = tables[missing.table].calendar if missing.table in tables else DAYS
    return f"{calendar.bounds(missing.key)[1]:%Y-%m-%d %H:%M} UTC"


def _command(delay: Delay) -> str:
    """The command that computes the first partitions, as far as all that they read is stored."""
    if not delay.computable or not delay.table.inputs:
        return "ml-assets status"
    selected = materialize_command(f'key:"{delay.table.key}"')
    return selected + partition_option(delay.computable[0], delay.computable[-1])
