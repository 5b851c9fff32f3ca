"""The command that shows what used a day, and plans and runs the repair."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ml_assets.commands.renamed import renamed
from ml_assets.commands.shared import AsJson, asked_lake, console, print_json
from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.lake.store import Lake
    from ml_assets.lineage.graph import Graph
    from ml_assets.lineage.impact import Impact
    from ml_assets.lineage.repair import Step
    from ml_assets.lineage.requests.touched import TouchedRequests
    from ml_assets.orchestration.runs.repairs import Repair

app = typer.Typer()


@app.command()
def impact(
    table: Annotated[str, typer.Argument(help="Asset key of a table: sources/flights.")],
    *,
    partition: Annotated[
        str, typer.Option(help="One of its days, 2013-02-09; omit it for a table without days.")
    ] = "snapshot",
    column: Annotated[str, typer.Option(help="Only tables that depend on this column.")] = "",
    plan: Annotated[
        bool, typer.Option("--plan", help="Show the repair: the runs, in order, without starting.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Run the repair.")] = False,
    with_models: Annotated[
        bool,
        typer.Option(
            "--with-models",
            help="With --plan or --apply: also train and judge the affected models again.",
        ),
    ] = False,
    as_json: AsJson = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", hidden=True)] = False,
    run: Annotated[bool, typer.Option("--run", hidden=True)] = False,
) -> None:
    """Show the days, models and predictions that used a day of a table, and repair them."""
    from ml_assets.commands.printing.lineage import print_impact
    from ml_assets.commands.printing.logged import print_touched_requests
    from ml_assets.commands.printing.repair import print_next, print_repair, repair_as_json
    from ml_assets.lake.remedy import partition_option
    from ml_assets.lineage.graph import Graph
    from ml_assets.lineage.impact import impact as impact_of

    if rebuild or run:
        old, new = ("--run", "--apply") if run else ("--rebuild", "--plan")
        options = f"{partition_option(partition)}{f' --column {column}' if column else ''} {new}"
        models = " --with-models" if with_models else ""
        raise renamed(old, new, f"impact {table}{options}{models}")
    if with_models and not (plan or apply):
        raise ConfigurationError("--with-models changes a repair: give --plan or --apply with it.")
    lake = asked_lake()
    graph = Graph.of(lake.ledger)
    found = impact_of(lake, graph, table, partition, column)
    requests = _touched_requests(lake, found)
    repair = _repair(graph, found, with_models=with_models) if plan or apply else None
    if as_json:
        result = {
            **asdict(found),
            "reaches_champion": found.reaches_champion,
            "logged": [asdict(one) for one in requests],
        }
        print_json(result | (repair_as_json(found, repair) if repair else {}))
    else:
        print_impact(found, console())
        print_touched_requests(requests, console())
        if repair:
            print_repair(found, repair, console(), shows_commands=plan)
        else:
            print_next(found, console())
    if repair and repair.steps and apply:
        _run(repair.steps, Console(stderr=True) if as_json else console())


def _touched_requests(lake: "Lake", found: "Impact") -> "list[TouchedRequests]":
    from ml_assets.lineage.requests.touched import touched_requests
    from ml_assets.workspace import Workspace

    workspace = Workspace.of_environment()
    if not workspace.has_prediction_log:
        return []
    return touched_requests(lake, workspace.prediction_log, found)


def _repair(graph: "Graph", found: "Impact", *, with_models: bool) -> "Repair":
    from ml_assets.definitions import project_definitions
    from ml_assets.orchestration.runs.repairs import repair_of

    start = (found.table, found.day)
    return repair_of(project_definitions(), graph, start, found.nodes, with_models=with_models)


def _run(steps: "Sequence[Step]", output: Console) -> None:
    from ml_assets.commands.printing.lineage import days_of
    from ml_assets.commands.printing.run import print_summary
    from ml_assets.definitions import project_definitions
    from ml_assets.orchestration.runs.repairs import run_step
    from ml_assets.orchestration.runs.runs import as_of_tables, project_instance
    from ml_assets.orchestration.runs.summary import summary_of

    definitions, outcomes = project_definitions(), []
    with project_instance() as instance:
        for number, step in enumerate(steps, start=1):
            with output.status(f"{number} of {len(steps)} …"):
                outcome = run_step(definitions, instance, step)
            outcomes.append(outcome)
            state = "[green]done[/green]" if outcome.succeeded else "[red]FAILED[/red]"
            output.print(
                f"{state} {number} of {len(steps)}: {days_of(step)} of {', '.join(step.tables)}",
                soft_wrap=True,
                highlight=False,
            )
            for message in outcome.failed_steps.values():
                output.print(f"  {escape(message)}", soft_wrap=True, highlight=False)
    summary = summary_of(asked_lake().ledger, outcomes, as_of_tables(definitions))
    print_summary(summary, output)
    if failed := sum(not outcome.succeeded for outcome in outcomes):
        output.print(
            f"{failed} of {len(steps)} runs failed; the others were completed. Correct the errors above, and "
            "run the same command again."
        )
        raise typer.Exit(1)
