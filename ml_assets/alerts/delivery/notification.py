"""Texts of notifications: of a change of an alert, or of many changes at once. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten

from ml_assets.alerts.alert import Change
from ml_assets.alerts.finding import Level
from ml_assets.alerts.kinds import KINDS
from ml_assets.content import digest

RAISED, RESOLVED, SUMMARY, TEST = "raised", "resolved", "summary", "test"

ID_LENGTH = 12
TITLE_LENGTH = LINE_LENGTH = 100
BODY_LENGTH = 900
"""Title and body together are shorter than 1,024 characters, the limit of PagerDuty."""

MESSAGE_LENGTH = 100
"""Characters of a long message that a body has at least."""

LISTED = 8
"""Changes that a summary lists."""


@dataclass(frozen=True)
class Notification:
    """A message to a route.

    Attributes:
        id: stays the same when it is sent again, so that receivers can recognize it.
        alert_id: its alert; empty for a summary.
        level: level of the alert.
        event: ``opened``, ``raised``, ``resolved``, ``summary`` or ``test``.
        title: one line.
        body: plain text.
    """

    id: str
    alert_id: str
    level: Level
    event: str
    title: str
    body: str


def notification_of(change: Change, origin: str) -> Notification:
    """The notification of a change of an alert.

    Args:
        change: a change that was opened, raised or resolved.
        origin: environment and host that tell it.
    """
    alert = change.alert
    own_id = digest(alert.id, change.event, str(alert.count))[:ID_LENGTH]
    return Notification(
        id=own_id,
        alert_id=alert.id,
        level=alert.level,
        event=change.event,
        title=_title(change),
        body=_body(change, own_id, origin),
    )


def summary_of(
    own_id: str, level: Level, told: Sequence[tuple[str, str, str]], limit: int, origin: str
) -> Notification:
    """The notification of many changes at once.

    Args:
        own_id: ID of the notification.
        level: level of the alerts.
        told: alert, event and title of each change, in their order.
        limit: greatest number of single notifications an hour.
        origin: environment and host that tell it.
    """
    count = len({alert_id for alert_id, _, _ in told})
    resolved = sum(event == RESOLVED for _, event, _ in told)
    more = "1 more alert" if count == 1 else f"{count:,} more alerts"
    lines = [title for _, _, title in told[:LISTED]]
    if len(told) > LISTED:
        lines.append(f"and {len(told) - LISTED:,} more")
    body = [
        f"{more} of level {level.value} in the last hour: {len(told) - resolved:,} opened, {resolved:,} resolved.",
        f"After {limit} in an hour, further alerts are sent in a summary.",
        "",
        *lines,
        "",
        _cut(f"From: {origin}", LINE_LENGTH),
        "Command: ml-assets alerts list",
        f"Notification: {own_id}",
    ]
    is_over = resolved == len(told)
    title = f"{'Resolved' if is_over else level.value.capitalize()}: {more} in the last hour"
    return Notification(
        own_id, "", Level.INFO if is_over else level, SUMMARY, title, "\n".join(body)
    )


def trial_of(own_id: str, name: str, origin: str) -> Notification:
    """A message that a person sends to see whether a route works.

    Args:
        own_id: ID of the notification.
        name: name of the route.
        origin: environment and host that send it.
    """
    body = [
        f"A person tries the route {name}. Nothing is wrong, and nothing is to be done.",
        "",
        _cut(f"From: {origin}", LINE_LENGTH),
        f"Notification: {own_id}",
    ]
    return Notification(own_id, "", Level.INFO, TEST, "Test of ml-assets", "\n".join(body))


def _title(change: Change) -> str:
    level = change.alert.level.value
    labels = {RAISED: f"Raised to {level}", RESOLVED: "Resolved"}
    parts = (
        labels.get(change.event, level.capitalize()),
        change.alert.pipeline,
        change.alert.message,
    )
    return shorten(": ".join(filter(None, parts)), TITLE_LENGTH, placeholder=" …")


def _body(change: Change, own_id: str, origin: str) -> str:
    alert, is_over = change.alert, change.event == RESOLVED
    show = f"ml-assets alerts show {alert.id}"
    facts = {
        "Level": alert.level.value,
        "Pipeline": alert.pipeline,
        "From": origin,
        "About": ", ".join(filter(None, (alert.subject, alert.segment))),
        "Partitions": " to ".join(dict.fromkeys(filter(None, (alert.since, alert.until)))),
        "Since": f"{alert.first_seen:%Y-%m-%d %H:%M} UTC",
        "Occurrences": f"{alert.count:,}",
    }
    ends = {
        "Command": "" if is_over else alert.command,
        "Runbook": KINDS[alert.kind].runbook,
        "Alert": f"{alert.id}, {show}",
        "Notification": own_id,
    }
    first = [_cut(f"{name}: {text}", LINE_LENGTH) for name, text in facts.items() if text]
    if len("\n".join([*first, *_lines(ends)])) > BODY_LENGTH - MESSAGE_LENGTH:
        ends["Command"] = show
    lines = "\n".join([*first, *_lines(ends)])
    message = f"{_over(change)} It was: {alert.message}" if is_over else alert.message
    return f"{_cut(message, BODY_LENGTH - len(lines))}\n\n{lines}"


def _lines(facts: Mapping[str, str]) -> list[str]:
    """A line for each fact, in full: a command or an ID that is cut is of no use."""
    return [f"{name}: {text}" for name, text in facts.items() if text]


def _over(change: Change) -> str:
    """Why an alert ended: its subject was removed, the sources no longer find its problem, or a person resolved it."""
    if change.reason:
        return f"{change.reason[0].upper()}{change.reason[1:]}."
    alert = change.alert
    return "The problem is no longer found." if alert.recovered_at else f"Resolved by {alert.by}."


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
