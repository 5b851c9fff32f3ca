"""The command that runs the checks of stored days."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml_assets.commands.shared import (
    AsJson,
    Partition,
    PartitionRange,
    asked_span,
    console,
    plain_table,
    print_json,
    progress_console,
)

if TYPE_CHECKING:
    from ml_assets.orchestration.checks.runner import CheckResult

app = typer.Typer()

EVERYTHING = "*"
STATES = {"passed": "green", "warned": "yellow", "failed": "red", "no result": "red"}
"""States of checks, in the order of their columns, with their color."""

SHOWN = 20
"""Failing days printed in full; the JUnit file has all."""


@app.command()
def checks(
    select: Annotated[str, typer.Option(help="Dagster asset selection.")] = EVERYTHING,
    partition: Partition = None,
    partition_range: PartitionRange = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the stored days, without recomputing them; exit 1 if a day failed or has no result.

    Without --partition or --partition-range, each table is checked up to its last processed day;
    "ml-assets status" shows which days were not processed yet.
    """
    from ml_assets.definitions import project_definitions
    from ml_assets.orchestration.checks.begun import not_begun
    from ml_assets.orchestration.checks.remedy import next_step
    from ml_assets.orchestration.checks.runner import check, junit
    from ml_assets.orchestration.runs.runs import project_instance
    from ml_assets.workspace import Workspace

    span = asked_span(partition, partition_range)
    output = console()
    progress = progress_console(as_json=as_json)
    with project_instance() as instance, progress.status("Loading definitions …") as status:
        definitions = project_definitions()
        lake = Workspace.of_environment().lake
        is_whole = select == EVERYTHING
        left_out = not_begun(definitions, lake.ledger.tables()) if is_whole else set[str]()
        results = check(
            definitions,
            lake,
            instance,
            select,
            span,
            leave_out=left_out,
            progress=lambda what: status.update(f"Running {what} …"),
        )
    if junit_file:
        junit_file.parent.mkdir(parents=True, exist_ok=True)
        junit_file.write_bytes(junit(results))
    bad = [result for result in results if result.is_bad]
    remedy = next_step(definitions, lake, bad) if bad else ""
    if as_json:
        print_json(
            {
                "results": [asdict(result) for result in results],
                "bad": len(bad),
                "not_begun": sorted(left_out),
                "next": remedy or None,
            }
        )
    else:
        _print_results(results, bad, output)
        if left_out:
            names = sorted({table.partition("/")[0] for table in left_out})
            output.print(
                f"Not checked, because nothing of it was processed yet: {', '.join(names)} "
                f"({len(left_out)} tables).",
                highlight=False,
            )
        if bad:
            output.print(f"Next, {remedy}", highlight=False, soft_wrap=True, markup=False)
    if bad:
        raise typer.Exit(1)


def _print_results(
    results: Sequence["CheckResult"], bad: Sequence["CheckResult"], output: Console
) -> None:
    from ml_assets.orchestration.checks.runner import DEFINED_CHECK

    output.print(_check_table(results))
    for result in sorted(bad, key=lambda one: one.check != DEFINED_CHECK)[:SHOWN]:
        output.print(
            f"[red]{result.state}[/red] {result.asset} {result.day} {result.check}: "
            f"{escape(result.reason)}",
            highlight=False,
            soft_wrap=True,
        )
    if len(bad) > SHOWN:
        output.print(f"… and {len(bad) - SHOWN} more; --junit FILE or --json has all of them.")
    if bad:
        days = sorted({result.day for result in bad})
        output.print(f"[red]{len(bad)} results are bad, on {_listed(days)}.[/red]", highlight=False)
    elif warned := sum(result.state == "warned" for result in results):
        passed = len(results) - warned
        output.print(
            f"[green]No result is bad[/green]: {passed} passed, [yellow]{warned} warned[/yellow].",
            highlight=False,
        )
    else:
        output.print(f"[green]All {len(results)} results are good.[/green]", highlight=False)


def _check_table(results: Sequence["CheckResult"]) -> Table:
    """One row for each check under the name of its asset, so that names fit 80 columns."""
    from ml_assets.ledger.entries import grouped

    table = plain_table("asset and check", *STATES, right=len(STATES))
    counts = Counter((result.asset, result.check, str(result.state)) for result in results)
    for asset, of_asset in grouped((result.asset, result.check) for result in results).items():
        table.add_row(asset)
        for check in dict.fromkeys(of_asset):
            numbers = [_number(counts[asset, check, state], STATES[state]) for state in STATES]
            table.add_row(f"  {check}", *numbers)
    return table


def _number(count: int, style: str) -> str:
    return f"[{style}]{count}[/{style}]" if count else "·"


def _listed(days: Sequence[str]) -> str:
    return ", ".join(days[:5]) + (f" and {len(days) - 5} more days" if len(days) > 5 else "")
