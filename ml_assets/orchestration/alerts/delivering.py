"""Delivers the pending notifications of a workspace."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from ml_assets.alerts.delivery.delivering import Attempt, deliver, tried
from ml_assets.alerts.delivery.sending import send
from ml_assets.errors import sentence
from ml_assets.workspace import Workspace


def deliver_due(workspace: Workspace, now: datetime) -> list[Attempt]:
    """Send what is due with Apprise, and what failed before after the waits of the settings.

    Args:
        workspace: its routes and notifications.
        now: the moment, UTC.

    Raises:
        MLAssetsError: the ledger's database does not answer.
    """
    waits = workspace.settings.retry_waits
    return deliver(workspace.outbox, workspace.routes, now, send, waits=waits)


def try_routes(workspace: Workspace, now: datetime) -> list[Attempt]:
    """Send a test message to each route with Apprise.

    Args:
        workspace: its routes and, if it has data, its notifications.
        now: the moment, UTC.

    Raises:
        MLAssetsError: the ledger's database does not answer.
    """
    outbox = workspace.outbox if workspace.has_data else None
    return tried(outbox, workspace.routes, now, send)


def told(attempts: Sequence[Attempt]) -> str:
    """The result of a delivery by route, in sentences; empty without attempts."""
    delivered = Counter(one.route for one in attempts if not one.problem)
    failed = {one.route: one.problem for one in attempts if one.problem}
    sentences = [f"Delivered to {route}: {count:,}." for route, count in delivered.items()]
    sentences += [
        f"Not delivered to {route}: {sentence(problem)}" for route, problem in failed.items()
    ]
    return " ".join(sentences)
