"""Up to which partition each table can be processed: as far as what its partitions read is complete."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter

from ml_assets.cadence import Calendar


@dataclass(frozen=True)
class Dependencies:
    """Tables that are processed together, and what they read.

    Attributes:
        calendars: table → its partitions; of sources and computed tables.
        inputs: computed table → its inputs, each with the offset of the last partition that is read,
            in partitions of the reading table: 0 for the partition's own time, -1 for the one before.
        is_ahead: whether partitions of a computed table exist before they have ended.
    """

    calendars: Mapping[str, Calendar]
    inputs: Mapping[str, Mapping[str, int]]
    is_ahead: bool = False

    def last_ready(
        self, complete: Mapping[str, datetime | None], outside: Mapping[str, datetime | None]
    ) -> dict[str, str]:
        """Table → the last partition that can be processed; empty if there is none.

        A computed table also waits for the sources that it does not read, so that one run processes a
        partition of all tables. Where tables exist ahead none does: predictions ahead of time wait for
        the outcomes of earlier partitions. A source is processed as far as all sources are complete,
        and further if a table needs it: a plan of next week for a table that reads visits until
        yesterday.

        Args:
            complete: source → the end of its last complete partition; None if it has none.
            outside: the same for inputs that are not among the tables.
        """
        if None in complete.values():
            return dict.fromkeys(self.calendars, "")
        ends = {source: end for source, end in complete.items() if end is not None}
        until: dict[str, datetime | None] = {**outside, **ends}
        last = {}
        for table in TopologicalSorter(self.inputs).static_order():
            if table in self.inputs:
                last[table] = self._last_of(table, until, ends)
                until[table] = self._end(table, last[table]) if last[table] else None
        for source, end in ends.items():
            needed = [
                self._end(table, self.calendars[table].shifted(last[table], inputs[source]))
                for table, inputs in self.inputs.items()
                if source in inputs and last[table]
            ]
            wanted = min(end, max([min(ends.values()), *needed]))
            last[source] = self.calendars[source].last_ended(wanted)
        return last

    def _last_of(
        self, table: str, until: Mapping[str, datetime | None], ends: Mapping[str, datetime]
    ) -> str:
        calendar, found = self.calendars[table], []
        not_read = set() if self.is_ahead else ends.keys() - self._upstream(table)
        for name, offset in {**dict.fromkeys(not_read, 0), **self.inputs[table]}.items():
            if (end := until.get(name)) is None:
                return ""
            found.append(calendar.shifted(calendar.last_ended(end), -offset))
        return min(found)

    def _upstream(self, table: str) -> set[str]:
        """All tables that a table reads, directly or through others."""
        direct = self.inputs.get(table, {})
        return {*direct, *(name for one in direct for name in self._upstream(one))}

    def _end(self, table: str, key: str) -> datetime:
        return self.calendars[table].bounds(key)[1]
