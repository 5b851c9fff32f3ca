"""Which days the sensor of new days processes next, which it compares again, and why it waits."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ml_assets.cadence import Calendar, Span
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status
from ml_assets.orchestration.runs.requests import first_span


def days_to_recheck(lake: Lake, table: str, known: Sequence[str], count: int) -> list[str]:
    """Processed days to compare with the source again.

    Args:
        lake: lake whose ledger records the stored days.
        table: table name.
        known: days that are complete in all sources, in order.
        count: how many of the last stored days to compare.

    Returns:
        The last ``count`` stored days, and later days that were processed and have no rows.
    """
    if count == 0:
        return []
    entries = lake.ledger.latest(table, known)
    processed = [day for day in known if day in entries]
    stored = [day for day in processed if entries[day].status is Status.STORED]
    return processed if len(stored) <= count else processed[processed.index(stored[-count]) :]


def days_ended(
    known: Sequence[str], calendar: Calendar, complete: Mapping[str, datetime | None]
) -> list[str]:
    """Days that are complete in all sources; later ones exist ahead of time."""
    until = [end for end in complete.values() if end is not None]
    last = calendar.last_ended(min(until)) if until else ""
    return [day for day in known if day <= last]


def days_to_record(
    lake: Lake, table: str, known: Sequence[str], ended: Sequence[str], count: int
) -> list[str]:
    """Days whose content in the source is recorded: those to compare again, and the next.

    The next day is recorded before its first attempt, because attempts are counted per content.

    Args:
        lake: lake whose ledger records the stored days.
        table: table name.
        known: days that can be processed, in order.
        ended: those that are complete in all sources; later ones, which exist ahead of time, may
            still change and are all compared.
        count: how many of the last stored days to compare.
    """
    processed = lake.ledger.latest(table, known)
    following = [day for day in known if day not in processed][:1]
    ahead = [day for day in known[len(ended) :] if day in processed] if count else []
    return sorted({*days_to_recheck(lake, table, ended, count), *ahead, *following})


def of_one_run(
    work: Mapping[str, dict[str, str]],
    begins: Mapping[str, str],
    ready: Mapping[str, str],
    calendar: Calendar,
) -> tuple[Span, dict[str, dict[str, str]]]:
    """The span of the next run and the unfinished days of its tables, which are ready to its end.

    A run ends before the first day of a table that begins later, so that the next run includes it.

    Args:
        work: table → its unfinished days, at least one, with the reason.
        begins: table → its first day.
        ready: table → its last day that can be processed.
        calendar: partitions of these tables.
    """
    first = min(day for days in work.values() for day in days)
    until = min(ready[table] for table, days in work.items() if first in days)
    until = min(ready[table] for table, days in work.items() if min(days) <= until)
    later = [calendar.shifted(begin, -1) for begin in begins.values() if begin > first]
    until = min([until, *later])
    together = {
        table: days
        for table, days in work.items()
        if ready[table] >= until and begins[table] <= first
    }
    days = [day for days in together.values() for day in days if day <= until]
    return first_span(days, calendar), together


def waiting_message(
    days: Mapping[str, Sequence[str]],
    known: Mapping[str, Sequence[str]],
    calendars: Mapping[str, Calendar],
    complete: Mapping[str, datetime | None],
) -> str:
    """Why no day is processed: the earliest that waits, and the tables that end before it does.

    Args:
        days: table → its days.
        known: table → its days that can be processed.
        calendars: table → its partitions.
        complete: source or other input → the end of its last complete day; None if it has none.
    """
    waiting = {
        table: days[table][len(known[table])] for table in days if known[table] != days[table]
    }
    if not waiting:
        return f"All days up to the last one, {max(map(max, days.values()))}, are processed."
    starts = {table: calendars[table].start_of(day) for table, day in waiting.items()}
    table = min(starts, key=lambda name: starts[name])
    end = calendars[table].bounds(waiting[table])[1]
    incomplete = " and ".join(
        f"{name}, which is complete up to {_last_complete(until, calendars.get(name))}"
        for name, until in complete.items()
        if until is None or until < end
    )
    return f"{waiting[table]} waits for {incomplete}."


def _last_complete(until: datetime | None, calendar: Calendar | None) -> str:
    """The last complete day of a table of the sensor, or the end of that of another one."""
    if until is None:
        return "no day"
    return calendar.last_ended(until) if calendar else f"{until:%Y-%m-%d %H:%M} UTC"
