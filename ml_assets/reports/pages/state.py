"""The data of a page, as plain values; ``loading`` reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import pandas as pd

from ml_assets.alerts.alert import Alert
from ml_assets.cadence import DAYS, Calendar
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import no_rows
from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.metrics import METRICS
from ml_assets.ledger.entries import Entry
from ml_assets.lineage.status.values import NextStep, PipelineStatus, UnusableDay
from ml_assets.monitoring.contracts.drift import DriftReport
from ml_assets.monitoring.contracts.performance import Performance
from ml_assets.monitoring.contracts.profiles import FeatureProfile, FeatureReference
from ml_assets.monitoring.contracts.retraining import RetrainingDecision
from ml_assets.monitoring.contracts.rolling import PerformanceReport
from ml_assets.release.champion import ChampionModel
from ml_assets.release.decision import ReleaseDecision


@cache
def nothing(contract: type[Contract]) -> pd.DataFrame:
    """A table that has no rows yet; do not change it."""
    return no_rows(contract)


@dataclass(frozen=True)
class Monitored:
    """The stored predictions of a pipeline and their monitoring.

    Attributes:
        performance: rows of the ``Performance`` contract, with ``ds``.
        reports: rows of the ``PerformanceReport`` contract, with ``ds``.
        drift: rows of the ``DriftReport`` contract, with ``ds``.
        reference: rows of the ``FeatureReference`` contract, of the reference of the newest drift report.
        profiles: rows of the ``FeatureProfile`` contract, of the window of the newest drift report.
        retrainings: rows of the ``RetrainingDecision`` contract, with ``ds``.
    """

    performance: pd.DataFrame = field(default_factory=lambda: nothing(Performance))
    reports: pd.DataFrame = field(default_factory=lambda: nothing(PerformanceReport))
    drift: pd.DataFrame = field(default_factory=lambda: nothing(DriftReport))
    reference: pd.DataFrame = field(default_factory=lambda: nothing(FeatureReference))
    profiles: pd.DataFrame = field(default_factory=lambda: nothing(FeatureProfile))
    retrainings: pd.DataFrame = field(default_factory=lambda: nothing(RetrainingDecision))


@dataclass(frozen=True)
class Released:
    """The stored models of a pipeline.

    Attributes:
        decisions: rows of the ``ReleaseDecision`` contract; ``ds`` is the as-of day.
        champions: rows of the ``ChampionModel`` contract; ``ds`` is the as-of day.
        card: the champion's model card, Markdown; empty for none.
    """

    decisions: pd.DataFrame = field(default_factory=lambda: nothing(ReleaseDecision))
    champions: pd.DataFrame = field(default_factory=lambda: nothing(ChampionModel))
    card: str = ""


@dataclass(frozen=True)
class PageState:
    """All that the page of one pipeline shows.

    Attributes:
        name: name of the pipeline.
        status: its status, as ``ml-assets status`` tells it.
        next_step: what to do next.
        calendar: its partitions.
        metric: its main metric; empty while its configuration is not usable.
        at: when the state was read, UTC.
        monitored: what is stored of its predictions.
        released: what is stored of its models.
        unusable: partitions of its tables and sources without usable rows, causes first.
        older_unusable: number of such partitions that are too old to be listed.
        rejected: ledger entries of partitions with rejected rows, the newest first.
        alerts: alerts about it and its source tables that are not resolved, the most severe first.
        problems: what could not be read, and why.
    """

    name: str
    status: PipelineStatus
    next_step: NextStep
    at: datetime
    calendar: Calendar = DAYS
    metric: str = ""
    monitored: Monitored = field(default_factory=Monitored)
    released: Released = field(default_factory=Released)
    unusable: Sequence[UnusableDay] = ()
    older_unusable: int = 0
    rejected: Sequence[Entry] = ()
    alerts: Sequence[Alert] = ()
    problems: Sequence[str] = ()

    @property
    def is_begun(self) -> bool:
        """Whether a model of the pipeline was trained or its predictions are monitored."""
        return bool(len(self.monitored.performance) or len(self.released.decisions))

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value of the main metric is better."""
        metric = METRICS.get(self.metric)
        return metric is None or metric.higher_is_better

    @property
    def overall(self) -> pd.DataFrame:
        """The main metric by partition: rows of the ``Performance`` contract in their order."""
        found = self.monitored.performance
        is_main = (found["metric"] == self.metric) & (found["segment_column"] == OVERALL)
        return found[is_main].sort_values(DAY)

    @property
    def newest_day(self) -> str:
        """The newest partition with a drift report or a performance; empty for none."""
        tables = (self.monitored.performance, self.monitored.drift)
        return max((str(rows[DAY].max()) for rows in tables if len(rows)), default="")


@dataclass(frozen=True)
class IndexState:
    """All that the index shows, and the pages that it leads to.

    Attributes:
        pipelines: what the page of each pipeline shows, those that have begun first.
        alerts: all alerts that are not resolved, the most severe first.
        at: when the state was read, UTC.
        unreadable: why files of the project cannot be read.
    """

    pipelines: Sequence[PageState]
    alerts: Sequence[Alert]
    at: datetime
    unreadable: Sequence[str] = ()

    @property
    def problems(self) -> list[str]:
        """Tables and files that cannot be read, with the reason, of the project and of pipelines without a page."""
        of_pipelines = [one.status.problem for one in self.pipelines if not one.is_begun]
        return list(dict.fromkeys(filter(None, [*self.unreadable, *of_pipelines])))

    @property
    def begun(self) -> list[PageState]:
        """The pipelines that have a page."""
        return [state for state in self.pipelines if state.is_begun]
