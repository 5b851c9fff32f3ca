"""What the commands share: arguments, the console, JSON, and the lake that is asked."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.cadence import Span
    from ml_assets.lake.store import Lake

PipelineName = Annotated[str, typer.Argument(help="First part of its asset keys: flight_delays.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]

Partition = Annotated[str | None, typer.Option(help="One day, 2013-02-09.")]
PartitionRange = Annotated[str | None, typer.Option(help="Days, 2013-02-01...2013-02-28.")]

COMMIT_LENGTH = 12
"""Characters of a commit that are shown."""

WIDTH = 150
"""Characters of a line where there is no terminal."""


def console() -> Console:
    """Where results are printed."""
    return Console(width=None if sys.stdout.isatty() else WIDTH)


@contextmanager
def working(console: Console, what: str) -> Iterator[None]:
    """Show what is being done: a spinner on a terminal, a line elsewhere."""
    if console.is_terminal:
        with console.status(f"{what} …"):
            yield
    else:
        console.print(f"{what} …")
        yield


def asked_span(partition: str | None, partition_range: str | None) -> "Span | None":
    """The days that the two options name; None when neither is given.

    Raises:
        ConfigurationError: both are given, or one names no days.
    """
    from ml_assets.cadence import Span

    if partition and partition_range:
        raise ConfigurationError("Give --partition or --partition-range, not both.")
    text = partition or partition_range
    return Span.parse(text) if text else None


def print_json(told: Any) -> None:
    """Print plain values; moments as ISO texts."""
    typer.echo(json.dumps(told, indent=2, default=_plain))


def asked_lake() -> "Lake":
    """The lake that the settings name, for a question: it is not made when it is not there.

    Raises:
        ConfigurationError: nothing was materialized there yet.
    """
    from ml_assets.lake.pair import lake_id
    from ml_assets.workspace import Workspace

    workspace = Workspace.of_environment()
    chosen, file = workspace.settings, workspace.settings.data / "ledger.db"
    is_local = chosen.postgres_url is None
    if is_local and not file.exists() and lake_id(chosen.lake_uri) is None:
        raise ConfigurationError(
            f"There is no ledger at {file}, so nothing was materialized there yet. Run 'make demo', "
            "or check ML_ASSETS_DATA."
        )
    return workspace.lake


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
