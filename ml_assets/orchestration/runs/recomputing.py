"""Recomputes days on request, and rebuilds the ledger of all assets."""

from dataclasses import replace
from typing import Any

import dagster as dg

from ml_assets.cadence import Span
from ml_assets.errors import ConfigurationError, sentence
from ml_assets.lake.rebuilding import RebuiltTable, entries_of_table, rebuildable_lake_id
from ml_assets.ledger.entries import Entry, Read
from ml_assets.names import unknown
from ml_assets.orchestration.assets.dead_letters import dead_letters_of
from ml_assets.orchestration.assets.table_io import CONTRACT_KEY, table_name
from ml_assets.orchestration.assets.tables import (
    AS_OF_KEY,
    FACT_KEY,
    RECOMPUTE,
    refusal_to_recompute,
)
from ml_assets.orchestration.partitions import input_days
from ml_assets.orchestration.runs.runs import RunOutcome, complete_graph, materialize
from ml_assets.release.rebuilding import released_models
from ml_assets.workspace import Workspace


def recompute_days(
    definitions: dg.Definitions, instance: dg.DagsterInstance, table: str, span: Span | None
) -> RunOutcome:
    """Compute days of one table again in this process, even if nothing changed.

    Args:
        definitions: the project's definitions.
        instance: where the run is recorded.
        table: table name.
        span: the days; None for a table without days.

    Raises:
        ConfigurationError: the table or a day does not exist, or its days must not be recomputed.
    """
    graph = definitions.resolve_asset_graph()
    makers = {
        name: key
        for key in graph.executable_asset_keys
        for name in (table_name(key), dead_letters_of(table_name(key)))
    }
    if table not in makers:
        raise unknown("computed table", table, makers)
    key = makers[table]
    if reason := refusal_to_recompute(definitions.resolve_assets_def(key).get_asset_spec(key)):
        raise ConfigurationError(reason)
    partitions = graph.get(key).partitions_def
    if (partitions is None) != (span is None):
        problem = "has no partitions: leave --partition out" if span else "needs --partition DAY"
        raise ConfigurationError(f"{table} {sentence(problem)}")
    if partitions and span:
        known = set(partitions.get_partition_keys())
        if absent := [day for day in (span.first, span.last) if day not in known]:
            raise unknown(f"day of {table}", absent[0], known)
    return materialize(definitions, instance, {key}, span, {RECOMPUTE: "true"})


def recomputed_versions(definitions: dg.Definitions) -> dict[str, str]:
    """Table → code version of what is computed again when its inputs or its code change.

    Facts, such as predictions, are never; models and what is made from them are only on request.

    Args:
        definitions: the project's definitions.

    Returns:
        In the order in which the tables are computed.
    """
    graph = definitions.resolve_asset_graph()
    return {
        table_name(key): str(graph.get(key).code_version)
        for key in graph.toposorted_asset_keys
        if key in graph.executable_asset_keys
        and CONTRACT_KEY in (metadata := graph.get(key).metadata)
        and not (metadata.get(AS_OF_KEY) or metadata.get(FACT_KEY))
    }


def rebuild(
    definitions: dg.Definitions, workspace: Workspace
) -> tuple[list[RebuiltTable], list[str]]:
    """Rebuild a workspace's ledger from its lake and its model files.

    Args:
        definitions: the project's definitions.
        workspace: workspace whose ledger was lost.

    Returns:
        The rebuilt tables, and names and days of the models that are lost.

    Raises:
        ConfigurationError: the ledger has entries, the lake does not exist, or a part of the
            definitions is broken.
    """
    lake = workspace.unconfirmed_lake
    carried = rebuildable_lake_id(lake)
    graph = complete_graph(definitions)
    assets = {table_name(key): graph.get(key).metadata for key in graph.executable_asset_keys}
    names = sorted({*assets, *map(dead_letters_of, assets)})
    entries: list[Entry] = []
    rebuilt: list[RebuiltTable] = []
    for name in names:
        if found := entries_of_table(lake, name):
            entries += [_with_unknown_source(graph, entry) for entry in found[0]]
            rebuilt.append(found[1])
    lost: list[str] = []
    for name, metadata in assets.items():
        if CONTRACT_KEY in metadata:
            continue
        models = released_models(lake, name, entries, workspace.models.is_intact)
        lost += [f"{name} {as_of}" for as_of in models.lost]
        if models.entries:
            entries += models.entries
            rebuilt.append(RebuiltTable(name, len(models.entries)))
    lake.ledger.reset(carried, entries)
    return rebuilt, lost


def _with_unknown_source(graph: Any, entry: Entry) -> Entry:
    """The entry of a source table without the content that was read, which is unknown.

    The next comparison with the source then finds a change, and the day is extracted again.
    """
    key = dg.AssetKey(entry.table.split("/"))
    if not graph.get(key).is_executable:
        return entry
    unknown = [
        Read(table, day, "", None)
        for table, day in input_days(graph, entry.table, entry.day)
        if not graph.get(dg.AssetKey(table.split("/"))).is_executable
    ]
    return replace(entry, reads=unknown)
