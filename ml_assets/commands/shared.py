"""Shared by the commands: arguments, the console, tables, JSON, and the lake that they query."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.cadence import Span
    from ml_assets.lake.store import Lake

PipelineName = Annotated[
    str,
    typer.Argument(help="Name of the pipeline, the first part of its asset keys: flight_delays."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]

Partition = Annotated[str | None, typer.Option(help="One day, 2013-02-09.")]
PartitionRange = Annotated[str | None, typer.Option(help="Days, 2013-02-01...2013-02-28.")]

COMMIT_LENGTH = 12
"""Characters of a commit that are shown."""


def console() -> Console:
    """Where results are printed: as wide as the terminal, 80 columns without one."""
    return Console()


def progress_console(*, as_json: bool) -> Console:
    """Where progress is shown: beside the results, on standard error when these are JSON."""
    return Console(stderr=as_json)


def plain_table(*headers: str, right: int = 0, title: str | None = None, gap: int = 2) -> Table:
    """A table that fits 80 columns: no vertical lines, and long cells are wrapped, never cut.

    Args:
        headers: of its columns; the first holds keys, which are wrapped last.
        right: number of last columns that are aligned to the right.
        title: above it.
        gap: spaces between columns.
    """
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
        pad_edge=False,
        show_edge=False,
        padding=(0, gap - 1, 0, 0),
    )
    for number, header in enumerate(headers):
        is_right = number >= len(headers) - right
        table.add_column(
            header,
            justify="right" if is_right else "left",
            overflow="fold",
            no_wrap=number == 0,
        )
    return table


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


def column_and_text(text: str) -> tuple[str, str]:
    """The two parts of ``COLUMN=VALUE``.

    Raises:
        ConfigurationError: there is no ``=``.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise ConfigurationError(
            f"'{text}' names no column, expected COLUMN=VALUE, for example 'origin=JFK'."
        )
    return name, value


def print_json(value: Any) -> None:
    """Print plain values as one JSON document: moments as ISO texts, undefined numbers as null."""
    typer.echo(json.dumps(_defined(value), indent=2, default=_plain, ensure_ascii=False))


def asked_lake() -> "Lake":
    """The lake that the settings name, for a question: it is not made when it is not there.

    Raises:
        ConfigurationError: nothing was materialized there yet.
    """
    from ml_assets.workspace import Workspace

    workspace = Workspace.of_environment()
    if not workspace.has_data:
        raise ConfigurationError(
            f"There is no ledger at {workspace.settings.data / 'ledger.db'}, so nothing was "
            "materialized there yet. Run 'make demo', or check ML_ASSETS_DATA."
        )
    return workspace.lake


def _defined(value: Any) -> Any:
    """A value in which numbers that JSON has no word for are None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _defined(item) for key, item in value.items()}
    return [_defined(item) for item in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
