"""The command that traces a prediction or a model to the rows it comes from."""

from dataclasses import asdict
from typing import Annotated

import typer

from ml_assets.commands.shared import AsJson, PipelineName, asked_lake, console, print_json
from ml_assets.errors import ConfigurationError

app = typer.Typer()


@app.command()
def trace(
    pipeline: PipelineName,
    *,
    prediction: Annotated[
        str, typer.Option(help="ID of a prediction, from the column 'prediction_id'.")
    ] = "",
    model: Annotated[
        int | None, typer.Option(help="Version of a model; 'ml-assets audit' lists them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show where a prediction or a model comes from, down to the source rows."""
    from ml_assets.commands.printing.lineage import (
        prediction_as_json,
        print_model,
        print_prediction,
    )
    from ml_assets.commands.printing.logged import print_logged
    from ml_assets.lineage.logged import is_logged, trace_logged, trace_uncollected
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.lineage.recorded import model_of_version
    from ml_assets.lineage.requests.lookups import lookups_of
    from ml_assets.lineage.trace import prediction_row, trace_model, trace_prediction
    from ml_assets.workspace import Workspace

    if bool(prediction) == (model is not None):
        raise ConfigurationError(
            "Give either --prediction ID or --model N: 'ml-assets audit "
            f"{pipeline}' lists the versions."
        )
    of, lake, workspace = known_pipeline(pipeline), asked_lake(), Workspace.of_environment()
    if model is not None:
        trained = trace_model(lake, of, model_of_version(lake, of, model))
        print_json(asdict(trained)) if as_json else print_model(trained, console())
        return
    log = workspace.prediction_log if workspace.has_prediction_log else None
    answered, lookups = None, lookups_of(of.name)
    try:
        row = prediction_row(lake, of, prediction)
    except ConfigurationError:
        answered = trace_uncollected(lake, log, of, prediction, lookups) if log else None
        if answered is None:
            raise
    else:
        if is_logged(row):
            answered = trace_logged(lake, workspace.prediction_log, of, row, lookups)
    if answered:
        print_json(asdict(answered)) if as_json else print_logged(answered, console())
    else:
        found = trace_prediction(lake, of, prediction)
        print_json(prediction_as_json(found)) if as_json else print_prediction(found, console())
