"""The command that makes a pipeline from a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.commands.shared import console, plain_table

if TYPE_CHECKING:
    from ml_assets.scaffolding.pipeline import Proposal

app = typer.Typer()

ROOT = Path(__file__).parents[2]
"""Folder of the project, in which pipelines and their tests are."""

Table = Annotated[
    str, typer.Option("--from", help="A CSV, Parquet or JSON lines file, or a database table.")
]
Target = Annotated[str, typer.Option(help="Column to predict.")]
Time = Annotated[
    str | None, typer.Option(help="Column with the time of a row; the only one when omitted.")
]
Entity = Annotated[
    list[str], typer.Option(help="Column that names a series of rows, such as a shop; repeatable.")
]
Chosen = Annotated[
    str | None,
    typer.Option(help="hourly, daily, weekly or monthly; that of the rows when omitted."),
]
Task = Annotated[
    str | None,
    typer.Option(help="regression, classification or multiclass; that of the target when omitted."),
]
Connection = Annotated[
    str | None, typer.Option(help="Connection of the table, see docs/sources.md.")
]
Exclude = Annotated[list[str], typer.Option(help="Column that is not read; repeatable.")]
Allow = Annotated[
    list[str],
    typer.Option(help="Column that may be used although it seems to give the target away."),
]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the pipeline: bike_rides.")],
    *,
    table: Table,
    target: Target,
    time: Time = None,
    entity: Entity = [],  # noqa: B006 - typer reads it
    cadence: Chosen = None,
    task: Task = None,
    connection: Connection = None,
    exclude: Exclude = [],  # noqa: B006
    allow: Allow = [],  # noqa: B006
) -> None:
    """Make a pipeline from a table: contracts, features, defs.yaml, README and a test."""
    from ml_assets.scaffolding.asking import asked, proposed, written
    from ml_assets.settings import settings

    request = asked(
        name=name,
        target=target,
        time=time,
        entity=entity,
        cadence=cadence,
        task=task,
        exclude=exclude,
        allow=allow,
    )
    proposal = proposed(request, table, connection, settings().connection_urls, ROOT)
    _show(proposal)
    _show_written(proposal, written(proposal, ROOT))


def _show(p: "Proposal") -> None:
    out = console()
    table = plain_table("column", "type", "nulls", "seen", "used as")
    for column in p.columns:
        nulls = f"{column.null_share:.1%}" if column.null_share else "0"
        table.add_row(column.name, column.kind, nulls, column.seen, p.use_of(column.name))
    out.print(table)
    out.print()
    for line in p.summary:
        out.print(f"• {line}", highlight=False)


def _show_written(p: "Proposal", paths: list[str]) -> None:
    from ml_assets.scaffolding.files import commands, undo

    out = console()
    out.print("\nWritten, each yours to change:")
    for path in paths:
        out.print(f"  {path}", highlight=False)
    out.print("\nTo decide otherwise, remove them before anything is launched, and run this again:")
    typer.echo(f"  {undo(p.name)}")
    out.print("\nNext, from the table to a first release decision and predictions:")
    for command in commands(p):
        typer.echo(f"  {command}")
