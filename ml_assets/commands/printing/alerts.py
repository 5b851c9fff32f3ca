"""Prints alerts: a list, one with its events, what an evaluation changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from ml_assets.alerts.alert import Alert, AlertState, Change
from ml_assets.alerts.delivery.delivering import Attempt
from ml_assets.alerts.delivery.routes import Route
from ml_assets.alerts.delivery.tables import Delivery
from ml_assets.alerts.finding import Level
from ml_assets.alerts.kinds import KINDS
from ml_assets.alerts.log import AlertEvent
from ml_assets.alerts.messages import counted
from ml_assets.alerts.severity import counts, most_severe_first
from ml_assets.commands.shared import plain_table
from ml_assets.release.approvals.approvals import format_time

COLORS = {Level.CRITICAL: "red", Level.WARNING: "yellow", Level.INFO: "cyan"}


def as_json_value(alert: Alert) -> dict[str, Any]:
    """An alert for JSON, with the page and section that say what to do."""
    return {**asdict(alert), "runbook": KINDS[alert.kind].runbook}


def print_alerts(alerts: Sequence[Alert], evaluated: datetime | None, out: Console) -> None:
    """Print a list of alerts, in its order.

    Args:
        alerts: the alerts.
        evaluated: when alerts were evaluated last, UTC; None for never.
        out: where.
    """
    if alerts:
        _print_table(alerts, out)
    else:
        out.print("No alert is open.")
    last = f"Last evaluated: {format_time(evaluated)}" if evaluated else "Never evaluated"
    out.print(f"{last}; to evaluate now: ml-assets alerts check", highlight=False)


def _print_table(alerts: Sequence[Alert], out: Console) -> None:
    table = plain_table("id", "level", "what")
    for number, alert in enumerate(alerts):
        if number:
            table.add_row()
        table.add_row(alert.id, _level(alert.level), f"{escape(alert.message)}\n{_facts(alert)}")
    out.print(table)
    out.print(f"More about one: ml-assets alerts show {alerts[0].id}")


def print_alert(
    alert: Alert, events: Sequence[AlertEvent], deliveries: Sequence[Delivery], out: Console
) -> None:
    """Print an alert with all its events and notifications."""
    kind = KINDS[alert.kind]
    out.print(f"[bold]{alert.id}[/bold] {_level(alert.level)} {alert.state}", highlight=False)
    _indented(out, escape(alert.message))
    out.print()
    facts = {
        "kind": f"{alert.kind}: {kind.meaning}",
        "pipeline": alert.pipeline,
        "about": " ".join(filter(None, [alert.subject, alert.segment])),
        "partitions": _span(alert),
        "first seen": format_time(alert.first_seen),
        "last seen": format_time(alert.last_seen),
        "occurred": _times(alert.count),
        "silenced until": format_time(alert.silenced_until) if alert.silenced_until else "",
        "runbook": kind.runbook,
    }
    table = plain_table("", "")
    table.show_header = False
    for name, value in facts.items():
        if value:
            table.add_row(name, escape(value))
    out.print(table)
    out.print()
    history = plain_table("when", "what")
    for event in events:
        by = f" by {event.by}" if event.by else ""
        text = event.reason or ("" if event.by else event.message)
        history.add_row(
            format_time(event.at), escape(f"{event.event}{by}{': ' if text else ''}{text}")
        )
    out.print(history)
    if deliveries:
        out.print()
        out.print(_told(deliveries))
    if alert.command and not alert.is_resolved:
        out.print(
            f"\nNext:\n  [bold]{escape(alert.command)}[/bold]", highlight=False, soft_wrap=True
        )


def _told(deliveries: Sequence[Delivery]) -> Table:
    table = plain_table("notification", "route", "state")
    for one in deliveries:
        table.add_row(one.notification.event, one.route, escape(_how_far(one)))
    return table


def _how_far(delivery: Delivery) -> str:
    tried = f" after {counted(delivery.attempts, 'attempt')}" if delivery.attempts else ""
    return f"{delivery.state}{tried}: {delivery.problem}" if delivery.problem else delivery.state


def route_as_json(route: Route, last: Delivery | None, result: Attempt | None) -> dict[str, Any]:
    """A route for JSON, without its URL.

    Args:
        route: the route.
        last: what was sent to it last; None for nothing.
        result: what came of a test message; None without one.
    """
    return {
        "name": route.name,
        "level": route.level,
        "service": route.service,
        "variable": route.variable,
        "number": route.number,
        "last": last
        and {
            "event": last.notification.event,
            "state": last.state,
            "attempts": last.attempts,
            "problem": last.problem,
            "at": last.ended_at or last.created_at,
        },
        "test": result and {"state": result.state, "problem": result.problem},
    }


def print_routes(
    routes: Mapping[Route, Delivery | None], results: Mapping[str, Attempt], out: Console
) -> None:
    """Print routes without their URLs.

    Args:
        routes: route → what was sent to it last; None for nothing.
        results: name of a route → what came of a test message; empty without a test.
        out: where.
    """
    if not routes:
        out.print(
            "No route is configured here, so no notifications are sent (docs/alert_routes.md)."
        )
        return
    table = plain_table("route", "URL, and state of the last notification")
    for number, (route, last) in enumerate(routes.items()):
        if number:
            table.add_row()
        lines = [route.place, f"last: {_last(last)}"]
        if result := results.get(route.name):
            lines.append(
                f"test: {f'not delivered: {result.problem}' if result.problem else 'delivered'}"
            )
        table.add_row(route.name, escape("\n".join(lines)))
    out.print(table)
    if not results:
        out.print("To try them: ml-assets alerts routes --test", highlight=False)


def _last(delivery: Delivery | None) -> str:
    if delivery is None:
        return "nothing was sent yet"
    at = format_time(delivery.ended_at or delivery.created_at)
    return f"{delivery.notification.event}, {_how_far(delivery)} ({at})"


def print_changes(changes: Sequence[Change], known: Sequence[Alert], out: Console) -> None:
    """Print what an evaluation changed, without what it found as before.

    Args:
        changes: what it changed.
        known: alerts after it, those that have not recovered.
        out: where.
    """
    changed = [one for one in changes if one.event != "repeated"]
    for one in changed:
        text = f"{one.event} {_level(one.alert.level)} {one.alert.id}: {escape(one.alert.message)}"
        out.print(text, highlight=False)
    looked_at = {one.alert.id for one in changes}
    others = [one for one in known if one.id not in looked_at]
    counts = {
        "found as before": len(changes) - len(changed),
        "not evaluated now, so as before": sum(not one.is_resolved for one in others),
        "resolved by a person, and not over yet": sum(one.is_resolved for one in others),
    }
    for what, number in counts.items():
        if number:
            out.print(f"{number:,} {what}.", highlight=False)
    if not changes and not others:
        out.print("Nothing is wrong.")


def print_nobody_told(changes: Sequence[Change], out: Console) -> None:
    """Print the number of alerts that were not sent, as this process has no routes; nothing if there are none."""
    count = sum(one.event in ("opened", "raised") for one in changes)
    if count:
        out.print(
            f"No notification of {counted(count, 'alert')} was sent, as no route is configured here "
            "(ML_ASSETS_ALERTS__WARNING and others; docs/alert_routes.md). An evaluation with routes, such as "
            "that of the sensor 'alerts', sends them.",
            highlight=False,
        )


def print_open(
    alerts: Sequence[Alert], shown: int, out: Console, told: Collection[str] = ()
) -> None:
    """Print how many alerts are open, and the most severe of them.

    Args:
        alerts: alerts that are not resolved.
        shown: number of alerts that are printed.
        out: where.
        told: commands that were printed already; alerts that name them are counted only.
    """
    if not alerts:
        return
    levels = [f"[{COLORS[one]}]{text}[/{COLORS[one]}]" for one, text in counts(alerts).items()]
    out.print(f"Alerts: {', '.join(levels)}", highlight=False)
    listed = [one for one in most_severe_first(alerts) if one.command not in told]
    for alert in listed[:shown]:
        state = "" if alert.state is AlertState.OPEN else f" ({alert.state})"
        _indented(out, f"{_level(alert.level)} {alert.id}{state} {escape(alert.message)}")
    more = len(listed) - shown
    out.print(f"  {f'… and {more} more; all' if more > 0 else 'All'}: ml-assets alerts list")
    out.print()


def _facts(alert: Alert) -> str:
    parts = [
        alert.kind,
        str(alert.state) + (f" by {escape(alert.by)}" if alert.by else ""),
        f"until {format_time(alert.silenced_until)}"
        if alert.state is AlertState.SILENCED and alert.silenced_until
        else "",
        _times(alert.count),
        f"since {format_time(alert.first_seen)}",
    ]
    return f"[dim]{', '.join(filter(None, parts))}[/dim]"


def _span(alert: Alert) -> str:
    return alert.since if alert.since == alert.until else f"{alert.since} to {alert.until}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _level(level: Level) -> str:
    return f"[{COLORS[level]}]{level}[/{COLORS[level]}]"


def _indented(out: Console, text: str) -> None:
    out.print(Padding(text, (0, 0, 0, 2)), highlight=False)
