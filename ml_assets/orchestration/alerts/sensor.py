"""The sensor that keeps alerts up to date."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from ml_assets.alerts.alert import UNRESOLVED, Alert, Change
from ml_assets.alerts.finding import Level
from ml_assets.errors import EvaluationOvertaken
from ml_assets.orchestration.alerts.checks import verdicts
from ml_assets.orchestration.alerts.delivering import deliver_due, told
from ml_assets.orchestration.alerts.evaluating import AlertSources
from ml_assets.orchestration.alerts.project import project_of
from ml_assets.orchestration.runs.sensors import sensor
from ml_assets.workspace import Workspace


def alerts_sensor() -> dg.SensorDefinition:
    """Evaluates the sources of alerts, and opens, repeats and resolves alerts."""

    @sensor(
        name="alerts",
        description=(
            "Looks for failed runs and checks, unusable days, drift, and decisions that wait for a person; opens, "
            "repeats and resolves alerts, and notifies the routes. It requests no runs."
        ),
        target=None,
        reads="The ledger",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        assert context.repository_def is not None
        workspace: Workspace = context.resources.workspace
        if not workspace.has_data:
            return dg.SkipReason("Nothing was materialized yet.")
        graph = context.repository_def.asset_graph
        sources = AlertSources(workspace, context.instance, verdicts(graph), project_of(graph))
        try:
            changes = sources.update(datetime.now(UTC))
        except EvaluationOvertaken as error:
            return dg.SkipReason(str(error))
        for change in changes:
            if change.is_told:
                context.log.warning(logged(change))
        delivered = told(deliver_due(workspace, datetime.now(UTC)))
        text = summary(workspace.alerts.alerts(states=UNRESOLVED), changes)
        return dg.SkipReason(f"{text} {delivered}".rstrip())

    return alerts


def logged(change: Change) -> str:
    """The line of the log about a change."""
    alert = change.alert
    return f"alert {alert.id} {change.event}: {alert.level}, {alert.pipeline}: {alert.message}"


def summary(unresolved: Sequence[Alert], changes: Sequence[Change]) -> str:
    """The numbers of unresolved alerts by level, and of changes, in a sentence.

    Args:
        unresolved: alerts that are open, acknowledged or silenced.
        changes: changes of an evaluation.
    """
    levels = Counter(alert.level for alert in unresolved)
    counts = [f"{levels[level]} {level}" for level in Level if levels[level]]
    events = Counter(change.event for change in changes if change.event != "repeated")
    changed = ", ".join(f"{count} {event}" for event, count in events.items())
    listed = f"Unresolved alerts: {', '.join(counts)}." if counts else "No alert is unresolved."
    return f"{listed} Changed: {changed}." if changed else listed
