"""Plan of a repair: which days it recomputes, which it keeps, and the order of its runs.

``impact`` finds the touched days, ``orchestration`` starts the runs. Nothing here uses Dagster.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from ml_assets.cadence import in_a_row
from ml_assets.lake.remedy import materialize_command, partition_option
from ml_assets.ledger.entries import grouped
from ml_assets.lineage.graph import Graph, Node

AS_OF = "as_of"
"""Name of the partitions whose days are computed one after the other."""


@dataclass(frozen=True)
class Scope:
    """The touched days that a repair recomputes or keeps.

    Attributes:
        recomputed: days to recompute.
        kept: touched days that do not change, because they are recomputed only on request or
            because they record facts.
    """

    recomputed: frozenset[Node]
    kept: frozenset[Node]


def scope_of(
    graph: Graph, start: Node, touched: Collection[Node], is_kept: Callable[[Node], bool]
) -> Scope:
    """Separate the days that a repair recomputes from those that it keeps.

    A day is recomputed when it is the repaired day itself or reads a recomputed day. Dependents of
    kept days only have unchanged inputs: they are in neither set.

    Args:
        graph: the lineage graph.
        start: the repaired day.
        touched: every day that was computed from it or waits for it.
        is_kept: whether a day is kept as it is.
    """
    nodes = {start, *touched}
    kept = frozenset(node for node in nodes if is_kept(node))
    readers = grouped(
        (read, node) for node in nodes - kept for read in graph.inputs_within(node, nodes)
    )
    recomputed: set[Node] = set()
    waiting = [start] if start not in kept else []
    while waiting:
        node = waiting.pop()
        if node not in recomputed:
            recomputed.add(node)
            waiting += readers.get(node, [])
    return Scope(frozenset(recomputed), kept)


@dataclass(frozen=True)
class Step:
    """Tables that are materialized in one run for the same range of days.

    Attributes:
        tables: the tables, inputs first.
        first: first day.
        last: last day.
    """

    tables: tuple[str, ...]
    first: str
    last: str

    @property
    def selection(self) -> str:
        """The tables as a Dagster asset selection."""
        return " or ".join(f'key:"{table}"' for table in self.tables)

    @property
    def command(self) -> str:
        """The command that materializes the step."""
        return materialize_command(self.selection) + partition_option(self.first, self.last)


def repair_steps(
    graph: Graph, nodes: Collection[Node], partitions_of: Callable[[str], str]
) -> list[Step]:
    """Runs that recompute days, each after its inputs.

    Args:
        graph: the lineage graph.
        nodes: the days to recompute.
        partitions_of: table → name of its partitions; tables of one run share it. ``AS_OF`` days
            are computed one after the other, as a model is compared with the one before.
    """
    requested = set(nodes)
    waiting = {node: graph.inputs_within(node, requested) for node in requested}
    steps: list[Step] = []
    while waiting:
        ready = {node for node, inputs in waiting.items() if not inputs - {node}}
        table, days = _next_table(ready, set(waiting) - ready, steps, partitions_of)
        for node in [(table, day) for day in days]:
            del waiting[node]
        done = {(table, day) for day in days}
        waiting = {node: inputs - done for node, inputs in waiting.items()}
        for span in in_a_row(days):
            steps = _with_table(steps, table, span.first, span.last, partitions_of)
    return steps


def _next_table(
    ready: Collection[Node],
    blocked: Collection[Node],
    steps: Sequence[Step],
    partitions_of: Callable[[str], str],
) -> tuple[str, list[str]]:
    """The next table and its days; one that can join the last run comes first."""
    tables = grouped(sorted(ready))
    if steps and partitions_of(steps[-1].tables[-1]) == AS_OF:
        for table, days in tables.items():
            if partitions_of(table) == AS_OF and steps[-1].first in days:
                return table, [steps[-1].first]
    half_ready = {table for table, _ in blocked}
    choices = sorted(tables, key=lambda table: (table in half_ready, tables[table][0], table))
    table = choices[0]
    return table, tables[table][:1] if partitions_of(table) == AS_OF else tables[table]


def _with_table(
    steps: list[Step], table: str, first: str, last: str, partitions_of: Callable[[str], str]
) -> list[Step]:
    """The steps with one more table, which joins the last run if that has the same days."""
    if steps and (steps[-1].first, steps[-1].last) == (first, last):
        previous = steps[-1]
        if partitions_of(previous.tables[-1]) == partitions_of(table):
            return [*steps[:-1], replace(previous, tables=(*previous.tables, table))]
    return [*steps, Step((table,), first, last)]
