"""Changes of alerts: known alerts, findings and a moment → changes. Pure; ``log`` stores the result."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from ml_assets.alerts.alert import Alert, AlertState, Change, Event, alert_id
from ml_assets.alerts.finding import Finding, Key, Level
from ml_assets.alerts.kinds import KINDS
from ml_assets.alerts.project import Project

LEVELS = [*Level]


@dataclass(frozen=True)
class Evaluation:
    """What the sources found at one moment.

    Attributes:
        findings: all that is wrong.
        judged: kind → the pipelines that were looked at, None for all: of these, what is not found is over. What
            a source could not look at stays as it is.
        written: pipelines of which a partition is being written: what is not found of them may be there again
            in a moment, so it is not over.
        project: what is in the project: of all else, nothing is found and all alerts are over; None if it is not known.
        number: from ``AlertLog.begin``, before the sources were read; None where nothing else evaluates.
    """

    findings: Sequence[Finding]
    judged: Mapping[str, Collection[str] | None]
    written: Collection[str] = ()
    project: Project | None = None
    number: int | None = None

    def absence(self, one: Alert | Finding) -> str:
        """Why what an alert or a finding is about is not in the project; empty if it is, or not known."""
        return self.project.absence(one.pipeline, one.subject) if self.project else ""

    def has_judged(self, alert: Alert) -> bool:
        """Whether the source of an alert was looked at, and nothing that it reads is being written."""
        if alert.kind not in self.judged or alert.pipeline in self.written:
            return False
        pipelines = self.judged[alert.kind]
        return pipelines is None or alert.pipeline in pipelines


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
    found = {
        finding.key: finding for finding in evaluation.findings if not evaluation.absence(finding)
    }
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
    return [*result, *_not_found(known, found, evaluation, now)]


def _not_found(
    known: Sequence[Alert], found: Collection[Key], evaluation: Evaluation, now: datetime
) -> Iterator[Change]:
    for alert in known:
        if alert.key in found:
            continue
        if (reason := evaluation.absence(alert)) or evaluation.has_judged(alert):
            yield _over(alert, now, reason)
        elif _is_heard_again(alert, now):
            yield Change("opened", _heard_again(alert))


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
        occurrence=finding.occurrence,
    )


def _again(alert: Alert, finding: Finding, now: datetime) -> Change:
    level = min(alert.level, level_of(finding), key=LEVELS.index)
    updated = replace(
        alert,
        level=level,
        message=finding.message,
        since=finding.since,
        until=finding.until,
        command=finding.command,
        last_seen=max(now, alert.last_seen),
        occurrence=max(finding.occurrence, alert.occurrence),
    )
    if level is not alert.level:
        return Change("raised", _heard_again(updated))
    if _is_heard_again(alert, now):
        return Change("opened", _heard_again(updated))
    return Change("repeated", replace(updated, count=alert.count + _is_new(alert, finding)))


def _is_heard_again(alert: Alert, now: datetime) -> bool:
    is_silenced = alert.state is AlertState.SILENCED
    return is_silenced and alert.silenced_until is not None and now >= alert.silenced_until


def _heard_again(alert: Alert) -> Alert:
    return replace(alert, state=AlertState.OPEN, silenced_until=None, count=alert.count + 1)


def _is_new(alert: Alert, finding: Finding) -> bool:
    """Whether a finding has a later partition or occurrence than the alert's last, or else other content."""
    if finding.until or alert.until:
        return finding.until > alert.until
    if finding.occurrence and alert.occurrence:
        return finding.occurrence > alert.occurrence
    return finding.message != alert.message


def _over(alert: Alert, now: datetime, reason: str = "") -> Change:
    event: Event = "recovered" if alert.is_resolved else "resolved"
    return Change(event, replace(alert, state=AlertState.RESOLVED, recovered_at=now), reason)
