"""Repairs affected days: plans which of them are computed again, and runs the plan.

The package ``lineage`` determines the affected days, the days that a repair leaves unchanged, and
the order of its runs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import dagster as dg

from ml_assets.cadence import Span
from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Status
from ml_assets.lineage.graph import Graph, Node
from ml_assets.lineage.repair import AS_OF, Step, repair_steps, scope_of
from ml_assets.orchestration.assets.tables import AS_OF_KEY, FACT_KEY
from ml_assets.orchestration.runs.runs import RunOutcome, materialize


@dataclass(frozen=True)
class Repair:
    """The plan of a repair.

    Attributes:
        steps: the runs, in order.
        left_as_of: affected days of training datasets, models and evaluations, which are computed
            again only on request.
        left_facts: affected days of predictions and decisions, which are never computed again.
    """

    steps: Sequence[Step]
    left_as_of: Sequence[Node]
    left_facts: Sequence[Node]


def repair_of(
    definitions: dg.Definitions,
    graph: Graph,
    start: Node,
    touched: Collection[Node],
    *,
    with_models: bool,
) -> Repair:
    """Plan the repair of a day.

    Args:
        definitions: the project's definitions.
        graph: dependencies between days.
        start: the day that was wrong.
        touched: every day that depends on it.
        with_models: whether models that were trained on it are trained and judged again.
    """
    assets = definitions.resolve_asset_graph()
    nodes = {"/".join(key.path): assets.get(key) for key in assets.executable_asset_keys}
    as_of = {table for table, node in nodes.items() if node.metadata.get(AS_OF_KEY)}
    facts = {table for table, node in nodes.items() if node.metadata.get(FACT_KEY)}

    def is_fact(node: Node) -> bool:
        entry = graph.entries.get(node)
        return node[0] in facts and entry is not None and entry.status is Status.STORED

    def is_left(node: Node) -> bool:
        return is_fact(node) or (node[0] in as_of and not with_models)

    scope = scope_of(graph, start, touched, is_left)
    made = {node for node in scope.recomputed if node[0] in nodes}
    partitions = {
        table: AS_OF if table in as_of else str(node.partitions_def)
        for table, node in nodes.items()
    }
    return Repair(
        repair_steps(graph, made, partitions.__getitem__),
        sorted(node for node in scope.kept if node[0] in as_of),
        sorted(node for node in scope.kept if node[0] in facts),
    )


def run_step(definitions: dg.Definitions, instance: dg.DagsterInstance, step: Step) -> RunOutcome:
    """Compute the days of one step again in this process."""
    keys = {dg.AssetKey(table.split("/")) for table in step.tables}
    span = None if step.first == SNAPSHOT else Span(step.first, step.last)
    return materialize(definitions, instance, keys, span)
