"""Source: routes that notifications of alerts did not reach."""

from collections.abc import Iterator, Sequence

from ml_assets.alerts.delivery.outbox import Outbox
from ml_assets.alerts.delivery.routes import Route
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.project import PROJECT


def not_delivered(outbox: Outbox, routes: Sequence[Route]) -> Iterator[Finding]:
    """One finding for each route that was given up, until a notification reaches it.

    Args:
        outbox: the notifications.
        routes: the routes that are configured.
    """
    for route in routes:
        if failures := outbox.failures(route.name):
            count, first, last = len(failures), failures[0], failures[-1]
            what = "1 notification" if count == 1 else f"{count:,} notifications"
            yield Finding(
                kind="not_delivered",
                pipeline=PROJECT,
                subject=route.name,
                message=f"{what} did not reach {route.name} since {first.created_at:%Y-%m-%d %H:%M} UTC, "
                f"after {last.attempts} attempts: {last.problem}",
                command=_command(last.notification.alert_id),
            )


def _command(alert_id: str) -> str:
    return f"ml-assets alerts show {alert_id}" if alert_id else "ml-assets alerts list"
