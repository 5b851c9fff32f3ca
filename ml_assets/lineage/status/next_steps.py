"""The next steps in a project, the most urgent first."""

from collections.abc import Iterator, Sequence

from ml_assets.alerts.alert import Alert, AlertState
from ml_assets.alerts.finding import Level
from ml_assets.lake.remedy import partition_option, plan_command
from ml_assets.lineage.status.values import NextStep, PipelineStatus, StaleTable, UnusableDay
from ml_assets.release.approvals.approvals import ApprovalState

REPORT = "ml-assets status"
"""Command of this report, which therefore does not say more about an alert."""


def next_steps(
    pipelines: Sequence[PipelineStatus],
    problems: Sequence[UnusableDay],
    stale: Sequence[StaleTable] = (),
    alerts: Sequence[Alert] = (),
    *,
    first: NextStep | None = None,
    begin: NextStep | None = None,
    has_data: bool,
) -> Iterator[NextStep]:
    """The next steps, the most urgent first: damage, steps of a person, steps of a run.

    An alert of level ``info`` and one that a person takes care of come last.

    Args:
        pipelines: the reports on the pipelines.
        problems: recent days without usable rows, causes first.
        stale: tables with stale days, in the order in which they are computed.
        alerts: alerts that are not resolved, the most severe first.
        first: the next run of a pipeline that has tables without partitions; None for no such.
        begin: the first run of a pipeline without processed partitions.
        has_data: whether anything was materialized.
    """
    is_open = [alert for alert in alerts if alert.state is AlertState.OPEN]
    urgent = [alert for alert in is_open if alert.level is not Level.INFO]
    yield from _damaged(problems)
    yield from _waiting(pipelines)
    yield from (_of_alert(alert) for alert in urgent if alert.level is Level.CRITICAL)
    yield from _unusable(problems)
    yield from map(_of_alert, urgent)
    if first:
        yield first
    if any(pipeline.retraining or pipeline.is_behind for pipeline in pipelines):
        yield NextStep("let the sensors process the missing days", "ml-assets ui")
    for table in stale:
        yield NextStep(f"compute stale days of {table.table} again", table.command)
    if begin:
        yield begin
    if not has_data:
        yield NextStep("build the project on the reference data", "make demo")
    yield from map(_of_alert, [*is_open, *alerts])
    yield NextStep("nothing is open; look at the results", "ml-assets ui")


def _damaged(problems: Sequence[UnusableDay]) -> Iterator[NextStep]:
    for one in problems:
        if one.is_damaged:
            command = f"ml-assets checks{partition_option(one.day)}"
            yield NextStep(f"see what is wrong with {one.table} {one.day}", command)


def _waiting(pipelines: Sequence[PipelineStatus]) -> Iterator[NextStep]:
    for pipeline in pipelines:
        if pipeline.waiting:
            last = pipeline.waiting[-1]
            is_open = last.state == ApprovalState.WAITING
            step = "approve or reject the release" if is_open else "continue the approved release"
            yield NextStep(step, last.command)


def _unusable(problems: Sequence[UnusableDay]) -> Iterator[NextStep]:
    for one in problems:
        if not one.is_consequence:
            yield NextStep(
                f"correct {one.table} {one.day}, then repair what it touched",
                plan_command(one.table, one.day),
            )


def _of_alert(alert: Alert) -> NextStep:
    """Inspect the problem of an alert, or repair it."""
    by = f" by {alert.by}" if alert.by else ""
    state = "" if alert.state is AlertState.OPEN else f", {alert.state}{by}"
    command = (
        alert.command if alert.command not in {"", REPORT} else f"ml-assets alerts show {alert.id}"
    )
    what = f"{alert.kind.replace('_', ' ')} of {alert.pipeline}"
    return NextStep(f"look at alert {alert.id} ({alert.level}{state}): {what}", command)
