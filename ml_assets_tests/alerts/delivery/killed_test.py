"""Processes that are killed with SIGKILL, and several that deliver at once."""

import subprocess
import sys

import pytest

from ml_assets.alerts.delivery.outbox import CLAIM, Outbox
from ml_assets.alerts.log import AlertLog
from ml_assets_tests.alerts.delivery.receiver import Receiver
from ml_assets_tests.alerts.delivery.telling import delivered, quarantined, routes
from ml_assets_tests.alerts.found import NOW, evaluation, finding, later
from ml_assets_tests.project import ROOT

pytestmark = pytest.mark.slow

PATIENTLY = "?rto=60"
"""On a busy machine nothing is given up while the test looks."""


def started(action: str, url: str, receiver: Receiver, minutes: float = 0) -> subprocess.Popen[str]:
    """A process that has stored an alert, or is ready to deliver."""
    program = "ml_assets_tests.alerts.delivery.deliverer"
    process = subprocess.Popen(
        [sys.executable, "-m", program, action, url, receiver.url + PATIENTLY, str(minutes)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() in ("stored\n", "ready\n")
    return process


def begin(process: subprocess.Popen[str]) -> None:
    """Let it deliver."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill it with SIGKILL."""
    with process:
        process.kill()


def test_a_process_killed_between_the_alert_and_its_delivery_loses_nothing(
    url: str, receiver: Receiver
) -> None:
    kill(started("update", url, receiver))

    delivered(url, routes(warning=receiver.url), later(1))

    assert [one.state.value for one in AlertLog(url).alerts()] == ["open"]
    assert receiver.events == ["opened"]


def test_what_a_killed_process_sent_without_recording_it_is_sent_again_with_its_id(
    url: str, receiver: Receiver
) -> None:
    to = routes(warning=receiver.url)
    log = AlertLog(url, to)
    log.update(evaluation(finding()), NOW)
    receiver.is_open.clear()
    process = started("deliver", url, receiver)
    begin(process)
    receiver.wait_for_arrival()
    kill(process)
    receiver.is_open.set()
    log.update(evaluation(), later(1))

    assert delivered(url, to, NOW + CLAIM / 2) == []
    delivered(url, to, NOW + CLAIM)

    first, again, resolved = receiver.ids
    assert first == again != resolved
    assert receiver.events == ["opened", "opened", "resolved"]
    assert [one.attempts for one in Outbox(url).deliveries()] == [2, 1]


def test_processes_that_deliver_at_once_deliver_each_notification_once_and_in_order(
    url: str, receiver: Receiver
) -> None:
    log = AlertLog(url, routes(warning=receiver.url))
    found = quarantined(*range(15))
    log.update(evaluation(*found), NOW)
    log.update(evaluation(*found[:5]), later(1))
    receiver.is_open.clear()
    processes = [started("deliver", url, receiver, 2) for _ in range(3)]
    for process in processes:
        begin(process)
    for _ in processes:
        receiver.wait_for_arrival()  # each has sent one before any is answered
    receiver.is_open.set()
    for process in processes:
        with process:
            assert process.wait() == 0

    ids = [one.notification.id for one in Outbox(url).deliveries()]
    assert sorted(receiver.ids) == sorted(ids)
    opened = {one["alert_id"]: number for number, one in enumerate(receiver.arrived)}
    assert len(opened) == len(found)
    for number, one in enumerate(receiver.arrived):
        earlier = [
            other["event"]
            for other in receiver.arrived[:number]
            if other["alert_id"] == one["alert_id"]
        ]
        assert earlier == (["opened"] if one["event"] == "resolved" else [])
