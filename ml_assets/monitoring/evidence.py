"""The evidence of a retraining decision: what was known at the end of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ml_assets.cadence import Calendar
from ml_assets.learning.specification import Classes
from ml_assets.release.champion import Champion


@dataclass(frozen=True)
class RetrainingEvidence:
    """The evidence that was known at the end of a day.

    Attributes:
        day: the day.
        calendar: partitions of the decisions.
        next_as_of: the first as-of day after the day.
        champion: the model in production; None for none.
        labels: labels that arrived in the policy's ``label_window``, with ``ds``.
        drift: drift reports of the ends of the policy's windows, with ``ds``.
        requested_days: earlier days on which a retraining was requested.
        trainable_days: number of training days of a model as of the next day.
        champion_days: number of training days of a model as of the champion's as-of day.
        classes: classes of a multiclass task; empty for other tasks.
        new_members: of an ensemble: member → as-of day of its champion, if no ensemble was made of it.
    """

    day: str
    calendar: Calendar
    next_as_of: str
    champion: Champion | None
    labels: pd.DataFrame
    drift: pd.DataFrame
    requested_days: Sequence[str]
    trainable_days: int
    champion_days: int
    classes: Classes = ()
    new_members: Mapping[str, str] = field(default_factory=dict)
