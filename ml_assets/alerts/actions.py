"""What a person does with an alert: acknowledge, silence, resolve. Pure; ``log`` stores the result."""

from dataclasses import replace
from datetime import datetime

from ml_assets.alerts.alert import Alert, AlertState, Change
from ml_assets.errors import ConfigurationError


def acknowledge(alert: Alert, by: str, now: datetime) -> Change:
    """A person takes care of the alert; a silence ends.

    Raises:
        ConfigurationError: the alert is resolved.
    """
    return Change("acknowledged", _acted(alert, AlertState.ACKNOWLEDGED, by, now))


def silence(alert: Alert, by: str, now: datetime, until: datetime) -> Change:
    """A person wants to hear nothing of the alert until a moment, unless its level rises.

    Raises:
        ConfigurationError: the alert is resolved, or the moment is not in the future.
    """
    if until <= now:
        raise ConfigurationError(
            f"{until:%Y-%m-%d %H:%M} UTC is not in the future. Expected the end of the silence."
        )
    acted = _acted(alert, AlertState.SILENCED, by, now)
    return Change("silenced", replace(acted, silenced_until=until))


def resolve(alert: Alert, by: str, now: datetime) -> Change:
    """A person says that nothing is left to do, until it occurs anew.

    Raises:
        ConfigurationError: the alert is resolved.
    """
    return Change("resolved", _acted(alert, AlertState.RESOLVED, by, now))


def _acted(alert: Alert, state: AlertState, by: str, now: datetime) -> Alert:
    if alert.is_resolved:
        who = f" by {alert.by}" if alert.by and alert.recovered_at is None else ""
        raise ConfigurationError(
            f"Alert {alert.id} is resolved already{who}. What is open: ml-assets alerts list"
        )
    return replace(alert, state=state, by=by, acted_at=now, silenced_until=None)
