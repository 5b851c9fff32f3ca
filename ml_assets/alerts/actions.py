"""Actions of a person on an alert: acknowledge, silence, resolve. Pure; ``log`` stores the result."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ml_assets.alerts.alert import Alert, AlertState, Change
from ml_assets.durations import age
from ml_assets.errors import ConfigurationError, sentence


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
    """A person closes the alert; a new one is opened only if its problem occurs again.

    Raises:
        ConfigurationError: the alert is resolved.
    """
    return Change("resolved", _acted(alert, AlertState.RESOLVED, by, now))


def moment(text: str, now: datetime) -> datetime:
    """The end of a silence.

    Args:
        text: a duration from now, ``12h`` or ``7d``, or a time in UTC, ``2026-08-01T08:00``.
        now: the moment, UTC.

    Raises:
        ConfigurationError: it is neither.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return now + _age(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _age(text: str) -> timedelta:
    try:
        return age(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{sentence(error)} A time in UTC is written as '2026-08-01T08:00'."
        ) from None


def described(change: Change) -> str:
    """A person's action and its effect, as a message."""
    alert = change.alert
    after = {
        "acknowledged": "Repeats stay acknowledged; it is resolved when its problem is no longer found.",
        "silenced": f"No notification of it is sent until {alert.silenced_until:%Y-%m-%d %H:%M} UTC, unless its level rises."
        if alert.silenced_until
        else "",
        "resolved": "A new alert is opened only if its problem occurs again.",
    }
    return f"Alert {alert.id} is {alert.state}, by {alert.by}. {after[change.event]}"


def _acted(alert: Alert, state: AlertState, by: str, now: datetime) -> Alert:
    if alert.is_resolved:
        who = f" by {alert.by}" if alert.by and alert.recovered_at is None else ""
        raise ConfigurationError(
            f"Alert {alert.id} is already resolved{who}. To list the open alerts, run: ml-assets alerts list"
        )
    return replace(alert, state=state, by=by, acted_at=now, silenced_until=None)
