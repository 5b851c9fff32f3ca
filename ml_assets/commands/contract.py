"""The commands about contracts: of rows, proposed from a source; of a day, from stored days."""

from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.commands.shared import AsJson, asked_lake, print_json
from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.contracts.contract import Contract

app = typer.Typer(help="Contracts of tables.", no_args_is_help=True)

MAX_DAYS = 366
"""Last days that a proposal is made from."""


@app.command("propose-day")
def propose_day(
    table: Annotated[str, typer.Argument(help="Asset key of a table: sources/flights.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Print a day contract for a table, with bounds from its stored days; ready to paste."""
    from ml_assets.content import SNAPSHOT
    from ml_assets.contracts.day_proposal import candidates, proposal
    from ml_assets.contracts.day_verdicts import measure
    from ml_assets.ledger.entries import row_counts

    lake, contract = asked_lake(), _contract_of(table)
    days = [day for day in lake.days_stored(table) if day != SNAPSHOT][-MAX_DAYS:]
    if not days:
        raise ConfigurationError(
            f"{table} has no stored days to propose from. Materialize some weeks of it first."
        )
    rows = lake.read(table, days)
    proposed = candidates(contract, rows)
    counts = row_counts(lake.ledger.latest(table, days))
    text = proposal(contract, measure(rows, days, counts, proposed), proposed)
    if as_json:
        print_json({"table": table, "first": days[0], "last": days[-1], "contract": text})
    else:
        typer.echo(text)


@app.command("propose")
def propose(
    table: Annotated[str, typer.Argument(help="A file, or a database table: shop/orders.csv.")],
    *,
    connection: Annotated[
        str | None, typer.Option(help="Connection of the table, see docs/sources.md.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="Column with the time of a row.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a contract for the rows of a file or a database table; ready to paste."""
    from ml_assets.scaffolding.contract import row_contract
    from ml_assets.scaffolding.reading import origin, rows_of
    from ml_assets.settings import settings

    urls = settings().connection_urls
    found = origin(table, connection, urls)
    text = row_contract(rows_of(found, urls), found.name, time)
    if as_json:
        print_json({"table": table, "contract": text})
    else:
        typer.echo(text)


def _contract_of(table: str) -> "type[Contract]":
    from ml_assets.definitions import project_definitions
    from ml_assets.names import unknown
    from ml_assets.orchestration.assets.table_io import CONTRACT_KEY, contract_of, table_name

    specs = project_definitions().resolve_all_asset_specs()
    known = {table_name(spec.key): spec.metadata for spec in specs if CONTRACT_KEY in spec.metadata}
    if table not in known or (found := contract_of(known[table])) is None:
        raise unknown("table", table, known)
    return found
