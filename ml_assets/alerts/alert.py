"""An alert: what was found wrong, since when, how often, and who took care of it.

``state`` changes alerts, ``actions`` changes them for a person, ``log`` stores them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from ml_assets.alerts.finding import Key, Level
from ml_assets.content import digest

ID_LENGTH = 8


class AlertState(StrEnum):
    """Whether a person has to act on an alert."""

    OPEN = "open"
    """Nobody said that they take care of it."""

    ACKNOWLEDGED = "acknowledged"
    """A person takes care of it."""

    SILENCED = "silenced"
    """A person wants to hear nothing of it until a moment."""

    RESOLVED = "resolved"
    """It is over, or a person says that nothing is left to do."""


UNRESOLVED = (AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.SILENCED)


@dataclass(frozen=True)
class Alert:
    """One thing that is or was wrong; each repeat changes the alert.

    Attributes:
        id: 8 hexadecimal digits.
        kind: one of ``kinds.KINDS``.
        level: its level; the most severe one it had.
        pipeline: the pipeline, or the folder of source tables.
        subject: table, metric, feature or run that it is about.
        segment: column and value of the rows that it is about; empty for all.
        message: what was found last, with figures.
        since: first partition with it; empty if it is not about partitions.
        until: last partition with it.
        command: the command that shows more or mends it.
        state: open, acknowledged, silenced or resolved.
        first_seen: when it was found, UTC.
        last_seen: when it was still found, UTC.
        count: how often it occurred: once, and once more for each evaluation that found a later partition, a
            higher level, or it still there after its silence.
        by: who acted last; empty for nobody.
        acted_at: when they did, UTC.
        silenced_until: end of its silence, UTC; of a resolved one, the silence that it ended in.
        recovered_at: when it was found no more, UTC; None while it is found, also if a person resolved it.
        occurrence: the last one, see ``Finding``.
    """

    id: str
    kind: str
    level: Level
    pipeline: str
    subject: str
    segment: str
    message: str
    since: str
    until: str
    command: str
    state: AlertState
    first_seen: datetime
    last_seen: datetime
    count: int = 1
    by: str = ""
    acted_at: datetime | None = None
    silenced_until: datetime | None = None
    recovered_at: datetime | None = None
    occurrence: str = ""

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.kind, self.pipeline, self.subject, self.segment

    @property
    def is_resolved(self) -> bool:
        """Whether nothing is left to do."""
        return self.state is AlertState.RESOLVED


Event = Literal["opened", "raised", "repeated", "resolved", "recovered", "acknowledged", "silenced"]
"""What happened to an alert.

``opened``: it is new, or still there after its silence. ``raised``: its level rose. ``repeated``: it is found
again. ``resolved``: it is found no more, what it is about is no longer in the project, or a person said so. ``recovered``: one that a person had resolved is
found no more. ``acknowledged`` and ``silenced``: a person did that.
"""


@dataclass(frozen=True)
class Change:
    """A change of an alert.

    Attributes:
        event: what happened.
        alert: the alert after it.
        reason: why it is over, if not because it is found no more; empty otherwise.
    """

    event: Event
    alert: Alert
    reason: str = ""

    @property
    def is_told(self) -> bool:
        """Whether routes are notified: the end of a silenced alert is not sent."""
        if self.event == "resolved":
            return self.alert.silenced_until is None
        return self.event in ("opened", "raised")


def alert_id(key: Key, first_seen: datetime, number: int = 0) -> str:
    """The ID of an alert.

    Args:
        key: what it is about.
        first_seen: when it was found first.
        number: distinguishes IDs that would be equal.
    """
    return digest(*key, first_seen.isoformat(), str(number))[:ID_LENGTH]
