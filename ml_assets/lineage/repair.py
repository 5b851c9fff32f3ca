"""What a repair makes again, what it leaves as it is, and in which order its runs go.

Which days are touched is in ``impact``. Runs know nothing of Dagster here; ``orchestration``
starts them.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from ml_assets.cadence import in_a_row
from ml_assets.lake.remedy import partition_option
from ml_assets.ledger.entries import grouped
from ml_assets.lineage.graph import Graph, Node

AS_OF = "as_of"
"""Name of the partitions whose days are made one after the other."""


@dataclass(frozen=True)
class Scope:
    """Which of the touched days a repair makes again.

    Attributes:
        again: days to make again.
        left: touched days that stay as they are, because a person has to ask for them or because
            they record what happened.
    """

    again: frozenset[Node]
    left: frozenset[Node]


def scope_of(
    graph: Graph, start: Node, touched: Collection[Node], leaves: Callable[[Node], bool]
) -> Scope:
    """Tell the days that a repair makes again from those that it leaves as they are.

    A day is made again when it is the repaired day itself or reads a day that is made again. What
    only a left day leads to has unchanged inputs and is neither.

    Args:
        graph: what was computed from what.
        start: the day that was wrong.
        touched: every day that used it or waits for it.
        leaves: whether a day stays as it is.
    """
    nodes = {start, *touched}
    left = frozenset(node for node in nodes if leaves(node))
    readers = grouped(
        (read, node) for node in nodes - left for read in graph.inputs_within(node, nodes)
    )
    again: set[Node] = set()
    waiting = [start] if start not in left else []
    while waiting:
        node = waiting.pop()
        if node not in again:
            again.add(node)
            waiting += readers.get(node, [])
    return Scope(frozenset(again), left)


@dataclass(frozen=True)
class Step:
    """Tables that are materialized together for the same days.

    Attributes:
        tables: the tables, inputs first.
        first: first day.
        last: last day, of days in a row.
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
        """The same on the command line."""
        days = partition_option(self.first, self.last)
        return (
            f"dagster asset materialize -m ml_assets.definitions --select '{self.selection}'{days}"
        )


def repair_steps(
    graph: Graph, nodes: Collection[Node], partitions_of: Callable[[str], str]
) -> list[Step]:
    """Runs that make some days again, each after all it is made from.

    Args:
        graph: what was computed from what.
        nodes: the days to make again.
        partitions_of: table → name of the days it has; tables of one run have to share it. Days
            of ``AS_OF`` are made one after the other, as a model is judged against the one before.
    """
    wanted = set(nodes)
    waiting = {node: graph.inputs_within(node, wanted) for node in wanted}
    steps: list[Step] = []
    while waiting:
        ready = {node for node, inputs in waiting.items() if not inputs - {node}}
        table, days = _next(ready, set(waiting) - ready, steps, partitions_of)
        for node in [(table, day) for day in days]:
            del waiting[node]
        done = {(table, day) for day in days}
        waiting = {node: inputs - done for node, inputs in waiting.items()}
        for span in in_a_row(days):
            steps = _appended(steps, table, span.first, span.last, partitions_of)
    return steps


def _next(
    ready: Collection[Node],
    blocked: Collection[Node],
    steps: Sequence[Step],
    partitions_of: Callable[[str], str],
) -> tuple[str, list[str]]:
    """The table to make next, and its days: what goes on with the last run, before anything else."""
    tables = grouped(sorted(ready))
    if steps and partitions_of(steps[-1].tables[-1]) == AS_OF:
        for table, days in tables.items():
            if partitions_of(table) == AS_OF and steps[-1].first in days:
                return table, [steps[-1].first]
    half_ready = {table for table, _ in blocked}
    choices = sorted(tables, key=lambda table: (table in half_ready, tables[table][0], table))
    table = choices[0]
    return table, tables[table][:1] if partitions_of(table) == AS_OF else tables[table]


def _appended(
    steps: list[Step], table: str, first: str, last: str, partitions_of: Callable[[str], str]
) -> list[Step]:
    """The steps with one more table, in the run before where it has the same days."""
    if steps and (steps[-1].first, steps[-1].last) == (first, last):
        before = steps[-1]
        if partitions_of(before.tables[-1]) == partitions_of(table):
            return [*steps[:-1], replace(before, tables=(*before.tables, table))]
    return [*steps, Step((table,), first, last)]
