"""Making touched days again: which of them are assets here, and the runs that do it.

What is touched, and in which order it is made again, is in the package ``lineage``.
"""

from collections.abc import Collection

import dagster as dg

from ml_assets.lake.content import SNAPSHOT
from ml_assets.lineage.graph import Graph, Node
from ml_assets.lineage.repair import AS_OF, Step, repair_steps
from ml_assets.orchestration.runs import Outcome, Span, materialize
from ml_assets.orchestration.tables import AS_OF_KEY


def steps_of(definitions: dg.Definitions, graph: Graph, nodes: Collection[Node]) -> list[Step]:
    """The runs that make some days again, in order.

    Args:
        definitions: the project's definitions.
        graph: what was computed from what.
        nodes: the days; those of tables that no run makes (the source's own) are left out.
    """
    assets = definitions.resolve_asset_graph()
    partitions = {}
    for key in assets.executable_asset_keys:
        node = assets.get(key)
        days = AS_OF if node.metadata.get(AS_OF_KEY) else str(node.partitions_def)
        partitions["/".join(key.path)] = days
    made = {node for node in nodes if node[0] in partitions}
    return repair_steps(graph, made, partitions.__getitem__)


def run_step(definitions: dg.Definitions, instance: dg.DagsterInstance, step: Step) -> Outcome:
    """Make the days of one step again, in this process."""
    keys = {dg.AssetKey(table.split("/")) for table in step.tables}
    span = None if step.first == SNAPSHOT else Span(step.first, step.last)
    return materialize(definitions, instance, keys, span)
