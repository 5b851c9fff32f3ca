"""Texts that messages of several sources contain."""

from collections.abc import Sequence
from datetime import timedelta

from ml_assets.cadence import HOUR

SHOWN = 3
"""Things of a kind that a message names."""


def first_of(texts: Sequence[str], separator: str = ", ") -> str:
    """The first of some texts, and how many more there are.

    Args:
        texts: all of them, the most important first.
        separator: between those that are shown.
    """
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return f"{separator.join(texts[:SHOWN])}{more}"


def counted(number: int, what: str) -> str:
    """A number of things: ``1 attempt``, ``1,200 attempts``.

    Args:
        number: how many.
        what: one of them; its plural ends with s.
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def spelled_time(time: timedelta) -> str:
    """A duration for messages: ``35 min``, ``5.2 h`` or ``3.0 days``.

    Args:
        time: the duration.
    """
    if time < 2 * HOUR:
        return f"{time / timedelta(minutes=1):.0f} min"
    return f"{time / HOUR:.1f} h" if time < 48 * HOUR else f"{time / timedelta(days=1):.1f} days"
