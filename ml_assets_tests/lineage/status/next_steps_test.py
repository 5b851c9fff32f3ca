"""What is to do first, when alerts are open beside other things."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ml_assets.alerts.alert import Alert, AlertState
from ml_assets.alerts.finding import Level
from ml_assets.alerts.project import PROJECT
from ml_assets.ledger.entries import Entry, Status
from ml_assets.lineage.status.report import report
from ml_assets.lineage.status.values import NextStep
from ml_assets_tests.lineage.status.report_test import (
    BEGIN,
    LAST,
    RAW,
    STALE,
    WAITING,
    project,
    with_pipeline,
)


def alert(level: Level = Level.WARNING, **changes: object) -> Alert:
    """An open alert that has a command."""
    moment = datetime(2024, 2, 9, tzinfo=UTC)
    found = Alert(
        id=f"id{level}",
        kind="run_failed",
        level=level,
        pipeline="p",
        subject="p runs",
        segment="",
        message="a run failed",
        since="",
        until="",
        command=f"mend {level}",
        state=AlertState.OPEN,
        first_seen=moment,
        last_seen=moment,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


CRITICAL, WARNING, INFO = (alert(level) for level in (Level.CRITICAL, Level.WARNING, Level.INFO))
QUARANTINED = Entry(RAW, LAST, Status.QUARANTINED, "no rows")
TAKEN = alert(Level.CRITICAL, state=AlertState.ACKNOWLEDGED, by="Ann")


def next_of(*alerts: Alert) -> NextStep:
    """The next step of a project in which only these alerts are open."""
    return report(replace(project(), alerts=alerts)).next


@pytest.mark.parametrize(
    ("alerts", "command"),
    [
        pytest.param([INFO, WARNING, CRITICAL], "mend critical", id="the most severe"),
        pytest.param([TAKEN, WARNING], "mend warning", id="of which nobody takes care"),
        pytest.param([TAKEN, INFO], "mend info", id="also of level info"),
        pytest.param([TAKEN], "mend critical", id="of which somebody takes care"),
        pytest.param([alert(command="")], "ml-assets alerts show idwarning", id="no command"),
        pytest.param(
            [alert(command="ml-assets status")], "ml-assets alerts show idwarning", id="itself"
        ),
    ],
)
def test_the_next_step_is_that_of_the_most_severe_alert(alerts: list[Alert], command: str) -> None:
    found = next_of(*alerts)

    assert found.command == command
    assert "nothing is open" not in found.step


def test_the_step_of_an_alert_names_it_and_who_takes_care_of_it() -> None:
    assert next_of(WARNING).step == "look at alert idwarning (warning): run failed of p"
    assert next_of(TAKEN).step.startswith(
        "look at alert idcritical (critical, acknowledged by Ann): "
    )


def test_alerts_are_in_the_report_the_most_severe_first() -> None:
    found = report(replace(project(), alerts=[INFO, CRITICAL, WARNING]))

    assert found.alerts == [CRITICAL, WARNING, INFO]


def test_alerts_come_between_other_things_by_their_urgency() -> None:
    every = [INFO, CRITICAL, WARNING]
    waits = project(QUARANTINED, pipeline=with_pipeline(releases=[WAITING]))
    quarantined = project(QUARANTINED)
    behind = project(until="2024-02-07")
    stale = replace(project(), stale=STALE)

    assert report(replace(waits, alerts=every)).next.command.startswith("ml-assets approve p")
    assert report(replace(quarantined, alerts=every)).next.command == CRITICAL.command
    assert report(replace(quarantined, alerts=[WARNING])).next.command.startswith(
        f"ml-assets impact {RAW}"
    )
    for state in (behind, stale):
        assert report(replace(state, alerts=[WARNING])).next.command == WARNING.command
        assert report(replace(state, alerts=[INFO])).next == report(state).next
    assert report(replace(project(), alerts=[INFO]), {"q": BEGIN}).next == BEGIN


def test_the_alerts_of_a_pipeline_are_those_of_it_its_inputs_and_the_project() -> None:
    folder = RAW.partition("/")[0]
    every = [alert(pipeline=name) for name in ("p", folder, PROJECT, "q")]
    state = replace(project(), alerts=every)

    assert state.of_pipeline("p").alerts == every[:3]
