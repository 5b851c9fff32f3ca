"""The ``ml-assets`` command: arguments in, tables and exit codes out.

Commands only parse and print; what they do is in the packages they call, which each command imports
when it runs. Exit codes: 0 all is well, 1 something failed, 2 arguments or settings cannot be used.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import dotenv
import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from ml_assets.commands import alerts as alerts_commands
from ml_assets.commands import backtest as backtest_command
from ml_assets.commands import checks as checks_command
from ml_assets.commands import contract as contract_commands
from ml_assets.commands import dashboard as dashboard_command
from ml_assets.commands import lake as lake_commands
from ml_assets.commands import new as new_command
from ml_assets.commands import online as online_commands
from ml_assets.commands import predictions as predictions_commands
from ml_assets.commands import registry as registry_commands
from ml_assets.commands import release as release_commands
from ml_assets.commands import serve as serve_commands
from ml_assets.commands import shared
from ml_assets.commands import source as source_commands
from ml_assets.commands import status as status_command
from ml_assets.commands import ui as ui_command
from ml_assets.commands.lineage import columns as lineage_command
from ml_assets.commands.lineage import impact as impact_command
from ml_assets.commands.lineage import reproduce as reproduce_commands
from ml_assets.commands.lineage import trace as trace_command
from ml_assets.commands.renamed import add_renamed
from ml_assets.errors import ConfigurationError, MLAssetsError

HELP_OPTIONS = ("-h", "--help")

IS_HELP = "ml_assets.is_help"
"""Key of a context's ``meta``: whether help is requested, of any command."""


class _Commands(TyperGroup):
    """The commands; help of each of them needs no usable settings."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[IS_HELP] = not {*HELP_OPTIONS}.isdisjoint(args)
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": [*HELP_OPTIONS]},
)
app.add_typer(status_command.app)
app.add_typer(checks_command.app)
app.add_typer(trace_command.app)
app.add_typer(impact_command.app)
app.add_typer(lineage_command.app)
app.add_typer(reproduce_commands.app)
app.add_typer(release_commands.app)
app.add_typer(alerts_commands.app, name="alerts")
app.add_typer(backtest_command.app)
app.add_typer(source_commands.app, name="source")
app.add_typer(lake_commands.app)
app.add_typer(online_commands.app, name="online")
app.add_typer(serve_commands.app)
app.add_typer(serve_commands.keys, name="keys")
app.add_typer(predictions_commands.app, name="predictions")
app.add_typer(registry_commands.app, name="registry")
app.add_typer(contract_commands.app, name="contract")
app.add_typer(new_command.app)
app.add_typer(dashboard_command.app)
app.add_typer(ui_command.app)
add_renamed(app, "columns", "lineage")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"ml-assets {version('ml-assets')}")
        raise typer.Exit


@app.callback()
def ml_assets(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Run, check and look after the assets of this project.

    Start with 'ml-assets status': it names the next command.
    """
    from ml_assets.data_folder import keep_private
    from ml_assets.settings import settings

    if not context.meta[IS_HELP]:
        keep_private(settings().data)


@app.command()
def demo(
    year: Annotated[
        bool, typer.Option("--year", help="The whole year, and three policies compared.")
    ] = False,
) -> None:
    """Run the reference pipeline from January to May: releases, a retraining, a bad day."""
    from ml_assets.commands.demo import SHORT, YEAR, run

    if not run(YEAR if year else SHORT, shared.console()):
        raise typer.Exit(1)


def main() -> None:
    """Entry point: expected errors become one line and an exit code, never a traceback."""
    dotenv.load_dotenv(Path(".env"))
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        app(prog_name="ml-assets")
    except ConfigurationError as error:
        _fail(error, 2)
    except MLAssetsError as error:
        _fail(error, 1)


def _fail(error: MLAssetsError, code: int) -> None:
    Console(stderr=True, soft_wrap=True).print(
        f"[red]{type(error).__name__}[/red]: {escape(str(error))}", highlight=False
    )
    sys.exit(code)
