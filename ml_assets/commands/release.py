"""The commands about releases: approve, reject, and the history of who released what."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from ml_assets.commands.shared import (
    AsJson,
    PipelineName,
    console,
    plain_table,
    print_json,
)

app = typer.Typer()

AsOf = Annotated[str, typer.Argument(help="As-of day of the release, 2013-07-09.")]
By = Annotated[str, typer.Option(help="Name of the person who decides.")]
Reason = Annotated[str, typer.Option(help="Why.")]


@app.command()
def approve(
    pipeline: PipelineName,
    as_of: AsOf,
    *,
    by: By,
    reason: Reason,
    expires: Annotated[
        str, typer.Option(help="How long the approval is valid, 7d or 12h; unlimited when omitted.")
    ] = "",
) -> None:
    """Approve a release that waits for approval; the release then continues by itself."""
    _record(pipeline, as_of, "approve", by=by, reason=reason, expires=expires)


@app.command()
def reject(pipeline: PipelineName, as_of: AsOf, *, by: By, reason: Reason) -> None:
    """Reject a release that waits for approval; final for the evidence it was decided on."""
    _record(pipeline, as_of, "reject", by=by, reason=reason)


@app.command()
def audit(
    pipeline: PipelineName,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who or what released which model, when, and on which evidence."""
    from ml_assets.commands.printing.lineage import event_cells
    from ml_assets.lineage.decided import with_changes
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.release.audit import audit as history_of
    from ml_assets.workspace import Workspace

    workspace, known = Workspace.of_environment(), known_pipeline(pipeline)
    events = []
    if workspace.has_data:
        history = history_of(workspace.lake, workspace.approvals, known.name)
        events = with_changes(workspace.lake, known, history)
    if as_json:
        print_json([asdict(event) for event in events])
        return
    if not events:
        typer.echo(f"No release of {pipeline} was decided yet.")
        return
    table = plain_table("as of", "when, evidence", "what, reason")
    for number, event in enumerate(events):
        is_first = not number or events[number - 1].as_of != event.as_of
        if is_first and number:
            table.add_row()
        table.add_row(event.as_of if is_first else "", *event_cells(event))
    console().print(table)


def _record(
    pipeline: str, as_of: str, action: str, *, by: str, reason: str, expires: str = ""
) -> None:
    from ml_assets.lineage.pipelines import pipeline as known_pipeline
    from ml_assets.release.approvals.actions import describe, record
    from ml_assets.release.approvals.approvals import Action
    from ml_assets.workspace import Workspace

    workspace = Workspace.of_environment()
    added = record(
        workspace.lake,
        workspace.approvals,
        pipeline=known_pipeline(pipeline).name,
        as_of=as_of,
        action=Action(action),
        by=by,
        reason=reason,
        expires=expires,
        now=datetime.now(UTC),
    )
    typer.echo(describe(added))
