"""Texts that messages of several sources contain."""

from datetime import timedelta

from ml_assets.cadence import HOUR


def spelled_time(time: timedelta) -> str:
    """A duration for messages: ``35 min``, ``5.2 h`` or ``3.0 days``.

    Args:
        time: the duration.
    """
    if time < 2 * HOUR:
        return f"{time / timedelta(minutes=1):.0f} min"
    return f"{time / HOUR:.1f} h" if time < 48 * HOUR else f"{time / timedelta(days=1):.1f} days"
