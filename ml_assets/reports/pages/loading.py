"""Reads what the pages show from the lake and the ledger, once for all pipelines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd

from ml_assets import nouns
from ml_assets.alerts.alert import UNRESOLVED
from ml_assets.alerts.log import AlertLog
from ml_assets.alerts.severity import most_severe_first
from ml_assets.cadence import as_key
from ml_assets.configuration import models
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.errors import MLAssetsError
from ml_assets.lake.remedy import DEAD_LETTERS
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry
from ml_assets.lineage.status.loading import load_state
from ml_assets.lineage.status.report import report
from ml_assets.lineage.status.state import ProjectState
from ml_assets.monitoring.contracts.drift import DriftReport
from ml_assets.monitoring.contracts.performance import Performance
from ml_assets.monitoring.contracts.profiles import FeatureProfile, FeatureReference
from ml_assets.monitoring.contracts.retraining import RetrainingDecision
from ml_assets.monitoring.contracts.rolling import PerformanceReport
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.champion import ChampionModel
from ml_assets.release.decision import ReleaseDecision
from ml_assets.reports.contracts import ModelCard
from ml_assets.reports.pages.state import IndexState, Monitored, PageState, Released, nothing

RECORDED = ("release_approvals", "alert_events")
"""Tables beside those of the ledger whose growth means that there is something new to show."""

SHOWN = 366
"""Newest partitions that a page shows."""


@dataclass
class _Tables:
    """Tables of a pipeline, of which those that cannot be read are empty and noted as a problem."""

    lake: Lake
    pipeline: str
    problems: list[str] = field(default_factory=list)

    def days(self, noun: str) -> list[str]:
        """The newest stored partitions, in order."""
        return self.lake.days_stored(f"{self.pipeline}/{noun}")[-SHOWN:]

    def rows(
        self, noun: str, contract: type[Contract], days: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Rows of partitions, of the newest ones when omitted."""
        chosen = self.days(noun) if days is None else days
        if not chosen:
            return nothing(contract)
        try:
            return self.lake.read(f"{self.pipeline}/{noun}", chosen)
        except MLAssetsError as error:
            self.problems.append(str(error))
            return nothing(contract)


def load_pages(lake: Lake, log: ApprovalLog, alert_log: AlertLog) -> IndexState:
    """Read what the pages of all pipelines, and their index, show.

    Source systems are not asked: a source reaches to the last partition that was extracted.

    Args:
        lake: the project's tables.
        log: approvals and rejections.
        alert_log: alerts.

    Returns:
        A state for each pipeline, those that have begun first, and all alerts.
    """
    with lake.ledger.one_connection():
        alerts = alert_log.alerts(states=UNRESOLVED)
        project = load_state(lake, log, None, lake.ledger.tables(), {}, alerts=alerts)
        states = [_page(lake, project, one.name) for one in project.pipelines]
    return IndexState(
        pipelines=sorted(states, key=lambda state: not state.is_begun),
        alerts=most_severe_first(alerts),
        unreadable=project.unreadable,
        at=datetime.now(UTC),
    )


def _page(lake: Lake, project: ProjectState, name: str) -> PageState:
    own = project.of_pipeline(name)
    found = report(own)
    [status] = found.pipelines
    tables = _Tables(lake, name)
    try:
        config = models.pipeline(name)
    except MLAssetsError as error:
        return PageState(
            name, status, found.next, datetime.now(UTC), alerts=found.alerts, problems=[str(error)]
        )
    return PageState(
        name=name,
        status=status,
        next_step=found.next,
        at=datetime.now(UTC),
        calendar=config.days.calendar,
        metric=config.evaluation.of_task(config.specification.task)[0],
        monitored=_monitored(tables, config),
        released=_released(tables, status.champion.as_of if status.champion else ""),
        unusable=found.problems,
        older_unusable=found.older_problems,
        rejected=_rejected(own.entries),
        alerts=found.alerts,
        problems=[*found.unreadable, *filter(None, [status.problem]), *tables.problems],
    )


def _monitored(tables: _Tables, config: ModelConfiguration) -> Monitored:
    drift = tables.rows(nouns.DRIFT_REPORT, DriftReport)
    reference, profiles = nothing(FeatureReference), nothing(FeatureProfile)
    if len(drift):
        last = drift[DAY].max()
        as_of = drift.loc[drift[DAY] == last, "reference"].iloc[0]
        first = config.days.calendar.shifted(last, 1 - config.drift_partitions)
        window = [day for day in tables.days(nouns.FEATURE_PROFILE) if first <= day <= last]
        reference = tables.rows(nouns.FEATURE_REFERENCE, FeatureReference, [as_of])
        profiles = tables.rows(nouns.FEATURE_PROFILE, FeatureProfile, window)
        profiles = profiles[profiles["reference"] == as_of]
    return Monitored(
        performance=tables.rows(nouns.PERFORMANCE, Performance),
        reports=tables.rows(nouns.PERFORMANCE_REPORT, PerformanceReport),
        drift=drift,
        reference=reference,
        profiles=profiles,
        retrainings=tables.rows(nouns.RETRAINING_DECISION, RetrainingDecision),
    )


def _released(tables: _Tables, champion: str) -> Released:
    cards = tables.rows(nouns.MODEL_CARD, ModelCard)
    of_champion = cards[cards[DAY] == champion].to_dict("records")
    return Released(
        decisions=tables.rows(nouns.RELEASE_DECISION, ReleaseDecision),
        champions=tables.rows(nouns.CHAMPION, ChampionModel),
        card=of_champion[0]["markdown"] if of_champion else "",
    )


def _rejected(entries: Mapping[str, Mapping[str, Entry]]) -> list[Entry]:
    """Entries of partitions with rejected rows, the newest first."""
    found = [
        entry
        for table, days in entries.items()
        if not table.endswith(DEAD_LETTERS)
        for entry in days.values()
        if entry.dead_letters and as_key(entry.day)
    ]
    return sorted(found, key=lambda entry: (entry.day, entry.table), reverse=True)
