"""What findings change: known alerts, findings and a moment → changes. Pure; ``log`` stores the result."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from ml_assets.alerts.alert import Alert, AlertState, Change, Event, alert_id
from ml_assets.alerts.finding import Finding, Key, Level
from ml_assets.alerts.kinds import KINDS

LEVELS = [*Level]


@dataclass(frozen=True)
class Evaluation:
    """What the sources found at one moment.

    Attributes:
        findings: all that is wrong.
        judged: kinds and pipelines that were looked at: of these, what is not found is over. What a source
            could not look at stays as it is.
    """

    findings: Sequence[Finding]
    judged: Collection[tuple[str, str]]


def changes(
    known: Sequence[Alert], evaluation: Evaluation, now: datetime, taken: Collection[str] = ()
) -> list[Change]:
    """What an evaluation changes.

    Args:
        known: alerts that have not recovered: the unresolved ones, and those that a person resolved while
            they were still found. No two are about the same thing.
        evaluation: what is wrong now; of several findings about the same thing, the last counts.
        now: the moment, UTC.
        taken: IDs that new alerts must not get.

    Returns:
        Changes; what a person resolved and is found as before does not change.
    """
    of_key = {alert.key: alert for alert in known}
    found = {finding.key: finding for finding in evaluation.findings}
    used = {*taken}
    result: list[Change] = []
    for key, finding in found.items():
        alert = of_key.get(key)
        if alert and not alert.is_resolved:
            result.append(_again(alert, finding, now))
        elif alert is None or _is_new(alert, finding):
            if alert:
                result.append(_over(alert, now))
            new = _opened(finding, now, used)
            used.add(new.id)
            result.append(Change("opened", new))
    return [*result, *_recovered(known, found, evaluation.judged, now)]


def _recovered(
    known: Sequence[Alert],
    found: Collection[Key],
    judged: Collection[tuple[str, str]],
    now: datetime,
) -> Iterator[Change]:
    for alert in known:
        if alert.key not in found and (alert.kind, alert.pipeline) in judged:
            yield _over(alert, now)


def level_of(finding: Finding) -> Level:
    """The level of a finding: its own, or that of its kind."""
    return finding.own_level or KINDS[finding.kind].level


def _opened(finding: Finding, now: datetime, taken: Collection[str]) -> Alert:
    ids = (alert_id(finding.key, now, number) for number in count())
    return Alert(
        id=next(one for one in ids if one not in taken),
        kind=finding.kind,
        level=level_of(finding),
        pipeline=finding.pipeline,
        subject=finding.subject,
        segment=finding.segment,
        message=finding.message,
        since=finding.since,
        until=finding.until,
        command=finding.command,
        state=AlertState.OPEN,
        first_seen=now,
        last_seen=now,
    )


def _again(alert: Alert, finding: Finding, now: datetime) -> Change:
    level = min(alert.level, level_of(finding), key=LEVELS.index)
    is_raised = level is not alert.level
    is_heard_again = alert.silenced_until is not None and now >= alert.silenced_until
    is_open = is_raised or is_heard_again
    event: Event = "raised" if is_raised else "opened" if is_heard_again else "repeated"
    updated = replace(
        alert,
        level=level,
        message=finding.message,
        since=finding.since,
        until=finding.until,
        command=finding.command,
        state=AlertState.OPEN if is_open else alert.state,
        silenced_until=None if is_open else alert.silenced_until,
        last_seen=max(now, alert.last_seen),
        count=alert.count + (is_open or _is_new(alert, finding)),
    )
    return Change(event, updated)


def _is_new(alert: Alert, finding: Finding) -> bool:
    """Whether a finding is of a later partition than the alert's last, or of other things without partitions."""
    if finding.until or alert.until:
        return finding.until > alert.until
    return finding.message != alert.message


def _over(alert: Alert, now: datetime) -> Change:
    event: Event = "recovered" if alert.is_resolved else "resolved"
    return Change(event, replace(alert, state=AlertState.RESOLVED, recovered_at=now))
