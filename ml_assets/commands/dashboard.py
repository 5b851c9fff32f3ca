"""The command that shows the pages of the pipelines: served on this machine, or written as files."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.commands.shared import asked_lake, console
from ml_assets.reports.pages.address import HOST, PORT

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from ml_assets.reports.pages.server import Pages

app = typer.Typer()


@app.command()
def dashboard(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")
    ] = PORT,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the pages to this folder instead, as in CI.", file_okay=False),
    ] = None,
) -> None:
    """Show a page for each pipeline: health, alerts, performance, drift, decisions and its model card."""
    from ml_assets.configuration.documents import DEFS, read_anew
    from ml_assets.configuration.files.yaml_files import change_times
    from ml_assets.ledger.position import Position
    from ml_assets.reports.pages.library import library
    from ml_assets.reports.pages.loading import RECORDED, load_pages
    from ml_assets.reports.pages.page import pages_of
    from ml_assets.reports.pages.server import Pages
    from ml_assets.workspace import Workspace

    workspace, lake = Workspace.of_environment(), asked_lake()

    recorded = Position(lake.ledger.url, RECORDED)

    def position() -> "Hashable":
        return recorded.now(), frozenset(change_times(DEFS).items())

    def make() -> "Mapping[str, str]":
        read_anew()
        state = load_pages(lake, workspace.approvals, workspace.alerts)
        return pages_of(state, library(workspace.settings.data / "pages"))

    if out is not None:
        _write(make(), out)
        return
    pages = Pages(position, make)
    pages.now()
    _serve(pages, port)


def _write(pages: "Mapping[str, str]", folder: Path) -> None:
    from ml_assets.errors import ConfigurationError, sentence
    from ml_assets.reports.pages.page import INDEX

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written to: {sentence(error.strerror)} Choose another folder with --out."
        ) from error
    count = f"{len(pages)} page{'' if len(pages) == 1 else 's'}"
    console().print(
        f"Wrote {count}. Open {folder / INDEX} in a browser; no page needs a network.",
        highlight=False,
        soft_wrap=True,
    )


def _serve(pages: "Pages", port: int) -> None:
    from ml_assets.reports.pages.server import server

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with server(pages, port) as listening, suppress(KeyboardInterrupt):
        console().print(
            f"The pages are at http://{HOST}:{listening.server_address[1]}/ and show the current state. Ctrl-C ends it.",
            highlight=False,
            soft_wrap=True,
        )
        listening.serve_forever()
