"""The parts of a status report, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_assets.alerts.alert import Alert
from ml_assets.lineage.status.state import ChampionState, SourceState, StoredDecision


@dataclass(frozen=True)
class WaitingRelease:
    """A release that waits: for a person, or approved and not continued yet."""

    as_of: str
    state: str
    reason: str
    command: str


@dataclass(frozen=True)
class PendingRetraining:
    """A retraining that was decided and whose release has not ended."""

    as_of: str
    decided_on: str
    reason: str
    command: str


@dataclass(frozen=True)
class ChangedConfiguration:
    """Differences between a model's configuration and that of its champion.

    Attributes:
        changes: what changed, in words.
        command: trains and releases a model by the present configuration; empty before there are
            features of a later day than the champion's.
    """

    changes: Sequence[str]
    command: str


@dataclass(frozen=True)
class StageProgress:
    """How far a daily table is.

    Attributes:
        table: its name.
        last_day: last day that is stored, quarantined or skipped; empty for none.
        behind: days up to the last complete day of the sources that are not; None when unknown.
        next_day: the first of these; empty for none.
        unit: length of one of its partitions, such as ``hour``.
        last_state: state of the last day: stored, quarantined or skipped; empty for none.
        stored_day: last day that is stored; empty for none.
    """

    table: str
    last_day: str
    behind: int | None
    next_day: str
    unit: str = "day"
    last_state: str = ""
    stored_day: str = ""

    @property
    def is_last_stored(self) -> bool:
        """Whether the last day has rows."""
        return self.last_day == self.stored_day


@dataclass(frozen=True)
class PipelineStatus:
    """The report on a model pipeline.

    Attributes:
        is_begun: whether one of its days, or of its sources, was ever processed, or cannot be read. Of a
            pipeline that is made from tables of another one, only its own days and releases count.
    """

    pipeline: str
    is_begun: bool
    champion: ChampionState | None
    last_release: StoredDecision | None
    waiting: Sequence[WaitingRelease]
    retraining: PendingRetraining | None
    changed: ChangedConfiguration | None
    last_retraining_decision: StoredDecision | None
    sources_until: str
    stages: Sequence[StageProgress]
    problem: str

    @property
    def is_behind(self) -> bool:
        """Whether a day that the sources have is not processed."""
        return any(stage.behind for stage in self.stages)


@dataclass(frozen=True)
class UnusableDay:
    """A recent day without usable rows.

    Attributes:
        table: its table.
        day: the day.
        state: quarantined or skipped.
        reason: why.
        is_consequence: it has no rows because another listed day has none.
        is_damaged: its rows were altered or lost after they were stored.
    """

    table: str
    day: str
    state: str
    reason: str
    is_consequence: bool
    is_damaged: bool


@dataclass(frozen=True)
class StaleTable:
    """Days of a table whose inputs or code changed since they were computed.

    Attributes:
        table: its table.
        days: the days, in order.
        reason: what changed, of the first day.
        command: the command that computes them again; days between them are left as they are.
        unit: length of one of its partitions, such as ``hour``; ``snapshot`` without any.
    """

    table: str
    days: Sequence[str]
    reason: str
    command: str
    unit: str


@dataclass(frozen=True)
class NextStep:
    """The next step in words, with the command that does it or helps with it."""

    step: str
    command: str


@dataclass(frozen=True)
class ProjectStatus:
    """The report.

    Attributes:
        pipelines: the reports on the pipelines, those that are begun first.
        sources: source table → what the source system has.
        problems: recent days without usable rows, causes first.
        older_problems: number of older ones.
        stale: tables with stale days, in the order in which they are computed.
        next: what to do next.
        alerts: alerts that are not resolved, the most severe first.
        unreadable: why files of the project cannot be read.
    """

    pipelines: Sequence[PipelineStatus]
    sources: Mapping[str, SourceState]
    problems: Sequence[UnusableDay]
    older_problems: int
    stale: Sequence[StaleTable]
    next: NextStep
    alerts: Sequence[Alert]
    unreadable: Sequence[str]
