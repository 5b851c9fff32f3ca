"""Which stored days were computed from inputs that have changed since.

Days with final rows (``Entry.is_final``) are never stale.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import chain

from ml_assets.cadence import Span
from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Entry, Read, Status, grouped
from ml_assets.ledger.ledger import Ledger

Node = tuple[str, str]
"""A table and a day."""

ITSELF_STALE = " is itself stale: "
"""Joins an input and the reason why it is stale."""


def stale(ledger: Ledger, table: str, days: Sequence[str]) -> dict[str, str]:
    """Days whose inputs, direct or further up, have changed since they were computed.

    A pinned input counts as changed when its content changed, not when its own inputs changed.

    Args:
        ledger: records of what each day was computed from.
        table: table name.
        days: days to check; a day that is not stored is never stale.

    Returns:
        day → which input changed, as text.
    """
    return stale_tables(ledger, {table: days})[table]


def stale_tables(ledger: Ledger, tables: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Stale days of several tables, see ``stale``; inputs that they share are read once.

    Args:
        ledger: records of what each day was computed from.
        tables: table → days to check.

    Returns:
        table → day → which input changed, as text.
    """
    with ledger.one_connection():
        if _is_unchanged(ledger, tables):
            return {table: {} for table in tables}
        reads = _upstream_reads(ledger, tables)
        inputs = {
            node: [(read.table, read.day) for read in of_node] for node, of_node in reads.items()
        }
        entries = _latest(ledger, {*inputs, *chain.from_iterable(inputs.values())})
    current = {
        node: entry.content_hash for node, entry in entries.items() if entry.status is Status.STORED
    }
    reasons: dict[Node, str] = {}
    for node in TopologicalSorter(inputs).static_order():
        if node in entries and entries[node].is_final:
            continue
        changes = (_change(read, current, reasons) for read in reads.get(node, ()))
        if reason := next(filter(None, changes), None):
            reasons[node] = reason
    return {
        table: {day: reasons[table, day] for day in days if (table, day) in reasons}
        for table, days in tables.items()
    }


def _is_unchanged(ledger: Ledger, tables: Mapping[str, Sequence[str]]) -> bool:
    """Whether no input of these days, direct or further up, has changed, as is usual.

    Inputs are compared once, not for each day that read them: an hour may read hundreds of others.
    """
    reads: set[Read] = set()

    def new_reads(table: str, days: Sequence[str]) -> set[Read]:
        found = ledger.distinct_reads(table, Span(days[0], days[-1])) - reads
        reads.update(found)
        return found

    _walk_upstream(tables, new_reads)
    current = {
        (table, day): content_hash
        for table, days in grouped((read.table, read.day) for read in reads).items()
        for day, content_hash in ledger.stored_hashes(table, Span(min(days), max(days))).items()
    }
    return not any(_change(read, current, {}) for read in reads)


def _upstream_reads(ledger: Ledger, tables: Mapping[str, Sequence[str]]) -> dict[Node, list[Read]]:
    """(table, day) → its inputs, for the given days and everything upstream of them."""
    found: dict[Node, list[Read]] = {}

    def reads_of(table: str, days: Sequence[str]) -> Iterable[Read]:
        reads = ledger.reads(table, days)
        found.update({(table, day): of_day for day, of_day in reads.items()})
        return chain.from_iterable(reads.values())

    _walk_upstream(tables, reads_of)
    return found


def _walk_upstream(
    tables: Mapping[str, Sequence[str]], reads_of: Callable[[str, Sequence[str]], Iterable[Read]]
) -> None:
    """Ask for what days have read, then for what those days have read, each day once.

    Args:
        tables: table → the first days.
        reads_of: what days of a table, in order, have read; what is pinned is not followed.
    """
    seen: set[Node] = set()
    waiting = {table: set(days) for table, days in tables.items() if days}
    while waiting:
        table, days = waiting.popitem()
        seen |= {(table, day) for day in days}
        for read in reads_of(table, sorted(days)):
            if not read.is_pinned and (read.table, read.day) not in seen:
                waiting.setdefault(read.table, set()).add(read.day)


def _latest(ledger: Ledger, nodes: Iterable[Node]) -> dict[Node, Entry]:
    return {
        (table, day): entry
        for table, of_table in grouped(nodes).items()
        for day, entry in ledger.latest(table, of_table).items()
    }


def _change(read: Read, current: Mapping[Node, str], reasons: Mapping[Node, str]) -> str | None:
    if read.is_pinned and read.day == SNAPSHOT:
        return None
    now = current.get((read.table, read.day), "")
    if now != read.content_hash:
        return (
            f"{read.table} {read.day} was {read.content_hash or 'absent'} when it was read "
            f"and is {now or 'absent'} now"
        )
    if not read.is_pinned and (reason := reasons.get((read.table, read.day))):
        return f"{read.table} {read.day}{ITSELF_STALE}{reason}"
    return None


def changed_input(reason: str) -> Node:
    """The table and day that changed, from a reason of ``stale``, also of an indirect input."""
    table, day, *_ = reason.rpartition(ITSELF_STALE)[2].split()
    return table, day
