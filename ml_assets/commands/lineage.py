"""The command about column lineage: what a column is computed from, and what uses it."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from ml_assets.commands.shared import AsJson, asked_lake, console, print_json

app = typer.Typer()


@app.command()
def lineage(
    name: Annotated[
        str,
        typer.Argument(
            help="A table or one of its columns: flight_delays/predictions.prediction.",
            metavar="TABLE[.COLUMN]",
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a column is computed from, down to the source systems, and what uses it."""
    from ml_assets.ledger.entries import grouped
    from ml_assets.lineage.columns import columns_of, downstream, origins

    made_from = asked_lake().provenance.columns()
    results = {
        f"{table}.{column}": {
            "made_from": grouped(sorted(made_from.get((table, column), ()))),
            "comes_from": grouped(sorted(origins(made_from, [(table, column)]))),
            "goes_into": grouped(
                sorted(downstream(made_from, [(table, column)]) - {(table, column)})
            ),
        }
        for table, column in columns_of(made_from, name)
    }
    if as_json:
        print_json(results)
    else:
        typer.echo("\n\n".join(map(_as_text, results.items())))


def _as_text(column: tuple[str, Mapping[str, Mapping[str, Sequence[str]]]]) -> str:
    name, relations = column
    lines = [name]
    for relation, tables in relations.items():
        lines += [f"  {relation.replace('_', ' ')}{'' if tables else ': nothing'}"]
        lines += [
            textwrap.fill(
                f"{table}: {', '.join(names)}",
                console().width,
                initial_indent=" " * 4,
                subsequent_indent=" " * 6,
                break_on_hyphens=False,
                break_long_words=False,
            )
            for table, names in tables.items()
        ]
    return "\n".join(lines)
