"""Remedies for failed checks: the most upstream failed table and the command that repairs it."""

from collections.abc import Sequence

import dagster as dg

from ml_assets.lake.remedy import repair_commands
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Status, damage_of
from ml_assets.lineage.repair import Step
from ml_assets.online.materializing import materialize_online_command
from ml_assets.orchestration.assets.table_io import table_name
from ml_assets.orchestration.checks.online import ONLINE_CHECK
from ml_assets.orchestration.checks.runner import DEFINED_CHECK, CheckResult
from ml_assets.orchestration.runs.runs import as_of_tables
from ml_assets.orchestration.runs.summary import repair_command


def next_step(definitions: dg.Definitions, lake: Lake, bad: Sequence[CheckResult]) -> str:
    """The remedy for the first of some bad results, ending with a command.

    The first result is of the most upstream table, whose problem causes those downstream.

    Args:
        definitions: the project's definitions.
        lake: lake whose ledger records the processed days.
        bad: failed or missing results, at least one.
    """
    graph = definitions.resolve_asset_graph()
    order = {table_name(key): position for position, key in enumerate(graph.toposorted_asset_keys)}
    first = min(bad, key=lambda result: (order[result.asset], result.day))
    if first.check == DEFINED_CHECK:
        return f"correct what the message of {first.asset} names in defs/, then: ml-assets checks"
    entry = lake.ledger.latest(first.asset, [first.day]).get(first.day)
    if first.check == ONLINE_CHECK and entry and entry.status is Status.STORED:
        last = max(one.day for one in bad if (one.asset, one.check) == (first.asset, first.check))
        return f"write its rows online again: {materialize_online_command(first.asset, last)}"
    if entry is None:
        missing = Step((first.asset,), first.day, first.day)
        return f"materialize the missing day: {missing.command}"
    if damage_of(entry):
        return f"compute the damaged day again: {'; '.join(repair_commands(lake, [entry]))}"
    command = repair_command(
        first.asset, first.day, is_as_of=first.asset in as_of_tables(definitions)
    )
    return f"correct {first.asset} {first.day} in its source, then: {command}"
