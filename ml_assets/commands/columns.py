"""The command about columns: what a column is made from, and what is made from it."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from ml_assets.lineage.columns import by_table, columns_of, downstream, origins

app = typer.Typer()


@app.command()
def columns(
    name: Annotated[
        str,
        typer.Argument(
            help="A table or one of its columns: flight_delays/predictions.prediction.",
            metavar="TABLE[.COLUMN]",
        ),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what columns are made from, down to the source database, and what is made from them."""
    from ml_assets.lake.store import Lake

    made_from = Lake.of_project().provenance.columns()
    told = {
        f"{table}.{column}": {
            "made from": by_table(made_from.get((table, column), ())),
            "comes from": by_table(origins(made_from, [(table, column)])),
            "goes into": by_table(downstream(made_from, [(table, column)]) - {(table, column)}),
        }
        for table, column in columns_of(made_from, name)
    }
    typer.echo(json.dumps(told, indent=2) if as_json else "\n\n".join(map(_told, told.items())))


def _told(column: tuple[str, Mapping[str, Mapping[str, Sequence[str]]]]) -> str:
    name, relations = column
    lines = [name]
    for relation, tables in relations.items():
        lines += [f"  {relation}{'' if tables else ': nothing'}"]
        lines += [f"    {table}: {', '.join(names)}" for table, names in tables.items()]
    return "\n".join(lines)
