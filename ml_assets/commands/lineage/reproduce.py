"""The commands about past models: make one again, and look at two side by side."""

import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ml_assets.commands.shared import (
    COMMIT_LENGTH,
    AsJson,
    PipelineName,
    asked_lake,
    console,
    print_json,
)
from ml_assets.errors import ConfigurationError, LakeMismatch

if TYPE_CHECKING:
    from ml_assets.lake.store import Lake
    from ml_assets.lineage.pipelines import PipelineTables
    from ml_assets.lineage.recorded import ModelReference
    from ml_assets.lineage.reproduction.reproduce import Reproduction

app = typer.Typer()


@app.command()
def reproduce(
    pipeline: PipelineName,
    *,
    version: Annotated[int | None, typer.Option(help="Version in the registry.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="As-of day of a model, released or not.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All versions, one by one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild a past model from its records; exit 0 if identical, 1 if different, 2 if not possible."""
    from ml_assets.commands.printing.reproduction import counted, print_reproduction
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.lineage.reproduction.reproduce import ReproductionVerdict
    from ml_assets.lineage.reproduction.reproduce import reproduce as make_again

    if [version is not None, as_of is not None, every].count(True) != 1:
        raise ConfigurationError("Give one of --version, --as-of and --all.")
    of, lake = known_pipeline(pipeline), asked_lake()
    found = []
    with Console(stderr=True).status("") as status:
        for trained in _asked(lake, of, version, as_of):
            status.update(f"Making the model as of {trained.as_of} again …")
            made = make_again(lake, of, trained)
            found.append(made)
            if not as_json:
                print_reproduction(made, _commands(pipeline, made), console())
    if as_json:
        results = [{**asdict(made), "commands": _commands(pipeline, made)} for made in found]
        print_json(results if every else results[0])
    elif every:
        console().print(counted(found), highlight=False)
    verdicts = {made.verdict for made in found}
    if ReproductionVerdict.DIFFERENT in verdicts:
        raise typer.Exit(1)
    if ReproductionVerdict.IMPOSSIBLE in verdicts:
        raise typer.Exit(2)


@app.command()
def diff(
    pipeline: PipelineName,
    one: Annotated[int, typer.Argument(help="Version in the registry.")],
    other: Annotated[int, typer.Argument(help="Another version.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show two versions of a model side by side: data, features, parameters, code, metrics, releases."""
    from ml_assets.commands.printing.reproduction import print_difference
    from ml_assets.lineage.difference import difference
    from ml_assets.lineage.pipelines import pipeline as known_pipeline

    found = difference(asked_lake(), known_pipeline(pipeline), one, other)
    if as_json:
        print_json(asdict(found))
    else:
        print_difference(found, console())


def _asked(
    lake: "Lake", pipeline: "PipelineTables", version: int | None, as_of: str | None
) -> "list[ModelReference]":
    """The selected models.

    Raises:
        ConfigurationError: it is not known; nothing can be made again then.
    """
    try:
        return _known(lake, pipeline, version, as_of)
    except LakeMismatch as error:
        raise ConfigurationError(f"No model can be made again: {error}") from error


def _known(
    lake: "Lake", pipeline: "PipelineTables", version: int | None, as_of: str | None
) -> "list[ModelReference]":
    from ml_assets.lineage.recorded import model_of_day, model_of_version, registered_versions

    if version is not None:
        return [model_of_version(lake, pipeline, version)]
    if as_of is not None:
        return [model_of_day(lake, pipeline, as_of)]
    if found := registered_versions(lake, pipeline):
        return found
    raise ConfigurationError(f"No model of {pipeline.name} was registered yet.")


def _commands(pipeline: str, made: "Reproduction") -> list[str]:
    """How to get to the code and the libraries of a model that is not the same here."""
    if made.verdict == "identical" or not made.commit or not (made.modules or made.since.libraries):
        return []
    from ml_assets.settings import settings

    chosen, folder = settings(), f"../ml-assets-{made.commit[:COMMIT_LENGTH]}"
    variables = [f"ML_ASSETS_DATA={shlex.quote(str(chosen.data))}"]
    if home := os.environ.get("DAGSTER_HOME"):
        variables.insert(0, f"DAGSTER_HOME={shlex.quote(str(Path(home).absolute()))}")
    if chosen.lake:
        variables.append(f"ML_ASSETS_LAKE={shlex.quote(chosen.lake)}")
    which = f"--version {made.version}" if made.version else f"--as-of {made.as_of}"
    return [
        f"git worktree add {folder} {made.commit}",
        *([f"cp -p .env {folder}/.env"] if Path(".env").exists() else []),
        f"cd {folder} && make .venv/.installed",
        f"{' '.join(variables)} .venv/bin/ml-assets reproduce {pipeline} {which}",
    ]
