"""Which model is in production on a day: read from the stored decisions, never from an alias."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ml_assets.lake.content import DAY
from ml_assets.registry.release import PROMOTED


@dataclass(frozen=True)
class Champion:
    """A model that was promoted.

    Attributes:
        as_of: its as-of day: it serves from that day on.
        fingerprint: what identifies it.
        value: its main metric on the test rows of its release.
        training_days: days it was fitted on.
        training_last: last of these days.
    """

    as_of: str
    fingerprint: str
    value: float
    training_days: int
    training_last: str


def champions_of(decisions: pd.DataFrame, days: Sequence[str]) -> dict[str, Champion]:
    """The champion of each day: the newest promoted model with as-of day ≤ that day.

    Args:
        decisions: rows of the ``ReleaseDecision`` contract, ``ds`` is the as-of day.
        days: days wanted.

    Returns:
        day → champion, for the days that have one.
    """
    promoted = decisions[decisions["verdict"] == PROMOTED].sort_values(DAY)
    found = [
        Champion(
            as_of=row[DAY],
            fingerprint=row["challenger"],
            value=float(row["challenger_value"]),
            training_days=int(row["training_days"]),
            training_last=row["training_last"],
        )
        for row in promoted.to_dict("records")
    ]
    return {
        day: next(champion for champion in reversed(found) if champion.as_of <= day)
        for day in days
        if any(champion.as_of <= day for champion in found)
    }
