"""Which partitions are late by the limit of their table, what they wait for, and how long that usually takes.

Pure: what is stored comes from ``Histories``. ``sources/freshness`` reads the ledger and makes findings.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import NamedTuple, Protocol

from ml_assets.alerts.watched import WatchedTable
from ml_assets.cadence import HOUR, Calendar, Span, weekday
from ml_assets.ledger.entries import Entry, Status
from ml_assets.planning.inputs import Input

JUDGED = 30
JUDGED_TIME = timedelta(days=7)
"""Number of last partitions of a table that are judged, and the time that they cover at least."""

MEASURED = 30
"""Number of last partitions whose durations are measured."""

MIN_MEASURED = 5
"""Number of runs from which a usual duration is learned."""

USUAL = 0.9
"""Quantile of the measured durations that is their usual length."""

BUFFER = 1.5
"""Factor of a usual duration within which a partition is expected."""

WRITING_TIME = HOUR
"""Time for which a partition that is being written is neither late nor missing; one that is written for longer is of a
run that was killed."""


class Partition(NamedTuple):
    """A partition of a table."""

    table: str
    key: str


class Histories(Protocol):
    """What the ledger knows."""

    def first(self, table: str) -> str | None:
        """The first partition of a table that was ever stored; None for none."""

    def latest(self, table: str, span: Span) -> Mapping[str, Entry]:
        """Partition → its latest entry, of at least a span."""

    def stored_at(self, table: str, span: Span) -> Mapping[str, datetime]:
        """Partition → when it was stored for the first time, UTC, of at least a span."""


@dataclass(frozen=True)
class Waiting:
    """Why a partition is not stored: its missing inputs, or the time since when all are stored.

    Attributes:
        path: inputs that are not stored either, from its own to the most upstream; empty if it has all
            that it reads.
        usual: how long it usually takes from the most upstream one to the partition; zero where nothing was
            measured.
        ready_at: when the last of its own inputs was there, UTC; None if one is missing, or it has none.
    """

    path: Sequence[Partition]
    usual: timedelta
    ready_at: datetime | None = None


@dataclass(frozen=True)
class Delay:
    """Partitions of a table that are late, or one that will be.

    Attributes:
        table: the table.
        keys: late partitions, in order, or the one that will be late.
        deadline: until when the first of them had or has to be stored.
        waiting: what the first of them waits for.
        computable: the first of them, up to one that waits for an input.
        is_told_elsewhere: whether it will be late only, is on its way, or waits for a table that is late itself.
    """

    table: WatchedTable
    keys: Sequence[str]
    deadline: datetime
    waiting: Waiting
    computable: Sequence[str]
    is_told_elsewhere: bool


class Freshness:
    """Judges tables at one moment.

    Args:
        tables: asset key → table; inputs that are not among them have unknown inputs.
        histories: what is stored.
        now: the moment, UTC.
        until: last partition; later ones are ignored.
    """

    def __init__(
        self, tables: Mapping[str, WatchedTable], histories: Histories, now: datetime, until: str
    ) -> None:
        self._tables = tables
        self._histories = histories
        self._now = now
        self._until = until
        self._leads: dict[str, timedelta] = {}

    def delay(self, table: WatchedTable) -> Delay | None:
        """The late partitions of a table, or else those that will be late; None if there are none.

        Args:
            table: a table with a limit.
        """
        due = self._newest(table)
        span = Span(
            table.calendar.shifted(due, 1 - judged_partitions(table.calendar)),
            table.calendar.shifted(due, 1),
        )
        self._histories.latest(table.key, span)
        keys = table.calendar.keys(span.first, due)
        late = [key for key in keys if key <= self._until and self._is_late(table, key)]
        return self._late(table, late) if late else self._soon(table, span.last)

    def lead(self, table: WatchedTable) -> timedelta:
        """How long it usually takes from the last input of a partition to its rows; zero if unknown.

        Partitions that one run stored are one measurement, that of the input that came last.
        """
        if table.key not in self._leads:
            self._leads[table.key] = usual_duration(self._measured(table))
        return self._leads[table.key]

    def _measured(self, table: WatchedTable) -> list[timedelta]:
        last = self._newest(table)
        span = Span(table.calendar.shifted(last, 1 - MEASURED), last)
        for item in table.inputs:
            read = Span(item.days_of(span.first)[0], item.days_of(span.last)[-1])
            self._histories.latest(item.table, read)
            self._histories.stored_at(item.table, read)
        measured: dict[datetime, timedelta] = {}
        for key, at in self._histories.stored_at(table.key, span).items():
            ready = self._ready_at(table, key) if span.first <= key <= span.last else None
            if ready and ready <= at:
                measured[at] = min(at - ready, measured.get(at, timedelta.max))
        return [*measured.values()]

    def _late(self, table: WatchedTable, late: Sequence[str]) -> Delay:
        waiting = self._waiting(table, late[0])
        is_on_its_way = (
            waiting.ready_at is not None and self._now < waiting.ready_at + BUFFER * waiting.usual
        )
        told = is_on_its_way or any(self._is_told(one) for one in waiting.path)
        computable = [*takewhile(lambda key: not self._waiting(table, key).path, late)]
        return Delay(table, late, _deadline(table, late[0]), waiting, computable, told)

    def _soon(self, table: WatchedTable, key: str) -> Delay | None:
        """The next partition that is due, if it has ended, waits, and usually takes longer than there is time."""
        is_judged = key <= min(self._until, table.last or key)
        has_ended = table.calendar.bounds(key)[1] <= self._now
        if not (is_judged and has_ended and self._is_late(table, key)):
            return None
        deadline, waiting = _deadline(table, key), self._waiting(table, key)
        if not waiting.path or self._now <= deadline - BUFFER * waiting.usual:
            return None
        return Delay(table, [key], deadline, waiting, computable=[], is_told_elsewhere=True)

    def _is_late(self, table: WatchedTable, key: str) -> bool:
        """Whether a partition with rows is missing, though its table was begun, and waits for none in quarantine."""
        if not (_has_rows(table, key) and self._is_missing(table, key)):
            return False
        first = self._histories.first(table.key)
        if first is None or key < first:
            return False
        waited = [Partition(table.key, key), *self._waiting(table, key).path]
        return not any(self._status(one) is Status.QUARANTINED for one in waited)

    def _is_told(self, one: Partition) -> bool:
        """Whether a partition that is not stored is late by the limit of its own table."""
        table = self._tables.get(one.table)
        if table is None or table.fresh_within is None or not self._histories.first(one.table):
            return False
        return _has_rows(table, one.key) and _deadline(table, one.key) <= self._now

    def _waiting(self, table: WatchedTable, key: str) -> Waiting:
        paths = [self._waiting_for(one) for one in self._missing_inputs(table, key)]
        longest = max(paths, key=lambda one: (one.usual, len(one.path)), default=None)
        if longest is None:
            return Waiting((), self.lead(table), self._ready_at(table, key))
        return Waiting(longest.path, longest.usual + self.lead(table))

    def _waiting_for(self, one: Partition) -> Waiting:
        """The chain of missing tables that an input waits for, beginning with itself."""
        table = self._tables.get(one.table)
        further = self._waiting(table, one.key) if table else Waiting((), timedelta())
        return Waiting((one, *further.path), further.usual)

    def _missing_inputs(self, table: WatchedTable, key: str) -> Iterator[Partition]:
        for item in table.inputs:
            if item.is_optional:
                continue
            source = self._tables.get(item.table) or WatchedTable(item.table, _calendar_of(item))
            for day in item.days_of(key):
                if self._is_missing(source, day):
                    yield Partition(item.table, day)

    def _is_missing(self, table: WatchedTable, key: str) -> bool:
        entry = self._entry(Partition(table.key, key))
        if entry is None or entry.status is not Status.WRITING:
            return entry is None or entry.status is not Status.STORED
        return _written_at(entry) <= self._now - WRITING_TIME

    def _ready_at(self, table: WatchedTable, key: str) -> datetime | None:
        """When the last input of a partition was stored for the first time, or is being written again."""
        times = [
            self._there_since(Partition(item.table, day))
            for item in table.inputs
            if not item.is_optional
            for day in item.days_of(key)
        ]
        return max((time for time in times if time is not None), default=None)

    def _there_since(self, one: Partition) -> datetime | None:
        entry = self._entry(one)
        if entry and entry.status is Status.WRITING:
            return _written_at(entry)
        return self._histories.stored_at(one.table, Span(one.key, one.key)).get(one.key)

    def _newest(self, table: WatchedTable) -> str:
        """The newest partition that had to be stored, or has ended if the table has no limit."""
        due = table.calendar.last_ended(self._now - (table.fresh_within or timedelta()))
        return min(due, table.last or due)

    def _status(self, one: Partition) -> Status | None:
        entry = self._entry(one)
        return entry.status if entry else None

    def _entry(self, one: Partition) -> Entry | None:
        return self._histories.latest(one.table, Span(one.key, one.key)).get(one.key)


def judged_partitions(calendar: Calendar) -> int:
    """Number of last partitions that are judged: 30, or as many as a week has.

    Args:
        calendar: partitions of a table.
    """
    return max(JUDGED, calendar.covering(JUDGED_TIME))


def usual_duration(measured: Sequence[timedelta]) -> timedelta:
    """A high quantile of some durations; zero for too few.

    Args:
        measured: durations of runs.
    """
    if len(measured) < MIN_MEASURED:
        return timedelta()
    return sorted(measured)[math.ceil(USUAL * len(measured)) - 1]


def _has_rows(table: WatchedTable, key: str) -> bool:
    return not table.empty_on or weekday(key) not in table.empty_on


def _deadline(table: WatchedTable, key: str) -> datetime:
    """Until when a partition of a table with a limit has to be stored."""
    assert table.fresh_within is not None
    return table.calendar.bounds(key)[1] + table.fresh_within


def _written_at(entry: Entry) -> datetime:
    assert entry.written_at
    return entry.written_at.replace(tzinfo=UTC)


def _calendar_of(item: Input) -> Calendar:
    return item.input_calendar or item.calendar
