"""What a status report is made from, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ml_assets.cadence import Calendar
from ml_assets.ledger.entries import Entry
from ml_assets.release.approvals.approvals import Record


@dataclass(frozen=True)
class ChampionState:
    """The released model with the newest as-of day."""

    version: int | None
    as_of: str
    serves_from: str
    released_by: str
    metric: str
    value: float | None


@dataclass(frozen=True)
class StoredDecision:
    """A release decision or a retraining decision, of a day.

    Attributes:
        day: the as-of day of the release, or the day that was decided on.
        verdict: what was decided.
        reason: why.
        evidence: hash of the evidence of a release.
        as_of: as-of day of the model that a retraining decision requests; empty for none.
    """

    day: str
    verdict: str
    reason: str
    evidence: str = ""
    as_of: str = ""


@dataclass(frozen=True)
class PipelineState:
    """What is stored of a model pipeline.

    Attributes:
        name: its name.
        tables: its daily tables in the order in which they are computed.
        sources: the daily source tables that these are computed from.
        champion: the released model with the newest as-of day.
        releases: release decisions.
        retrainings: retraining decisions.
        records: approvals and rejections.
        problem: why some of it cannot be read; empty when all can.
    """

    name: str
    tables: Sequence[str]
    sources: Sequence[str]
    champion: ChampionState | None = None
    releases: Sequence[StoredDecision] = ()
    retrainings: Sequence[StoredDecision] = ()
    records: Sequence[Record] = ()
    problem: str = ""


@dataclass(frozen=True)
class SourceState:
    """What the source system has of a table with days.

    Attributes:
        last_day: last complete partition; empty when there is none.
        problem: why it cannot be read; empty when it can.
    """

    last_day: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ProjectState:
    """Everything that a report depends on.

    Attributes:
        entries: table → day → latest entry.
        pipelines: the model pipelines.
        sources: source table → what the source system has.
        calendars: table → its partitions.
        now: the moment, UTC.
    """

    entries: Mapping[str, Mapping[str, Entry]]
    pipelines: Sequence[PipelineState]
    sources: Mapping[str, SourceState]
    calendars: Mapping[str, Calendar]
    now: datetime
