"""Which tables belong to pipelines without processed partitions."""

from collections.abc import Collection

import dagster as dg

from ml_assets.orchestration.assets.table_io import table_name


def not_begun(definitions: dg.Definitions, processed: Collection[str]) -> set[str]:
    """Tables that no processed table is made from, and that are made from such tables.

    A table of which one input is not begun is not begun either, whatever became of its other inputs.
    Where nothing was processed at all, every table is missing, and none is named.

    Args:
        definitions: the project's definitions.
        processed: tables with a day that was processed.
    """
    graph = definitions.resolve_asset_graph()
    tables = {*graph.executable_asset_keys}
    begun = {key for key in tables if table_name(key) in processed}
    if not begun:
        return set()
    reached, following = set(begun), list(begun)
    while following:
        node = graph.get(following.pop())
        made_from_begun = {key for key in node.child_keys if graph.get(key).parent_keys <= reached}
        near = {*node.parent_keys, *made_from_begun} - reached
        reached |= near
        following += near
    return {table_name(key) for key in tables - reached}
