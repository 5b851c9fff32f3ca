"""The commands about the lake: maintain it, compute days again, and repair the pair of lake and ledger."""

from typing import Annotated

import typer
from rich.markup import escape

from ml_assets.commands.shared import (
    Partition,
    PartitionRange,
    asked_lake,
    asked_span,
    console,
    plain_table,
)
from ml_assets.errors import ConfigurationError, LakeMismatch

app = typer.Typer()
lake_app = typer.Typer(help="The lake's tables.", no_args_is_help=True)
app.add_typer(lake_app, name="lake")

LOST_WITH_THE_LEDGER = (
    "Lost with the ledger: the inputs of each day, the runs, code versions, quarantined and skipped "
    "days, approvals and rejections. Days are computed again when they are next materialized; "
    "predictions and other records stay as they are."
)


@app.command()
def recompute(
    table: Annotated[str, typer.Argument(help="Table name: flight_delays/flight_features.")],
    *,
    partition: Partition = None,
    partition_range: PartitionRange = None,
) -> None:
    """Compute days of a table again, even if neither inputs nor code changed."""
    from ml_assets.definitions import project_definitions
    from ml_assets.orchestration.runs.recomputing import recompute_days
    from ml_assets.orchestration.runs.runs import project_instance

    span = asked_span(partition, partition_range)
    with project_instance() as instance, console().status("Computing …"):
        outcome = recompute_days(project_definitions(), instance, table, span)
    for message in outcome.failed_steps.values():
        console().print(f"[red]{escape(message)}[/red]", highlight=False, soft_wrap=True)
    if not outcome.succeeded:
        raise typer.Exit(1)
    days = f" for {partition or partition_range}" if span else ""
    console().print(f"[green]{table} was computed again{days}.[/green]")


@lake_app.command("maintain")
def maintain() -> None:
    """Compact tables and delete old files, except those of versions that models were trained or judged on."""
    from ml_assets.definitions import project_definitions
    from ml_assets.lake.maintenance import maintain as maintain_table
    from ml_assets.orchestration.runs.runs import as_of_tables, complete_graph
    from ml_assets.release import audit

    lake, definitions = asked_lake(), project_definitions()
    complete_graph(definitions)
    readers = as_of_tables(definitions)
    table = plain_table("table", "version", "kept", "files compacted", "files deleted", right=4)
    problems: list[str] = []
    for name in lake.ledger.tables():
        is_told = name.rpartition("/")[2] in audit.TABLES
        try:
            done = maintain_table(lake, name, readers, keeps_history=is_told)
        except LakeMismatch as error:
            problems.append(str(error))
            continue
        if done:
            table.add_row(
                name,
                str(done.version),
                str(len(done.kept_versions)),
                str(done.files_compacted),
                str(done.files_deleted),
            )
    console().print(table)
    for problem in problems:
        console().print(f"[red]{escape(problem)}[/red]", highlight=False, soft_wrap=True)
    if problems:
        raise typer.Exit(1)


@lake_app.command("adopt")
def adopt() -> None:
    """Give a lake without an ID the ID of the ledger; days without rows then count as lost."""
    from ml_assets.lake.pair import lake_id
    from ml_assets.workspace import Workspace

    lake = Workspace.of_environment().unconfirmed_lake
    if not lake.ledger.identity().has_entries:
        raise ConfigurationError(
            "The ledger has no entries, so no lake can belong to it. Check "
            "ML_ASSETS_DATA, or run 'ml-assets lake rebuild-ledger' if the lake has tables."
        )
    if lake_id(lake.uri) == lake.ledger.identity().id:
        console().print("Lake and ledger belong together already.")
        return
    lake.mark()
    console().print(
        f"The lake {lake.uri} belongs to the ledger now. Days whose rows are missing are computed "
        "again when they are materialized.",
        soft_wrap=True,
    )


@lake_app.command("rebuild-ledger")
def rebuild_ledger() -> None:
    """Rebuild a lost ledger from the lake, and report what cannot be rebuilt."""
    from ml_assets.definitions import project_definitions
    from ml_assets.orchestration.runs.recomputing import rebuild
    from ml_assets.workspace import Workspace

    rebuilt, lost_models = rebuild(project_definitions(), Workspace.of_environment())
    table = plain_table("table", "days", "rows", "versions", "damaged days", "not rebuilt")
    for item in rebuilt:
        damaged = ", ".join(item.damaged[:3]) + (" …" if len(item.damaged) > 3 else "")
        table.add_row(
            item.table, str(item.days), str(item.rows), str(item.versions), damaged, item.problem
        )
    console().print(table)
    for as_of in lost_models:
        console().print(f"[red]The model {as_of} is lost: its file is gone or altered.[/red]")
    console().print(LOST_WITH_THE_LEDGER, soft_wrap=True)
