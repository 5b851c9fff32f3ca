"""The input of a status report, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ml_assets.alerts.alert import Alert
from ml_assets.alerts.project import PROJECT
from ml_assets.cadence import DAYS, Calendar
from ml_assets.errors import ConfigurationError
from ml_assets.lake.remedy import DEAD_LETTERS
from ml_assets.ledger.entries import Entry
from ml_assets.names import unknown
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
        champion_as_of: as-of day of the champion that a retraining decision is about; empty for none.
    """

    day: str
    verdict: str
    reason: str
    evidence: str = ""
    as_of: str = ""
    champion_as_of: str = ""


@dataclass(frozen=True)
class PipelineState:
    """The stored state of a model pipeline.

    Attributes:
        name: its name.
        tables: its daily tables in the order in which they are computed.
        sources: the daily source tables that these are computed from.
        champion: the released model with the newest as-of day.
        releases: release decisions.
        retrainings: retraining decisions.
        records: approvals and rejections.
        problem: why some of it cannot be read; empty when all can.
        inputs: all tables that its features and labels are computed from, and these.
        as_ofs: its partitions of as-of days.
        drift_partitions: number of partitions of its drift window.
        changed: what of its model is configured otherwise than when the champion was trained.
    """

    name: str
    tables: Sequence[str]
    sources: Sequence[str]
    champion: ChampionState | None = None
    releases: Sequence[StoredDecision] = ()
    retrainings: Sequence[StoredDecision] = ()
    records: Sequence[Record] = ()
    problem: str = ""
    inputs: Sequence[str] = ()
    as_ofs: Calendar = DAYS
    drift_partitions: int = 0
    changed: Sequence[str] = ()


@dataclass(frozen=True)
class SourceState:
    """The state of a table with days in its source system.

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
        stale: table → day → which input changed since the day was computed, or that its code did;
            tables in the order in which they are computed.
        first: table → its first partition, of tables with a calendar.
        alerts: alerts that are not resolved.
        unreadable: why files of the project cannot be read; what they define is left out.
    """

    entries: Mapping[str, Mapping[str, Entry]]
    pipelines: Sequence[PipelineState]
    sources: Mapping[str, SourceState]
    calendars: Mapping[str, Calendar]
    now: datetime
    stale: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    first: Mapping[str, str] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    unreadable: Sequence[str] = ()

    def of_pipeline(self, name: str) -> "ProjectState":
        """The part of the state that one pipeline depends on.

        Its alerts are its own, those of the folders of its inputs, and those of the whole project.

        Raises:
            ConfigurationError: there is no such pipeline, or what cannot be read may define it.
        """
        chosen = [one for one in self.pipelines if one.name == name]
        if not chosen:
            if self.unreadable:
                raise ConfigurationError(self.unreadable[0])
            raise unknown("pipeline", name, [one.name for one in self.pipelines])
        inputs = {*chosen[0].sources, *chosen[0].inputs}
        folders = {name, PROJECT, *(table.partition("/")[0] for table in inputs)}

        def is_part(table: str) -> bool:
            return (
                table in inputs
                or table.removesuffix(DEAD_LETTERS) in inputs
                or (table.startswith(f"{name}/"))
            )

        return replace(
            self,
            entries={table: days for table, days in self.entries.items() if is_part(table)},
            pipelines=chosen,
            sources={table: one for table, one in self.sources.items() if is_part(table)},
            stale={table: days for table, days in self.stale.items() if is_part(table)},
            alerts=[one for one in self.alerts if one.pipeline in folders],
        )
