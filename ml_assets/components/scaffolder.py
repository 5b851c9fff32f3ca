"""``dg scaffold defs ml_assets.components.ModelPipeline NAME`` does what ``ml-assets new NAME`` does."""

import os
from contextlib import suppress
from pathlib import Path

import click
import dagster as dg
from pydantic import BaseModel, Field

from ml_assets.errors import ConfigurationError, MLAssetsError
from ml_assets.settings import settings


class NewPipeline(BaseModel, extra="forbid", validate_by_name=True):
    """The options of ``ml-assets new``; dg passes them by the names of their attributes.

    Attributes:
        table: ``from``: a CSV, Parquet or JSON lines file, or a database table.
        target: column to predict.
        time: column with the time of a row; the only one when omitted.
        entity: columns that name a series of rows.
        cadence: cadence of partitions; that of the rows when omitted.
        task: what is predicted; that of the target when omitted.
        connection: connection of the table.
        exclude: columns that are not read.
        allow: columns that may be used although they seem to give the target away.
    """

    table: str = Field(alias="from")
    target: str
    time: str | None = None
    entity: list[str] = []
    cadence: str | None = None
    task: str | None = None
    connection: str | None = None
    exclude: list[str] = []
    allow: list[str] = []


class PipelineScaffolder(dg.Scaffolder[NewPipeline]):
    """Makes a pipeline from a table."""

    @classmethod
    def get_scaffold_params(cls) -> type[NewPipeline]:
        """The options."""
        return NewPipeline

    def scaffold(self, request: dg.ScaffoldRequest[NewPipeline]) -> None:
        """Write the pipeline's files; dg has made its empty folder.

        Raises:
            click.ClickException: no pipeline can be made; says why, and nothing is written.
        """
        with suppress(OSError):  # a folder with files stays, and is refused below
            os.removedirs(request.target_path)
        try:
            _write(request.target_path, request.project_root, request.params)
        except MLAssetsError as error:
            raise click.ClickException(str(error)) from None


def _write(place: Path, root: Path | None, options: NewPipeline) -> None:
    # Code locations load this module and never look at tables.
    from ml_assets.scaffolding.asking import asked, proposed, written
    from ml_assets.scaffolding.files import CODE, commands

    if root is None or place.parent != root / CODE:
        raise ConfigurationError(
            f"Pipelines are folders of {CODE}. Run: dg scaffold defs "
            f"ml_assets.components.ModelPipeline {place.name} --from {options.table} "
            f"--target {options.target}"
        )
    words = options.model_dump(exclude={"table", "connection"})
    proposal = proposed(
        asked(name=place.name, **words),
        options.table,
        options.connection,
        settings().connection_urls,
        root,
    )
    for line in proposal.summary:
        click.echo(line)
    for line in ["Written, each yours to change:", *written(proposal, root), "Next:"]:
        click.echo(line)
    for command in commands(proposal):
        click.echo(f"  {command}")
