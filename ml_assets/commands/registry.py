"""The command about the model registry: correct it after the data folder was moved."""

import typer

app = typer.Typer(help="The model registry.", no_args_is_help=True)


@app.callback()
def registry() -> None:
    """Look after the model registry."""


@app.command()
def relocate() -> None:
    """Correct the paths of model files in MLflow after the data folder was moved.

    Registering and promoting do this too; the command is for MLflow's own page.
    """
    from ml_assets.workspace import Workspace

    corrected = Workspace.of_environment().registry.relocate()
    typer.echo(
        f"Corrected the folder of {corrected} versions."
        if corrected
        else "All versions of the registry name the folder that their files are in."
    )
