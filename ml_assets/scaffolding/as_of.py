"""The as-of partition of a first model: ``ml-assets new`` and ``ml-assets status`` name the same one."""

from ml_assets.cadence import Cadence, Calendar

TEST = {Cadence.HOURLY: 28 * 24, Cadence.DAILY: 28, Cadence.WEEKLY: 13, Cadence.MONTHLY: 12}
"""Cadence → partitions of the test window that a ``defs.yaml`` need not name."""

LEFT_SHARE = 8
"""Partitions of a history, of which one at most is left to predict: three quarters of a drift window judge drift, and
a proposed one has a sixth of the history at most."""

LEAST_LEFT = 10
"""Partitions that are left to predict of a short history."""


def first_as_of(
    calendar: Calendar, first: str, last: str, drift: int, least: int = LEAST_LEFT
) -> str:
    """Key of the as-of partition of a first model: later ones are left to predict, and judge drift.

    Args:
        calendar: the partitions.
        first: key of the first one with rows.
        last: key of the last one.
        drift: number of partitions of a drift window.
        least: number of partitions to leave at least.
    """
    count = calendar.between(first, last) + 1
    return calendar.shifted(last, -max(min(count // LEFT_SHARE, predicted(calendar, drift)), least))


def predicted(calendar: Calendar, drift: int) -> int:
    """Number of partitions to predict with a first model, if the history is long enough."""
    return max(TEST[calendar.cadence], drift)
