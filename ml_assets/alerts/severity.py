"""Alerts in the order in which people look at them, and their numbers by level."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ml_assets.alerts.alert import Alert
from ml_assets.alerts.finding import Level
from ml_assets.alerts.messages import counted
from ml_assets.alerts.state import LEVELS


def most_severe_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts by level; those that are not resolved first, and of one level the oldest."""

    def order(one: Alert) -> tuple[Any, ...]:
        return (
            one.is_resolved,
            LEVELS.index(one.level),
            one.first_seen,
            one.since,
            one.pipeline,
            one.subject,
        )

    return sorted(alerts, key=order)


def counts(alerts: Iterable[Alert]) -> dict[Level, str]:
    """Level → how many alerts have it, such as ``2 warnings``, the most severe level first.

    Args:
        alerts: the alerts; a level that none of them has is left out.
    """
    numbers = Counter(alert.level for alert in alerts)
    return {level: _count(numbers[level], level) for level in Level if numbers[level]}


def _count(number: int, level: Level) -> str:
    return counted(number, level) if level is Level.WARNING else f"{number:,} {level}"
