"""Differences between two recordings: changed values, and inputs whose content changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status, grouped, usable_hashes
from ml_assets.lineage.recorded import is_no_later

NONE = "–"
"""Shown for a missing value."""


@dataclass(frozen=True)
class Change:
    """A value that changed.

    Attributes:
        what: name of the value.
        then: its earlier value; of lists the items that only the earlier one has.
        now: its current value; of lists the items that only the current one has.
        is_of_items: whether both values are lists with other items.
    """

    what: str
    then: str
    now: str
    is_of_items: bool = False

    @property
    def described(self) -> str:
        """The change in words."""
        if self.is_of_items:
            gained, lost = f"now has {self.now}", f"no longer has {self.then}"
            parts = ([gained] if self.now != NONE else []) + ([lost] if self.then != NONE else [])
            return f"{self.what} {' and '.join(parts)}"
        if self.then == NONE:
            return f"{self.what} was not there and is {self.now}"
        if self.now == NONE:
            return f"{self.what} was {self.then} and is not there any more"
        return f"{self.what} was {self.then} and is {self.now}"


@dataclass(frozen=True)
class ChangedDays:
    """Days of a table whose rows changed since they were read.

    Attributes:
        table: table name.
        days: the days, in order.
    """

    table: str
    days: Sequence[str]


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Values that differ, by their dotted names; for lists, the items that only one of them has.

    Items of a list that have a ``name``, such as rules, are compared by it.

    Args:
        then: earlier values; may contain nested mappings.
        now: later values.
    """
    before, after = dict(_flat(then)), dict(_flat(now))
    return [
        _change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def changed_inputs(lake: Lake, entry: Entry) -> list[ChangedDays]:
    """Direct and indirect inputs of an entry whose rows changed since they were read.

    Args:
        lake: the lake with the ledger that recorded them.
        entry: an entry with its reads.

    Returns:
        Changed days by table, upstream tables first.
    """
    found: dict[str, set[str]] = {}
    seen: set[Read] = set()
    reads = set(_unversioned(entry.reads))
    while reads:
        seen |= reads
        further: set[Read] = set()
        for table, of_table in grouped((read.table, read) for read in reads).items():
            now = usable_hashes(lake.ledger.latest(table, sorted({read.day for read in of_table})))
            other = {read.day for read in of_table if now.get(read.day, "") != read.content_hash}
            found[table] = found.pop(table, set()) | other
            further.update(_unversioned(_reads_of(lake, table, of_table, entry)))
        reads = further - seen
    return [ChangedDays(table, sorted(days)) for table, days in reversed(found.items()) if days]


def _reads_of(lake: Lake, table: str, read: Sequence[Read], reader: Entry) -> Iterator[Read]:
    """The reads of a table's days at the time when they had the content that was read."""
    histories = lake.ledger.histories(table, sorted({item.day for item in read}))
    for item in read:
        then = [
            entry
            for entry in histories[item.day]
            if entry.status is Status.STORED
            and entry.content_hash == item.content_hash
            and is_no_later(entry, reader)
        ]
        if then:
            yield from then[-1].reads


def _unversioned(reads: Iterable[Read]) -> Iterator[Read]:
    """Reads without table versions: equal content at different versions is the same input."""
    return (replace(read, version=None) for read in reads if not read.is_pinned)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif named := _by_name(value):
            yield f"{prefix}{name}", [*named]
            yield from _flat(named, f"{prefix}{name}.")
        elif value != []:
            yield f"{prefix}{name}", value


def _by_name(value: Any) -> dict[str, Any]:
    """Name → the rest, of a list of items that have one; empty for another value."""
    if not isinstance(value, list | tuple) or not all(
        isinstance(item, Mapping) and "name" in item for item in value
    ):
        return {}
    return {
        item["name"]: {key: part for key, part in item.items() if key != "name"} for item in value
    }


def _change(name: str, then: Any, now: Any) -> Change:
    if isinstance(then, list) and isinstance(now, list):
        lost = [item for item in then if item not in now]
        gained = [item for item in now if item not in then]
        if lost or gained:
            return Change(name, _text(lost), _text(gained), is_of_items=True)
    return Change(name, _text(then), _text(now))


def _text(value: Any) -> str:
    if value is None or value == []:
        return NONE
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
