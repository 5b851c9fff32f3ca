"""The text of notifications."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ml_assets.alerts.actions import resolve
from ml_assets.alerts.alert import Change
from ml_assets.alerts.delivery.notification import notification_of, summary_of
from ml_assets.alerts.finding import Finding, Level
from ml_assets.alerts.state import changes
from ml_assets_tests.alerts.found import NOW, evaluation, finding

ORIGIN = "production on node-1"
PRECISION = Finding(
    kind="performance_dropped",
    pipeline="flight_delays",
    subject="precision",
    segment="carrier=EV",
    message="precision of carrier EV fell to 0.71 (threshold 0.80; 1,204 predictions, 7 days to 2013-09-14); "
    "likely due to `origin_late_share_3h` (3.1 × its threshold since 2013-09-09), from sources/flights.dep_delay",
    since="2013-09-08",
    until="2013-09-14",
    command="ml-assets trace flight_delays --partition 2013-09-14",
)


def opened(found: Finding = PRECISION) -> Change:
    """The alert of a finding."""
    (change,) = changes([], evaluation(found), NOW)
    return change


def test_a_notification_says_what_happened_why_since_when_and_what_to_do() -> None:
    change = opened()

    told = notification_of(change, ORIGIN)

    assert told.title == (
        "Critical: flight_delays: precision of carrier EV fell to 0.71 (threshold 0.80; 1,204 predictions, …"
    )
    assert told.body.splitlines() == [
        PRECISION.message,
        "",
        "Level: critical",
        "Pipeline: flight_delays",
        f"From: {ORIGIN}",
        "About: precision, carrier=EV",
        "Partitions: 2013-09-08 to 2013-09-14",
        "Since: 2013-09-14 08:30 UTC",
        "Occurrences: 1",
        "Command: ml-assets trace flight_delays --partition 2013-09-14",
        "Runbook: docs/runbooks.md#performance_dropped",
        f"Alert: {change.alert.id}, ml-assets alerts show {change.alert.id}",
        f"Notification: {told.id}",
    ]


def test_the_end_says_who_said_so_or_that_it_is_found_no_more() -> None:
    alert = opened().alert
    (over,) = changes([alert], evaluation(performance_dropped=None), NOW)
    by_hand = resolve(alert, "anna", NOW)

    assert notification_of(over, ORIGIN).title.startswith("Resolved: flight_delays: precision of")
    assert notification_of(over, ORIGIN).body.startswith(
        "The problem is no longer found. It was: precision of"
    )
    assert notification_of(by_hand, ORIGIN).body.startswith(
        "Resolved by anna. It was: precision of"
    )


def test_an_id_is_of_the_alert_the_event_and_the_occurrence() -> None:
    change = opened()
    again = Change("opened", replace(change.alert, count=2))
    later = Change("opened", replace(change.alert, last_seen=NOW + timedelta(hours=1)))
    ids = [
        notification_of(one, ORIGIN).id
        for one in (change, again, Change("raised", change.alert), later)
    ]

    assert len({*ids[:3]}) == len(ids[:3])
    assert ids[3] == ids[0]


@pytest.mark.parametrize("event", ["opened", "raised", "resolved"])
def test_long_texts_are_cut_and_the_ids_are_kept(event: str) -> None:
    alert = opened(
        finding(
            **dict.fromkeys(("pipeline", "subject", "segment", "message", "command"), "x" * 3000)
        )
    ).alert

    told = notification_of(Change(event, alert), ORIGIN)  # type: ignore[arg-type]

    assert len(told.title) <= 100
    assert len(f"{told.title}\r\n{told.body}") < 1024
    assert told.body.endswith(f"\nNotification: {told.id}")
    assert f"ml-assets alerts show {alert.id}" in told.body


def test_a_command_is_told_in_full_and_the_message_is_cut_instead() -> None:
    command = f"dg launch --assets {','.join(['flight_delays/labels'] * 10)}"
    change = opened(finding(message="x" * 3000, command=command))

    told = notification_of(change, ORIGIN)

    assert f"\nCommand: {command}\n" in told.body
    assert len(f"{told.title}\r\n{told.body}") < 1024


def test_a_command_that_does_not_fit_is_replaced_by_the_one_that_shows_it() -> None:
    change = opened(finding(command="x" * 3000))

    told = notification_of(change, ORIGIN)

    assert f"\nCommand: ml-assets alerts show {change.alert.id}\n" in told.body
    assert told.body.startswith(change.alert.message)


def test_what_is_over_has_no_command_that_mends_it() -> None:
    (over,) = changes([opened().alert], evaluation(performance_dropped=None), NOW)

    assert "Command:" not in notification_of(over, ORIGIN).body


def test_a_message_of_several_lines_has_a_title_of_one() -> None:
    assert "\n" not in notification_of(opened(finding(message="first\nsecond")), ORIGIN).title


def test_a_summary_counts_alerts_and_lists_the_first() -> None:
    told = [(f"alert{number}", "opened", f"title {number}") for number in range(30)]
    told += [(f"alert{number}", "resolved", f"end {number}") for number in range(5)]

    summary = summary_of("aabbccddeeff", Level.WARNING, told, 20, ORIGIN)

    assert summary.title == "Warning: 30 more alerts in the last hour"
    first, second, _, *lines = summary.body.splitlines()
    assert first == "30 more alerts of level warning in the last hour: 30 opened, 5 resolved."
    assert second == "After 20 in an hour, further alerts are sent in a summary."
    assert lines[:2] == ["title 0", "title 1"]
    assert lines[-5:] == [
        "and 27 more",
        "",
        f"From: {ORIGIN}",
        "Command: ml-assets alerts list",
        "Notification: aabbccddeeff",
    ]


def test_a_summary_of_what_is_over_calls_nobody() -> None:
    told = [(f"{number:08x}", "resolved", "title") for number in range(3)]

    summary = summary_of("aabbccddeeff", Level.CRITICAL, told, 20, ORIGIN)

    assert (summary.level, summary.title) == (
        Level.INFO,
        "Resolved: 3 more alerts in the last hour",
    )


def test_the_end_of_an_alert_about_what_was_removed_says_so() -> None:
    (change,) = changes([], evaluation(finding()), NOW)
    over = Change("resolved", change.alert, "the pipeline trains is no longer in the project")

    assert notification_of(over, ORIGIN).body.startswith(
        "The pipeline trains is no longer in the project. It was: 2 days are quarantined"
    )
