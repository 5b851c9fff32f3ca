"""Source: routes that notifications of alerts did not reach."""

from collections.abc import Iterator, Sequence

from ml_assets.alerts.delivery.outbox import Outbox
from ml_assets.alerts.delivery.routes import Route
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.messages import counted
from ml_assets.alerts.project import PROJECT


def not_delivered(outbox: Outbox, routes: Sequence[Route]) -> Iterator[Finding]:
    """One finding for each route that was given up, until a notification reaches it.

    Args:
        outbox: the notifications.
        routes: the routes that are configured.
    """
    for route in routes:
        if failures := outbox.failures(route.name):
            first, last = failures[0], failures[-1]
            yield Finding(
                kind="not_delivered",
                pipeline=PROJECT,
                subject=route.name,
                message=f"{counted(len(failures), 'notification')} did not reach {route.name}, {route.place}, since "
                f"{first.created_at:%Y-%m-%d %H:%M} UTC, after {counted(last.attempts, 'attempt')}: {last.problem}",
                command="ml-assets alerts routes",
            )
