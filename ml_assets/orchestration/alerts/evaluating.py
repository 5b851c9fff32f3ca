"""Evaluates all sources of alerts of a workspace, and stores what they change."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial

import dagster as dg

from ml_assets.alerts.alert import Change
from ml_assets.alerts.evaluation import NOT_EVALUATED, Source, evaluate
from ml_assets.alerts.finding import Finding
from ml_assets.alerts.freshness import WRITING_TIME
from ml_assets.alerts.project import Project
from ml_assets.alerts.sources.days import many_dead_letters, pipeline_of, quarantined_days
from ml_assets.alerts.sources.decisions import (
    WAITS,
    champion_history,
    champion_rolled_back,
    waiting_predictions,
    waiting_releases,
)
from ml_assets.alerts.sources.drift import feature_drifted
from ml_assets.alerts.sources.features import degraded_answers, incomplete_features
from ml_assets.alerts.sources.freshness import KIND as TABLE_STALE
from ml_assets.alerts.sources.freshness import stale_tables
from ml_assets.alerts.sources.performance import performance_dropped
from ml_assets.alerts.sources.predictions import high_risk_predictions
from ml_assets.alerts.sources.undelivered import not_delivered
from ml_assets.alerts.watched import WatchedPipeline
from ml_assets.configuration.watching.pipelines import watched_pipelines
from ml_assets.configuration.watching.tables import watched_tables
from ml_assets.errors import MLAssetsError
from ml_assets.lake.store import Lake
from ml_assets.ledger.overview import Overview
from ml_assets.orchestration.alerts.checks import check_failed
from ml_assets.orchestration.alerts.runs import failed_runs
from ml_assets.workspace import Workspace

ALL = "9999-12-31"
"""After every partition."""


@dataclass(frozen=True)
class AlertSources:
    """The sources of a workspace's alerts.

    Attributes:
        workspace: its stores.
        instance: Dagster's runs and check results.
        verdicts: checks whose failure is a valid result.
        project: what is in the project; None if it is not known.
        until: last partition that is looked at, as a replay of history needs it.
    """

    workspace: Workspace
    instance: dg.DagsterInstance
    verdicts: Collection[dg.AssetCheckKey] = ()
    project: Project | None = None
    until: str = ALL

    def update(self, now: datetime) -> list[Change]:
        """Evaluate all sources and store what they change.

        Args:
            now: the moment, UTC.

        Raises:
            EvaluationOvertaken: an evaluation that began later is stored; nothing is changed.
            MLAssetsError: the ledger's database does not answer, or does not belong to the lake.
        """
        lake = self.workspace.lake
        with lake.ledger.one_connection():
            log = self.workspace.alerts
            number = log.begin()
            written = self._written(lake, now)
            found = evaluate([*self._sources(lake, now)])
            written |= self._written(lake, now)
            evaluation = replace(found, written=written, project=self.project, number=number)
            return log.update(evaluation, now)

    def _written(self, lake: Lake, now: datetime) -> set[str]:
        tables = Overview(lake.ledger.url).written_since(now - WRITING_TIME)
        return {pipeline_of(table) for table in tables}

    def _sources(self, lake: Lake, now: datetime) -> Iterator[Source]:
        until, ledger, instance = self.until, lake.ledger, self.instance
        tables = self.project.tables if self.project else {}
        yield Source("run_failed", partial(failed_runs, instance, ledger, tables, now))
        yield Source("check_failed", partial(check_failed, instance, ledger, until, self.verdicts))
        yield Source("day_quarantined", partial(quarantined_days, lake, until))
        yield Source("many_dead_letters", partial(many_dead_letters, lake, until))
        if routes := self.workspace.routes:
            yield Source("not_delivered", partial(not_delivered, self.workspace.outbox, routes))
        pipelines, broken = watched_pipelines()
        for name, error in broken.items():
            yield Source(NOT_EVALUATED, partial(_broken, error), name)
        yield from self._freshness(lake, pipelines, broken, now)
        for pipeline in pipelines:
            yield from self._of_pipeline(lake, pipeline, now)

    def _freshness(
        self,
        lake: Lake,
        pipelines: Sequence[WatchedPipeline],
        broken: Mapping[str, MLAssetsError],
        now: datetime,
    ) -> Iterator[Source]:
        """One source for all tables, or one for each folder, without unusable tables; a broken pipeline has its own source."""
        tables, unusable = watched_tables()
        every = [*tables, *(one.predictions for one in pipelines if one.predictions)]
        known = {table.key: table for table in every}
        find = partial(stale_tables, lake.ledger, known, self.until, now)
        for table, error in unusable.items():
            if pipeline_of(table) not in broken:
                yield Source(TABLE_STALE, partial(_broken, error), pipeline_of(table))
        left_out = {*broken, *map(pipeline_of, unusable)}
        folders = {pipeline_of(table) for table in known} - left_out
        for name in sorted(folders) if left_out else [None]:
            yield Source(TABLE_STALE, partial(find, name), name)

    def _of_pipeline(
        self, lake: Lake, pipeline: WatchedPipeline, now: datetime
    ) -> Iterator[Source]:
        workspace, until, name = self.workspace, self.until, pipeline.name
        log = workspace.prediction_log if workspace.has_prediction_log else None
        records = workspace.approvals.records
        champions = cache(partial(champion_history, lake, pipeline, until))
        yield Source(
            WAITS,
            lambda: waiting_releases(lake, champions, records(name), pipeline, until, now=now),
            name,
        )
        yield Source(WAITS, partial(waiting_predictions, lake, pipeline, until), name)
        yield Source(
            "champion_rolled_back", partial(champion_rolled_back, champions, pipeline), name
        )
        yield Source("feature_drifted", partial(feature_drifted, lake, pipeline, until), name)
        yield Source("features_degraded", partial(incomplete_features, lake, pipeline, until), name)
        if log:
            yield Source(
                "features_degraded", partial(degraded_answers, log, pipeline, until, now), name
            )
        yield Source(
            "performance_dropped", partial(performance_dropped, lake, pipeline, until, now), name
        )
        yield Source(
            "high_risk_prediction", partial(high_risk_predictions, lake, log, pipeline, until), name
        )


def _broken(error: MLAssetsError) -> list[Finding]:
    raise error
