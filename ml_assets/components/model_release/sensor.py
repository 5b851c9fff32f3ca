"""The sensor that continues a release after its approval or rejection."""

import dagster as dg

from ml_assets import nouns
from ml_assets.cadence import Span
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.components.pipeline.stages import (
    after_release_decision,
    tables_of,
    target,
    waiting_for_tests,
)
from ml_assets.content import DAY
from ml_assets.lake.store import Lake
from ml_assets.orchestration.runs.requests import request, unit_of
from ml_assets.orchestration.runs.sensors import sensor
from ml_assets.planning.progress import outdated
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.history import released_days
from ml_assets.workspace import Workspace


def release_sensor(pipeline: PipelineContext) -> dg.SensorDefinition:
    """Requests one run, from approvals to champion, for each approval or rejection."""

    @sensor(
        name=f"{pipeline.name}__release",
        description="Starts one run for each approval or rejection: an approved release continues, a rejected one ends.",
        target=target(pipeline, "release"),
        reads="The lake",
    )
    def release(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        assert context.repository_def is not None
        workspace: Workspace = context.resources.workspace
        graph, lake = context.repository_def.asset_graph, workspace.lake
        pending = pending_releases(pipeline, lake, workspace.approvals)
        tables = tables_of(pipeline, graph, after_release_decision(pipeline))
        units = [
            unit_of(
                graph,
                f"{pipeline.name} release as of {as_of} after record {number}",
                tables,
                Span(as_of, as_of),
            )
            for as_of, number in pending.items()
        ]
        waits = workspace.settings.retry_waits
        results = [request(context.instance, lake.ledger, unit, waits) for unit in units]
        skipped = [str(one.skip_message) for one in results if isinstance(one, dg.SkipReason)]
        requests = [one for one in results if isinstance(one, dg.RunRequest)]
        reason = " ".join(skipped) or "No release has a new approval or rejection."
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else dg.SkipReason(reason)
        )

    return release


def pending_releases(pipeline: PipelineContext, lake: Lake, log: ApprovalLog) -> dict[str, int]:
    """As-of day → number of its newest approval record that the release has not processed yet.

    The release of a champion runs again only for a new record, not for corrected training data.
    """
    newest = {record.as_of: record.number for record in log.records(pipeline.name)}
    stored = lake.days_stored(pipeline.table(nouns.APPROVALS))
    known = (
        lake.read(pipeline.table(nouns.APPROVALS), stored).groupby(DAY)["number"].max().to_dict()
        if stored
        else {}
    )
    champions = pipeline.table(nouns.CHAMPION)
    unreleased = sorted(newest.keys() - released_days(lake.ledger.history(champions)))
    changed = outdated(lake.ledger, champions, unreleased)
    decided = set(lake.days_stored(pipeline.table(nouns.RELEASE_DECISION)))
    untested = waiting_for_tests(pipeline, lake, list(newest))
    return {
        as_of: number
        for as_of, number in newest.items()
        if as_of in decided
        and (known.get(as_of) != number or as_of in changed or as_of in untested)
    }
