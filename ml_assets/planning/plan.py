"""Plans which days of a run are computed, left unchanged, or skipped.

The rules: the input days of the same date must be stored and up to date. Look-back days that are
not usable count as missing and are listed. A day is not computed again while its inputs and code
match those of its stored rows. A stale input is recorded as not usable, so recomputing it reopens
the days that were skipped because of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from ml_assets.errors import TerminalError, sentence
from ml_assets.lake.remedy import impact_command, materialize_day_command, repair_commands
from ml_assets.lake.store import Lake, Window
from ml_assets.ledger.entries import Entry, Read, Status, inputs_hash
from ml_assets.planning.inputs import Input
from ml_assets.planning.staleness import changed_input, stale_tables

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """The action of a run for each of its days.

    Attributes:
        compute: days to compute.
        unchanged: day → entry of its stored rows, which are up to date.
        skipped: day → why it cannot be computed.
        reads: day → input days it is computed from; for a skipped day, those that block it.
        windows: input name → window over all input days of the run.
        missing: day → unavailable input days that it is computed without, each with its state.
    """

    compute: Sequence[str]
    unchanged: Mapping[str, Entry]
    skipped: Mapping[str, str]
    reads: Mapping[str, Sequence[Read]]
    windows: Mapping[str, Window]
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def rows(
        self, name: str, item: Input, columns: Sequence[str] | None = None
    ) -> "pd.DataFrame | None":
        """Rows of an input that the computed days read; None if no such day is stored.

        Damaged days are among the windows but not read here, as the days that need them are skipped.
        """
        window = self.windows[name]
        days = [day for day in item.days_of_all(self.compute) if day in window.hashes]
        return window.read(columns, days) if days else None


def plan(
    lake: Lake,
    table: str,
    days: Sequence[str],
    inputs: Mapping[str, Input],
    code_version: str,
    *,
    further_reads: Mapping[str, Sequence[Read]] | None = None,
    keeps_stored: bool = False,
) -> Plan:
    """Decide for each day of a run whether to compute it.

    Args:
        lake: where the inputs and the table are.
        table: the table to compute.
        days: days of the run.
        inputs: input name → how days depend on it.
        code_version: version of the code and parameters that would compute them.
        further_reads: day → more that it is computed from, not covered by ``inputs``.
        keeps_stored: a stored day is never computed again.
    """
    with lake.ledger.one_connection():
        windows = {
            name: lake.window(item.table, item.days_of_all(days)) for name, item in inputs.items()
        }
        days_read: dict[str, list[str]] = {}
        for name, window in windows.items():
            if not inputs[name].is_pinned:
                days_read.setdefault(window.table, []).extend(window.hashes)
        stale_days = stale_tables(lake.ledger, days_read)
        entries = {
            name: lake.ledger.latest(item.table, windows[name].days)
            for name, item in inputs.items()
        }
        damaged = {
            name: {} if inputs[name].is_evidence else lake.damaged(window)
            for name, window in windows.items()
        }
    stale_inputs = {
        name: {} if inputs[name].is_pinned else stale_days[window.table]
        for name, window in windows.items()
    }
    unusable = {name: {*stale_inputs[name], *damaged[name]} for name in inputs}
    reads: dict[str, list[Read]] = {}
    skipped: dict[str, str] = {}
    blocking: dict[str, list[Read]] = {}
    missing: dict[str, list[str]] = {day: [] for day in days}
    for day in days:
        reads[day] = []
        for name, item in inputs.items():
            input_reads = [
                replace(read, content_hash="") if read.day in unusable[name] else read
                for read in item.reads(windows[name], day)
            ]
            reads[day] += input_reads
            reason = _blocking_reason(
                item, day, windows[name], stale_inputs[name], damaged[name], entries[name]
            )
            if reason:
                skipped.setdefault(day, reason)
                blocking.setdefault(day, []).extend(
                    read
                    for read in input_reads
                    if read.day in unusable[name]
                    or (not read.content_hash and item.is_required(day, read.day))
                )
            missing[day].extend(_unavailable_inputs(item, day, entries[name]))
        reads[day] += (further_reads or {}).get(day, ())
    stored = lake.ledger.latest(table, days)
    same = {
        day: entry
        for day, entry in stored.items()
        if entry.status is Status.STORED
        and (
            keeps_stored
            or (day not in skipped and entry.inputs_hash == inputs_hash(code_version, reads[day]))
        )
    }
    intact = lake.intact_days(same)
    unchanged = {day: entry for day, entry in same.items() if day in intact}
    skipped = {day: reason for day, reason in skipped.items() if day not in unchanged}
    reads |= {day: blocking[day] for day in skipped}
    compute = [day for day in days if day not in skipped and day not in unchanged]
    return Plan(compute, unchanged, skipped, reads, windows, {day: missing[day] for day in compute})


def merge(plans: Sequence[Plan]) -> Plan:
    """Combine the plans of several spans of days."""
    return Plan(
        [day for part in plans for day in part.compute],
        {day: entry for part in plans for day, entry in part.unchanged.items()},
        {day: reason for part in plans for day, reason in part.skipped.items()},
        {day: reads for part in plans for day, reads in part.reads.items()},
        {},
        {day: names for part in plans for day, names in part.missing.items()},
    )


def with_recomputed(planned: Plan, days: Sequence[str]) -> Plan:
    """The plan with some unchanged days computed again."""
    kept = {day: entry for day, entry in planned.unchanged.items() if day not in days}
    return replace(planned, compute=[*planned.compute, *days], unchanged=kept)


def with_unskipped(planned: Plan, days: Sequence[str]) -> Plan:
    """The plan with some skipped days computed after all."""
    skipped = {day: reason for day, reason in planned.skipped.items() if day not in days}
    return replace(planned, compute=sorted([*planned.compute, *days]), skipped=skipped)


def with_skipped(planned: Plan, reasons: Mapping[str, str]) -> Plan:
    """The plan with some days skipped.

    Args:
        planned: which days to compute.
        reasons: day → why it cannot be computed.
    """
    compute = [day for day in planned.compute if day not in reasons]
    return replace(planned, compute=compute, skipped={**planned.skipped, **reasons})


def with_kept(planned: Plan, entries: Mapping[str, Entry]) -> Plan:
    """The plan with some stored days left unchanged."""
    compute = [day for day in planned.compute if day not in entries]
    return replace(planned, compute=compute, unchanged={**planned.unchanged, **entries})


def each_day(planned: Plan, compute: Callable[[str], T]) -> tuple[Plan, dict[str, T]]:
    """Compute day by day; a day that cannot be computed is skipped with its reason.

    Args:
        planned: which days to compute.
        compute: returns the result of a day.

    Returns:
        The plan with failed days moved to ``skipped``, and the results of the others.
    """
    results: dict[str, T] = {}
    skipped = dict(planned.skipped)
    for day in planned.compute:
        try:
            results[day] = compute(day)
        except TerminalError as error:
            skipped[day] = str(error)
    return replace(planned, compute=list(results), skipped=skipped), results


def _blocking_reason(  # noqa: PLR0917
    item: Input,
    day: str,
    window: Window,
    stale_days: Mapping[str, str],
    damaged: Mapping[str, str],
    entries: Mapping[str, Entry],
) -> str | None:
    for input_day in item.days_of(day):
        if reason := damaged.get(input_day):
            commands = "; ".join(repair_commands(window.lake, [entries[input_day]]))
            return f"{item.table} {input_day} was {sentence(reason)} To compute it again, run: {commands}"
        if reason := stale_days.get(input_day):
            changed, changed_day = changed_input(reason)
            return (
                f"{item.table} {input_day} is stale ({reason}). To compute what depends on it again, "
                f"run: {impact_command(changed, changed_day)}"
            )
        if input_day not in window.hashes and item.is_required(day, input_day):
            return f"{item.table} {input_day} is {_state(entries.get(input_day))}"
    return None


def _unavailable_inputs(item: Input, day: str, entries: Mapping[str, Entry]) -> list[str]:
    """Input days that were processed and have no stored rows."""
    return [
        f"{item.table} {input_day} ({_state(entries[input_day])})"
        for input_day in item.days_of(day)
        if input_day in entries and entries[input_day].status is not Status.STORED
    ]


def _state(entry: Entry | None) -> str:
    if entry is None or entry.status is Status.STORED:
        return "not materialized"
    if entry.reason:
        return f"{entry.status.value}: {entry.reason}"
    command = materialize_day_command(entry.table, entry.day)
    return f"half-written: its run is not finished or was interrupted. Then run: {command}"
