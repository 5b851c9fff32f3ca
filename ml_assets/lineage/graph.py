"""Lineage graph of stored days, built from the ledger: inputs and dependents of each day.

Column lineage is in ``columns``.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property

from ml_assets.ledger.entries import Entry, Read, Status, grouped
from ml_assets.ledger.ledger import Ledger

Node = tuple[str, str]
"""A table and a day."""

Edge = tuple[str, str]
"""An input table, and a table that is computed from it."""


@dataclass(frozen=True)
class Graph:
    """The latest entry of each day of every table.

    Attributes:
        entries: node → its entry, with its reads.
    """

    entries: Mapping[Node, Entry]

    @classmethod
    def of(cls, ledger: Ledger) -> "Graph":
        """The graph of all entries of a ledger."""
        return cls({(entry.table, entry.day): entry for entry in ledger.all_latest()})

    @cached_property
    def tables(self) -> dict[str, list[str]]:
        """Table → its days, in order."""
        return grouped(sorted(self.entries))

    @cached_property
    def _readers(self) -> dict[Node, list[Node]]:
        """Node → the stored days that were computed from it."""
        return grouped(
            ((read.table, read.day), node)
            for node, entry in self.entries.items()
            if entry.status is Status.STORED
            for read in stored_reads(entry)
        )

    @cached_property
    def _requesters(self) -> dict[Node, list[Node]]:
        """Node → the days that have it as an input, whether it was stored or missing."""
        return grouped(
            ((read.table, read.day), node)
            for node, entry in self.entries.items()
            for read in entry.reads
        )

    def downstream(self, start: Node, follows: Callable[[Edge], bool]) -> set[Node]:
        """Every stored day that was computed from a day, directly or indirectly; without that day.

        Args:
            start: the day.
            follows: whether a problem in the first table of an edge affects the second.
        """
        return _reachable(start, lambda node: self._readers.get(node, []), follows)

    def waiting(self, start: Node) -> set[Node]:
        """Every day that is missing, or was computed without an input, because of a day.

        These are quarantined days that read it, days that were skipped because one of these is
        missing, stored days that were computed without one of these, and the dependents of those.
        """
        found: set[Node] = set()
        reached = [start]
        while reached:
            node = reached.pop()
            is_faulty = node != start or not self._is_stored(start)
            for other in self._requesters.get(node, []):
                if other not in found and self._is_waiting(other, node, is_faulty=is_faulty):
                    found.add(other)
                    reached.append(other)
        return found - {start}

    def _is_waiting(self, node: Node, for_node: Node, *, is_faulty: bool) -> bool:
        status = self.entries[node].status
        if status is Status.QUARANTINED:
            return True
        return is_faulty and (status is Status.STORED or not self._is_stored(for_node))

    def _is_stored(self, node: Node) -> bool:
        entry = self.entries.get(node)
        return entry is not None and entry.status is Status.STORED

    def upstream(self, start: Node) -> set[Node]:
        """Every day that a stored day was computed from, directly or indirectly."""
        return _reachable(start, self._inputs, lambda _: True)

    def inputs_within(self, node: Node, nodes: AbstractSet[Node]) -> set[Node]:
        """The direct inputs of a day that are among ``nodes``, including missing ones."""
        reads = self.entries[node].reads if node in self.entries else ()
        return {(read.table, read.day) for read in reads} & nodes

    def _inputs(self, node: Node) -> Sequence[Node]:
        entry = self.entries.get(node)
        return [(read.table, read.day) for read in stored_reads(entry)] if entry else []


def stored_reads(entry: Entry) -> list[Read]:
    """The reads of an entry whose input day was stored."""
    return [read for read in entry.reads if read.content_hash]


def _reachable(
    start: Node, neighbours: Callable[[Node], Sequence[Node]], follows: Callable[[Edge], bool]
) -> set[Node]:
    found: set[Node] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        for other in neighbours(node):
            if other not in found and follows((node[0], other[0])):
                found.add(other)
                waiting.append(other)
    return found - {start}
