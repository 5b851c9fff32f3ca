"""The ``ml-assets`` command: arguments in, tables and exit codes out.

Commands only parse and print; what they do is in the packages they call. Exit codes: 0 all is
well, 1 something failed, 2 the arguments or settings cannot be used.
"""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import dotenv
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml_assets.commands import columns as columns_command
from ml_assets.commands import contract as contract_commands
from ml_assets.commands import lake as lake_commands
from ml_assets.commands import lineage as lineage_commands
from ml_assets.commands import registry as registry_commands
from ml_assets.commands import release as release_commands
from ml_assets.commands import reproduce as reproduce_commands
from ml_assets.commands import shared
from ml_assets.commands import source as source_commands
from ml_assets.commands import ui as ui_command
from ml_assets.commands.shared import Partition, PartitionRange, asked_span
from ml_assets.data_folder import keep_private
from ml_assets.errors import ConfigurationError, MLAssetsError
from ml_assets.settings import settings

app = typer.Typer(
    help="Run, check and look after the assets of this project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(source_commands.app, name="source")
app.add_typer(lake_commands.app)
app.add_typer(registry_commands.app, name="registry")
app.add_typer(contract_commands.app, name="contract")
app.add_typer(release_commands.app)
app.add_typer(lineage_commands.app)
app.add_typer(columns_command.app)
app.add_typer(reproduce_commands.app)
app.add_typer(ui_command.app)

console = shared.console()

SHOWN = 20
"""Failing days printed in full; the JUnit file has all."""


@app.command()
def demo(
    year: Annotated[
        bool, typer.Option("--year", help="The whole year, and three policies compared.")
    ] = False,
) -> None:
    """Run the reference pipeline from January to May: releases, a retraining, a bad day."""
    from ml_assets.commands.demo import SHORT, YEAR, run

    if not run(YEAR if year else SHORT, console):
        raise typer.Exit(1)


@app.command()
def checks(
    select: Annotated[str, typer.Option(help="Dagster asset selection.")] = "*",
    partition: Partition = None,
    partition_range: PartitionRange = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML.")] = None,
) -> None:
    """Check what is stored, without recomputing it; exit 1 when a day failed or has no result."""
    from ml_assets.definitions import project_definitions
    from ml_assets.orchestration.checks.remedy import next_step
    from ml_assets.orchestration.checks.runner import check, junit
    from ml_assets.orchestration.runs.runs import project_instance
    from ml_assets.workspace import Workspace

    span = asked_span(partition, partition_range)
    with project_instance() as instance, console.status("Loading definitions …") as status:
        definitions = project_definitions()
        lake = Workspace.of_environment().lake
        results = check(
            definitions,
            lake,
            instance,
            select,
            span,
            progress=lambda what: status.update(f"Running {what} …"),
        )
    if junit_file:
        junit_file.parent.mkdir(parents=True, exist_ok=True)
        junit_file.write_bytes(junit(results))
    console.print(_check_table(results))
    bad = [result for result in results if result.is_bad]
    for result in bad[:SHOWN]:
        console.print(
            f"[red]{result.state}[/red] {result.asset} {result.day} {result.check}: "
            f"{escape(result.reason)}",
            highlight=False,
            soft_wrap=True,
        )
    if len(bad) > SHOWN:
        console.print(f"… and {len(bad) - SHOWN} more; --junit FILE has all of them.")
    if bad:
        days = sorted({result.day for result in bad})
        console.print(f"[red]{len(bad)} results are bad, on {_listed(days)}.[/red]")
        console.print(
            f"Next, {next_step(definitions, lake, bad)}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
        raise typer.Exit(1)
    console.print(f"[green]All {len(results)} results are good.[/green]")


@app.command()
def backtest(
    pipeline: Annotated[str, typer.Argument(help="First part of its asset keys: flight_delays.")],
    *,
    start: Annotated[str, typer.Option(help="First day that is scored.")] = "2013-04-01",
    end: Annotated[str, typer.Option(help="Last day.")] = "2013-12-31",
    step: Annotated[str, typer.Option(help="Days between decisions, 7d, or 'month'.")] = "7d",
    policy: Annotated[
        list[str] | None, typer.Option(help="Policy of the pipeline, or a YAML file; repeatable.")
    ] = None,
    label_delay: Annotated[
        int | None,
        typer.Option(min=0, help="Days that labels take, instead of what defs.yaml says."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the results.")] = None,
) -> None:
    """Replay history under retraining policies, side by side, without touching the project."""
    from ml_assets.cadence import Span
    from ml_assets.commands.backtest_report import backtest_progress, print_backtest
    from ml_assets.definitions import project_definitions
    from ml_assets.simulation.backtest import run
    from ml_assets.simulation.plans import BacktestPlan
    from ml_assets.simulation.results import save

    span = Span.parse(f"{start}...{end}")
    days = _step_days(step)
    plans = [
        BacktestPlan(pipeline, span.first, span.last, days, name, label_delay)
        for name in policy or ["triggered", "monthly", "never"]
    ]
    with backtest_progress(console) as progress:
        results = run(plans, project_definitions, progress)
    print_backtest(results, console)
    if json_file:
        save(results, json_file)
        console.print(f"The same as JSON: {json_file}", soft_wrap=True)
    if any(result.failures for result in results):
        raise typer.Exit(1)


def _step_days(text: str) -> int | None:
    if text == "month":
        return None
    if text.endswith("d") and text[:-1].isdigit() and int(text[:-1]) > 0:
        return int(text[:-1])
    raise ConfigurationError(f"'{text}' is no step. Expected days as in '7d', or 'month'.")


def _check_table(results: Sequence["CheckResult"]) -> Table:  # type: ignore[name-defined]  # noqa: F821
    table = Table("asset", "check", "passed", "warned", "failed", "no result", box=None)
    counts = Counter((result.asset, result.check, str(result.state)) for result in results)
    for asset, check in dict.fromkeys((result.asset, result.check) for result in results):
        table.add_row(
            asset,
            check,
            *(
                _number(counts[asset, check, state], style)
                for state, style in [
                    ("passed", "green"),
                    ("warned", "yellow"),
                    ("failed", "red"),
                    ("no result", "red"),
                ]
            ),
        )
    return table


def _number(count: int, style: str) -> str:
    return f"[{style}]{count}[/{style}]" if count else "·"


def _listed(days: Sequence[str]) -> str:
    return ", ".join(days[:5]) + (f" and {len(days) - 5} more days" if len(days) > 5 else "")


def main() -> None:
    """Entry point: expected errors become one line and an exit code, never a traceback."""
    dotenv.load_dotenv(Path(".env"))
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        keep_private(settings().data)
        app()
    except ConfigurationError as error:
        _fail(error, 2)
    except MLAssetsError as error:
        _fail(error, 1)


def _fail(error: MLAssetsError, code: int) -> None:
    Console(stderr=True, soft_wrap=True).print(
        f"[red]{type(error).__name__}[/red]: {escape(str(error))}", highlight=False
    )
    sys.exit(code)
