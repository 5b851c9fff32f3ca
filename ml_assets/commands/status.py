"""The command that shows where the project stands and what to do next."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.commands.shared import AsJson, console, print_json

if TYPE_CHECKING:
    from ml_assets.lineage.status.state import ProjectState
    from ml_assets.lineage.status.values import NextStep
    from ml_assets.workspace import Workspace

app = typer.Typer()

REFERENCE = ("flight_delays", "flight_ensemble", "flight_chain", "airport_weather")
"""Folders of the pipelines on the reference data, with which 'make demo' begins."""


@app.command()
def status(
    pipeline: Annotated[
        str, typer.Argument(help="Only this pipeline and its sources; all when omitted.")
    ] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Show champions, open alerts, releases that wait for approval, unusable, stale and unprocessed days, and the next command."""
    from ml_assets.commands.printing.status import print_status
    from ml_assets.lineage.status.loading import nothing_stored
    from ml_assets.lineage.status.report import report
    from ml_assets.workspace import Workspace

    workspace = Workspace.of_environment()
    state = _state(workspace) if workspace.has_data else nothing_stored()
    chosen = state.of_pipeline(pipeline) if pipeline and workspace.has_data else state
    found = report(chosen, _beginnings(pipeline))
    if as_json:
        print_json(asdict(found))
    else:
        print_status(found, console())


def _beginnings(pipeline: str) -> "dict[str, NextStep]":
    """Pipeline → its first run, of a pipeline of one's own or of all of them, as far as they are usable."""
    from ml_assets.configuration.models import pipelines_outside
    from ml_assets.lineage.status.beginning import beginning

    own = [one for one in pipelines_outside(REFERENCE) if pipeline in {"", one}]
    steps = {name: beginning(name) for name in own}
    return {name: step for name, step in steps.items() if step}


def _state(workspace: "Workspace") -> "ProjectState":
    from ml_assets.alerts.alert import UNRESOLVED
    from ml_assets.definitions import project_definitions
    from ml_assets.lineage.status.loading import load_state
    from ml_assets.orchestration.assets.table_io import table_name
    from ml_assets.orchestration.runs.recomputing import recomputed_versions

    definitions = project_definitions()
    tables = {table_name(key) for key in definitions.resolve_asset_graph().executable_asset_keys}
    versions = recomputed_versions(definitions)
    return load_state(
        workspace.lake,
        workspace.approvals,
        workspace.connections,
        tables,
        versions,
        alerts=workspace.alerts.alerts(states=UNRESOLVED),
    )
