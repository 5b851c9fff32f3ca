"""How the partitions of a table depend on those of an input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ml_assets.cadence import DAYS, Calendar
from ml_assets.content import SNAPSHOT
from ml_assets.lake.store import Window
from ml_assets.ledger.entries import Read


@dataclass(frozen=True)
class Input:
    """How the days of a table depend on the days of one input.

    Attributes:
        table: the input's table name.
        first: offset of the first input day, ≤ ``last`` (−9: nine days before), in partitions of
            the table that reads.
        last: offset of the last input day (0: the same day, −1: the day before).
        required: offset of the input day without which a day cannot be computed.
        is_snapshot: the input has no days.
        is_optional: a day can be computed without any of its input days.
        is_evidence: the reader handles altered or lost rows itself; they do not block a day.
        is_pinned: the version that was read stays valid when its own inputs change, see ``Read``.
        picks: day → its input days, where a fixed offset does not apply (the champion of a day).
        calendar: partitions of the table that reads.
        input_calendar: partitions of the input, not coarser; None for the same ones.
    """

    table: str
    first: int = 0
    last: int = 0
    required: int = 0
    is_snapshot: bool = False
    is_optional: bool = False
    is_pinned: bool = False
    is_evidence: bool = False
    picks: Mapping[str, Sequence[str]] | None = None
    calendar: Calendar = DAYS
    input_calendar: Calendar | None = None

    def days_of(self, day: str) -> list[str]:
        """Input days that one day is computed from."""
        if self.is_snapshot:
            return [SNAPSHOT]
        if self.picks is not None:
            return list(self.picks.get(day, ()))
        return self._between(day, self.first, self.last)

    def days_of_all(self, days: Sequence[str]) -> list[str]:
        """Input days that any of some days is computed from, in order."""
        return sorted({input_day for day in days for input_day in self.days_of(day)})

    def is_required(self, day: str, input_day: str) -> bool:
        """Whether a day cannot be computed without this input day."""
        if self.is_optional:
            return False
        if self.is_snapshot or self.picks is not None:
            return True
        return input_day in self._between(day, self.required, self.required)

    def own_partition(self, input_day: str) -> str:
        """The partition of the reading table in which one of the input begins."""
        if self.is_snapshot or self.input_calendar in {None, self.calendar}:
            return input_day
        assert self.input_calendar is not None
        return self.calendar.key_of(self.input_calendar.start_of(input_day))

    def _between(self, day: str, first: int, last: int) -> list[str]:
        """Input days from ``first`` to ``last``, offsets in partitions of the table that reads."""
        ends = self.calendar.shifted(day, first), self.calendar.shifted(day, last)
        if self.input_calendar is None or self.input_calendar == self.calendar:
            return self.calendar.keys(*ends)
        start, end = self.calendar.bounds(ends[0])[0], self.calendar.bounds(ends[1])[1]
        return self.input_calendar.within(start, end)

    def reads(self, window: Window, day: str) -> list[Read]:
        """The partitions of this input that a day is computed from."""
        return [replace(read, is_pinned=self.is_pinned) for read in window.reads(self.days_of(day))]
