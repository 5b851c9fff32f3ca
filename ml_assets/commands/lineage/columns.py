"""The command about column lineage: what a column is computed from, what uses it, and how that is known."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.commands.shared import (
    AsJson,
    Partition,
    PartitionRange,
    asked_lake,
    asked_span,
    console,
    print_json,
    working,
)
from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.cadence import Span
    from ml_assets.lineage.measurement.feature_function import FeatureFunction

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
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Measure it on stored rows, record it, compare it with 'from'."
        ),
    ] = False,
    partition: Partition = None,
    partition_range: PartitionRange = None,
    as_json: AsJson = False,
) -> None:
    """Show what a column is computed from, down to the source systems, and what uses it.

    With --measure: exit 1 if a column changes with an input column that it does not declare.
    """
    span = asked_span(partition, partition_range)
    if measure:
        _measure(name, span, as_json=as_json)
    elif span:
        raise ConfigurationError("--partition and --partition-range are for --measure. Add it.")
    else:
        _show(name, as_json=as_json)


def _show(name: str, *, as_json: bool) -> None:
    from ml_assets.commands.printing.columns import as_text, relations
    from ml_assets.lineage.columns import columns_of
    from ml_assets.lineage.measurement.resolved import column_lineage

    known = column_lineage(asked_lake())
    results = {
        f"{table}.{column}": relations(known, (table, column))
        for table, column in columns_of(known.made_from, name)
    }
    if as_json:
        print_json(results)
    else:
        width = console().width
        typer.echo("\n\n".join(as_text(*result, width) for result in results.items()))


def _measure(table: str, span: "Span | None", *, as_json: bool) -> None:
    from ml_assets.commands.printing.columns import as_plain, print_measured
    from ml_assets.lineage.measurement.measuring import measured_lineage, record

    lake, function = asked_lake(), _function_of(table)
    with nullcontext() if as_json else working(console(), f"Measuring {table}"):
        found = measured_lineage(lake, function, span)
    record(lake, function, found.measurement)
    if as_json:
        print_json(as_plain(found))
    else:
        print_measured(found, console())
    if found.undeclared:
        raise typer.Exit(1)


def _function_of(table: str) -> "FeatureFunction":
    """The function of a computed table.

    Raises:
        ConfigurationError: the table is not computed by a function.
    """
    from ml_assets.definitions import project_definitions
    from ml_assets.names import unknown
    from ml_assets.orchestration.assets.function_metadata import function_of

    specs = project_definitions().resolve_all_asset_specs()
    functions = [function for spec in specs if (function := function_of(spec.metadata))]
    known = {function.table: function for function in functions}
    if table not in known:
        raise unknown("table that a function computes", table, known)
    return known[table]
