"""Findings: problems that a source of alerts finds at one moment, before they are compared with open alerts.

A source is a function that reads the state of the project and returns findings. It reports all that is wrong
now, also what it reported before: ``state`` tells what is new, what repeats and what is over.
"""

from dataclasses import dataclass
from enum import StrEnum

Key = tuple[str, str, str, str]
"""Kind, pipeline, subject and segment: what a finding or an alert is about."""


class Level(StrEnum):
    """Severity of an alert, the most severe first."""

    CRITICAL = "critical"
    """Predictions are wrong or missing: a person is called."""

    WARNING = "warning"
    """It needs a person, but not at night."""

    INFO = "info"
    """It is shown on the page of the pipeline and sent to routes of this level; no person has to act."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong now.

    Two findings with equal ``kind``, ``pipeline``, ``subject`` and ``segment`` are about the same thing: the
    second repeats the first.

    Attributes:
        kind: one of ``kinds.KINDS``; decides level and runbook.
        pipeline: the pipeline, or the folder of source tables.
        subject: table, metric, feature or run that it is about.
        message: what happened, with figures and limit, and the likely cause if one is known.
        segment: column and value of the rows that it is about, ``region=north``; empty for all.
        since: first partition with it, if it is about partitions.
        until: last partition with it.
        command: the command that shows more or mends it; empty when the runbook says it.
        own_level: its level, where it differs from that of its kind.
        occurrence: what grows with each occurrence, such as the time of a failure, if it is not about partitions;
            empty if the message tells occurrences apart.
    """

    kind: str
    pipeline: str
    subject: str
    message: str
    segment: str = ""
    since: str = ""
    until: str = ""
    command: str = ""
    own_level: Level | None = None
    occurrence: str = ""

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.kind, self.pipeline, self.subject, self.segment
