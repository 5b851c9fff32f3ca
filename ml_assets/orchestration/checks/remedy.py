"""What to do about bad check results: the table where they begin, and the command that repairs it."""

from collections.abc import Sequence

import dagster as dg

from ml_assets.lake.store import Lake
from ml_assets.lineage.repair import Step
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.checks.runner import DEFINED_CHECK, CheckResult
from ml_assets.orchestration.runs.runs import as_of_tables
from ml_assets.orchestration.runs.summary import repair_command


def next_step(definitions: dg.Definitions, lake: Lake, bad: Sequence[CheckResult]) -> str:
    """What repairs the first of some bad results, in words that end with a command.

    The first is of the most upstream table: what is wrong there is why tables below it are wrong.

    Args:
        definitions: the project's definitions.
        lake: whose ledger says what is there.
        bad: results that failed, or that are missing; at least one.
    """
    graph = definitions.resolve_asset_graph()
    order = {table_name(key): place for place, key in enumerate(graph.toposorted_asset_keys)}
    first = min(bad, key=lambda result: (order[result.asset], result.day))
    if first.check == DEFINED_CHECK:
        return f"correct what is named for {first.asset}, then: ml-assets checks"
    if first.day not in lake.ledger.latest(first.asset, [first.day]):
        missing = Step((first.asset,), first.day, first.day)
        return f"materialize what is missing: {missing.command}"
    command = repair_command(
        first.asset, first.day, is_as_of=first.asset in as_of_tables(definitions)
    )
    return f"repair what is named for {first.asset} {first.day}, then: {command}"
