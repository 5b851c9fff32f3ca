"""Requests each run exactly once: a unit of work has a name, which its runs have as a tag.

A unit that is queued or running is not requested again, however often sensors tick or the daemon
restarts. Attempts are counted per state of the unit's inputs, so that a repair resets them. Runs
that never started, or failed because an external system was not available, do not count: they are
requested again with increasing waits. A unit that failed ``MAX_ATTEMPTS`` times is given up: its
days are recorded as skipped, with the reason and the command that resumes it.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import dagster as dg

from ml_assets.cadence import Calendar, Span
from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.lineage.repair import Step
from ml_assets.orchestration.assets.tables import AS_OF_KEY, FACT_KEY
from ml_assets.orchestration.partitions import input_days, keys_within
from ml_assets.orchestration.runs.attempts import INPUTS, UNIT, attempts
from ml_assets.orchestration.runs.runs import tags_of
from ml_assets.planning.progress import state_key, unfinished, usable

REASON = "ml_assets/reason"
"""Run tag with the reason of the request."""

MAX_ATTEMPTS = 3
GIVEN_UP = f"failed {MAX_ATTEMPTS} times"
"""Beginning of the reason of days that were given up."""


LONGEST_RUN = timedelta(days=31)
"""Most time that one run covers."""


def first_span(days: Collection[str], calendar: Calendar) -> Span:
    """The span from the first of some days, at least one, to the last that fits into the same run.

    Args:
        days: the days in any order.
        calendar: their partitions.
    """
    first = min(days)
    end = calendar.shifted(first, calendar.covering(LONGEST_RUN))
    return Span(first, max(day for day in days if day < end))


@dataclass(frozen=True)
class Unit:
    """A unit of work for one run.

    Attributes:
        name: unique name, the same at every tick.
        tables: tables to materialize, inputs first.
        span: their days; None for tables without days.
        days: the days of the span in order, or the snapshot.
        reads: (table of the unit, day) → its input days, some of which the unit may make itself.
        reason: why the work is needed; empty if its name implies it.
        keeps: tables whose stored days stay stored when the unit is given up, because trained and
            released models remain valid.
    """

    name: str
    tables: Sequence[str]
    span: Span | None
    days: Sequence[str]
    reads: Mapping[tuple[str, str], Sequence[tuple[str, str]]]
    reason: str = ""
    keeps: Collection[str] = ()

    @property
    def inputs_read(self) -> set[tuple[str, str]]:
        """(table, day) of inputs outside the unit."""
        own = {(table, day) for table in self.tables for day in self.days}
        return {node for nodes in self.reads.values() for node in nodes} - own

    @property
    def command(self) -> str:
        """The command that does the same work."""
        first, last = (self.span.first, self.span.last) if self.span else (SNAPSHOT, SNAPSHOT)
        return Step(tuple(self.tables), first, last).command

    def inputs(self, ledger: Ledger) -> str:
        """Hash of the current content of its inputs."""
        return state_key(ledger, self.inputs_read)


def unit_of(
    graph: Any, name: str, tables: Sequence[str], span: Span | None, reason: str = ""
) -> Unit:
    """A unit of work, with its inputs according to the asset graph.

    Args:
        graph: the definitions' asset graph.
        name: its name.
        tables: tables to materialize, inputs first; all of the same cadence.
        span: their days; None for tables without days.
        reason: why the work is needed.
    """
    days = keys_within(graph, tables[0], span) if tables else []
    reads = {
        (table, day): input_days(graph, table, day) for table in sorted(tables) for day in days
    }
    keeps = [table for table in tables if _is_kept(graph, table)]
    return Unit(name, tables, span, days, reads, reason, keeps)


def _is_kept(graph: Any, table: str) -> bool:
    metadata = graph.get(dg.AssetKey(table.split("/"))).metadata
    return bool(metadata.get(AS_OF_KEY) or metadata.get(FACT_KEY))


def request(
    instance: dg.DagsterInstance,
    ledger: Ledger,
    unit: Unit,
    waits: Sequence[int],
    *,
    now: float | None = None,
) -> dg.RunRequest | dg.SkipReason:
    """Request a run for a unit of work, or return why none is requested.

    A unit that failed too often is closed in the ledger, so that it is not requested again until
    its inputs change.

    Args:
        instance: instance with the runs.
        ledger: records of each day.
        unit: the work.
        waits: seconds before each further request after runs that never started or failed with a
            transient error.
        now: the time in seconds since 1970; the current time when omitted.
    """
    inputs = unit.inputs(ledger)
    tried = attempts(instance, unit.name, inputs, since=_given_up_at(ledger, unit))
    if tried.is_running:
        return dg.SkipReason(f"{unit.name} is running.")
    if tried.failed >= MAX_ATTEMPTS:
        reason = give_up(ledger, unit, tried.error)
        return dg.SkipReason(f"{unit.name}: {reason}")
    until = tried.waits_until(waits)
    if until > (time.time() if now is None else now):
        at = time.strftime("%H:%M:%S UTC", time.gmtime(until))
        return dg.SkipReason(
            f"{unit.name} did not start or failed with a transient error; next attempt at {at}."
        )
    return dg.RunRequest(
        run_key=f"{unit.name}, inputs {inputs}, attempt {tried.made + 1}",
        asset_selection=[dg.AssetKey(table.split("/")) for table in unit.tables],
        tags={
            UNIT: unit.name,
            INPUTS: inputs,
            **({REASON: unit.reason} if unit.reason else {}),
            **tags_of(unit.span),
        },
    )


def is_given_up(instance: dg.DagsterInstance, ledger: Ledger, unit: Unit) -> bool:
    """Whether a unit used up its attempts for its current inputs."""
    return attempts(instance, unit.name, unit.inputs(ledger)).failed >= MAX_ATTEMPTS


class Effect(Enum):
    """Whether another run of a unit would change something."""

    WANTED = "it did not run for its current inputs, or has attempts left"
    DONE = "its newest run succeeded for its current inputs"
    GIVEN_UP = "it used up its attempts, and its days are closed"


def effect_of(instance: dg.DagsterInstance, ledger: Ledger, unit: Unit) -> Effect:
    """The effect of another run of a unit.

    Args:
        instance: instance with the runs.
        ledger: records of each day.
        unit: work whose result depends on its inputs only.
    """
    inputs = unit.inputs(ledger)
    newest = instance.get_runs(dg.RunsFilter(tags={UNIT: unit.name}), limit=1)
    if newest and newest[0].is_success and newest[0].tags[INPUTS] == inputs:
        return Effect.DONE
    tried = attempts(instance, unit.name, inputs)
    is_closed = not any(_to_close(ledger, unit, table) for table in unit.tables)
    if not tried.is_running and tried.failed >= MAX_ATTEMPTS and is_closed:
        return Effect.GIVEN_UP
    return Effect.WANTED


def give_up(ledger: Ledger, unit: Unit, error: str) -> str:
    """Record the unfinished days of a unit as skipped and return the recorded reason.

    Each day records all inputs of the unit, because any of them may be the cause, and those of its
    own that the unit makes: when one of them is repaired, the day is open again. Stored days of the
    tables in ``keeps`` are not changed.
    """
    reason = (
        f"{GIVEN_UP} ({error}). Repair the cause. It is tried again when its "
        f"inputs change; to resume it by hand: {unit.command}"
    )
    outside = unit.inputs_read
    present = usable(ledger, [node for nodes in unit.reads.values() for node in nodes])
    ledger.append(
        [
            Entry(
                table,
                day,
                Status.SKIPPED,
                reason=reason,
                reads=[
                    Read(*node, present.get(node, ""), None)
                    for node in sorted(outside.union(unit.reads[table, day]))
                ],
            )
            for table in unit.tables
            for day in _to_close(ledger, unit, table)
        ]
    )
    return reason


def _given_up_at(ledger: Ledger, unit: Unit) -> datetime | None:
    """When open days of a unit were given up; they are open again because an input was repaired."""
    times = [
        entry.written_at.replace(tzinfo=UTC)
        for table in unit.tables
        for entry in ledger.latest(table, _to_close(ledger, unit, table)).values()
        if entry.reason.startswith(GIVEN_UP) and entry.written_at
    ]
    return max(times, default=None)


def _to_close(ledger: Ledger, unit: Unit, table: str) -> list[str]:
    """Unfinished days of a table of a unit, except stored days to keep."""
    latest = ledger.latest(table, unit.days) if table in unit.keeps else {}
    stored = {day for day, entry in latest.items() if entry.status is Status.STORED}
    return [day for day in unfinished(ledger, table, unit.days) if day not in stored]
