"""The commands about alerts: list, show, acknowledge, resolve, silence, evaluate now, and the routes."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.commands.shared import AsJson, console, print_json

if TYPE_CHECKING:
    from ml_assets.alerts.alert import Alert, Change
    from ml_assets.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="Alerts: list, acknowledge, silence and resolve them.")

AlertId = Annotated[str, typer.Argument(help="Id of the alert, as in 'ml-assets alerts list'.")]
By = Annotated[str, typer.Option(help="Name of the person.")]
Reason = Annotated[str, typer.Option(help="Why.")]


@app.command("list")
def list_alerts(
    pipeline: Annotated[str, typer.Argument(help="Of this pipeline or folder only.")] = "",
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Resolved ones, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List alerts that are not resolved, the most severe first."""
    from ml_assets.alerts.alert import UNRESOLVED
    from ml_assets.alerts.severity import most_severe_first
    from ml_assets.commands.printing.alerts import as_json_value, print_alerts
    from ml_assets.workspace import Workspace

    workspace = Workspace.of_environment()
    states = None if is_all else UNRESOLVED
    found, evaluated = [], None
    if workspace.has_data:
        with workspace.lake.ledger.one_connection():
            found = most_severe_first(workspace.alerts.alerts(pipeline or None, states))
            evaluated = workspace.alerts.last_evaluated()
    if pipeline and not found:
        _refuse_unknown(pipeline, workspace)
    if as_json:
        print_json([as_json_value(alert) for alert in found])
    else:
        print_alerts(found, evaluated, console())


def _refuse_unknown(name: str, workspace: "Workspace") -> None:
    """Refuse the name of neither a pipeline nor a folder of tables, nor of one that had alerts.

    Raises:
        ConfigurationError: there is no such name.
    """
    from ml_assets.alerts.project import PROJECT
    from ml_assets.configuration.models import pipelines
    from ml_assets.names import unknown

    known = {PROJECT, *pipelines()}
    if workspace.has_data:
        known |= {table.partition("/")[0] for table in workspace.lake.ledger.tables()}
        known |= {alert.pipeline for alert in workspace.alerts.alerts()}
    if name not in known:
        raise unknown("pipeline or folder", name, known)


@app.command()
def show(alert: AlertId, *, as_json: AsJson = False) -> None:
    """Show an alert with all its events and notifications."""
    from ml_assets.commands.printing.alerts import as_json_value, print_alert
    from ml_assets.commands.shared import asked_lake
    from ml_assets.workspace import Workspace

    asked_lake()
    workspace = Workspace.of_environment()
    log = workspace.alerts
    found, events = log.alert(alert), log.events(alert)
    deliveries = workspace.outbox.deliveries(alert)
    if as_json:
        told = {
            "events": [asdict(event) for event in events],
            "notifications": [asdict(delivery) for delivery in deliveries],
        }
        print_json(as_json_value(found) | told)
    else:
        print_alert(found, events, deliveries, console())


@app.command()
def ack(alert: AlertId, *, by: By, reason: Reason = "", as_json: AsJson = False) -> None:
    """Take care of an alert: it stays in the list, and its repeats stay acknowledged."""
    from ml_assets.alerts.actions import acknowledge

    _act(alert, acknowledge, by=by, reason=reason, as_json=as_json)


@app.command()
def resolve(alert: AlertId, *, by: By, reason: Reason = "", as_json: AsJson = False) -> None:
    """Close an alert; a new one is opened only if its problem occurs again, such as on a later day."""
    from ml_assets.alerts import actions

    _act(alert, actions.resolve, by=by, reason=reason, as_json=as_json)


@app.command()
def silence(
    alert: AlertId,
    *,
    until: Annotated[
        str, typer.Option(help="For how long, 12h or 7d, or a time in UTC, 2026-08-01T08:00.")
    ],
    by: By,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Hear nothing of an alert until a time, unless its level rises."""
    from ml_assets.alerts import actions
    from ml_assets.release.approvals.approvals import format_time

    end = actions.moment(until, datetime.now(UTC))
    why = f"until {format_time(end)}{': ' if reason else ''}{reason}"
    _act(alert, partial(actions.silence, until=end), by=by, reason=why, as_json=as_json)


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Evaluate all alerts now and notify the routes, as the sensor 'alerts' does at each tick."""
    from ml_assets.commands.printing.alerts import (
        as_json_value,
        print_changes,
        print_nobody_told,
    )
    from ml_assets.commands.shared import asked_lake, progress_console
    from ml_assets.definitions import project_definitions
    from ml_assets.orchestration.alerts.checks import verdicts
    from ml_assets.orchestration.alerts.delivering import deliver_due, told
    from ml_assets.orchestration.alerts.evaluating import AlertSources
    from ml_assets.orchestration.alerts.project import project_of
    from ml_assets.orchestration.runs.runs import project_instance
    from ml_assets.workspace import Workspace

    asked_lake()
    progress = progress_console(as_json=as_json)
    with project_instance() as instance, progress.status("Loading definitions …") as status:
        graph = project_definitions().resolve_asset_graph()
        status.update("Evaluating alerts …")
        workspace = Workspace.of_environment()
        sources = AlertSources(workspace, instance, verdicts(graph), project_of(graph))
        found = sources.update(datetime.now(UTC))
        status.update("Telling the routes …")
        attempts = deliver_due(workspace, datetime.now(UTC))
    if as_json:
        changed = [{"event": one.event, "alert": as_json_value(one.alert)} for one in found]
        print_json(changed)
        return
    known = [one for one in workspace.alerts.alerts() if one.recovered_at is None]
    print_changes(found, known, console())
    if not workspace.routes:
        print_nobody_told(found, console())
    if attempts:
        console().print(told(attempts), highlight=False)


@app.command()
def routes(
    *,
    is_test: Annotated[
        bool,
        typer.Option("--test", help="Send a test message to each route, and print the result."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the routes, with the variable of each URL and the state of the last notification."""
    from ml_assets.commands.printing.alerts import print_routes, route_as_json
    from ml_assets.orchestration.alerts.delivering import try_routes
    from ml_assets.workspace import Workspace

    workspace = Workspace.of_environment()
    results = {}
    if is_test:
        attempts = try_routes(workspace, datetime.now(UTC))
        results = {attempt.route: attempt for attempt in attempts}
    outbox = workspace.outbox if workspace.has_data else None
    found = {route: outbox.last(route.name) if outbox else None for route in workspace.routes}
    if as_json:
        print_json([route_as_json(one, last, results.get(one.name)) for one, last in found.items()])
    else:
        print_routes(found, results, console())
    if any(result.problem for result in results.values()):
        raise typer.Exit(1)


def _act(
    alert_id: str,
    action: "Callable[[Alert, str, datetime], Change]",
    *,
    by: str,
    reason: str,
    as_json: bool,
) -> None:
    from ml_assets.alerts.actions import described
    from ml_assets.commands.printing.alerts import as_json_value
    from ml_assets.commands.shared import asked_lake
    from ml_assets.release.approvals.actions import single_line
    from ml_assets.workspace import Workspace

    asked_lake()
    person, now = single_line("--by", by), datetime.now(UTC)
    why = single_line("--reason", reason) if reason else ""
    change = Workspace.of_environment().alerts.act(
        alert_id, lambda alert: action(alert, person, now), now=now, reason=why
    )
    if as_json:
        print_json(as_json_value(change.alert))
    else:
        typer.echo(described(change))
