"""The commands about alerts as a shell sees them: output within 80 columns, JSON, exit codes."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ml_assets.alerts.alert import Alert, AlertState
from ml_assets.alerts.kinds import KINDS
from ml_assets.alerts.log import AlertLog
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets_tests.alerts.delivery.receiver import UNAVAILABLE, receiving
from ml_assets_tests.alerts.found import evaluation, finding
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.releases import PIPELINE, decide

COLUMNS = 80
ALERT_KEYS = {
    "id", "kind", "level", "pipeline", "subject", "segment", "message", "since", "until", "command",
    "state", "first_seen", "last_seen", "count", "by", "acted_at", "silenced_until", "recovered_at",
    "occurrence", "runbook",
}  # fmt: skip

Command = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in this process, in an empty project."""
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    for name in ("LAKE", "POSTGRES_URL", "SHARED"):
        monkeypatch.delenv(f"ML_ASSETS_{name}", raising=False)
    return partial(ml_assets, tmp_path)


@pytest.fixture
def log(tmp_path: Path) -> AlertLog:
    """The log of a project with a lake."""
    url = f"sqlite:///{tmp_path / 'data' / 'ledger.db'}"
    decide(Lake(str(tmp_path / "data" / "lake"), Ledger(url)), "2013-07-09", "passed")
    return AlertLog(url)


@pytest.fixture
def alert(log: AlertLog) -> Alert:
    """An alert that is open."""
    message = "2 days [are] quarantined, and the reason is so long that it does not fit into a line"
    (change,) = log.update(evaluation(finding(message=message)), datetime.now(UTC))
    return change.alert


def printed(done: "CompletedProcess[str]") -> str:
    """The output of a command that succeeded, whose lines fit."""
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stdout.splitlines() if len(line) > COLUMNS]
    assert "\x1b" not in done.stdout
    return done.stdout


def test_the_list_has_what_is_not_resolved_the_most_severe_first(
    command: Command, log: AlertLog, alert: Alert
) -> None:
    found = [
        finding(message=alert.message),
        finding(kind="champion_rolled_back", subject="champion"),
        finding(kind="run_failed", pipeline="trains"),
    ]
    log.update(evaluation(*found), datetime.now(UTC))

    text = printed(command("alerts", "list"))
    listed = json.loads(command("alerts", "list", "--json").stdout)
    of_trains = json.loads(command("alerts", "list", "trains", "--json").stdout)

    assert text.index("critical") < text.index("warning")
    assert "2 days [are] quarantined" in text
    assert {*listed[0]} == ALERT_KEYS
    assert [one["kind"] for one in listed] == [
        "champion_rolled_back", "day_quarantined", "run_failed",
    ]  # fmt: skip
    assert [one["pipeline"] for one in of_trains] == ["trains"]


def test_an_empty_list_is_said(command: Command, tmp_path: Path) -> None:
    listed = printed(command("alerts", "list"))
    assert "No alert is open.\nNever evaluated; to evaluate now: ml-assets alerts check" in listed
    assert json.loads(command("alerts", "list", "--json").stdout) == []
    assert not (tmp_path / "data" / "ledger.db").exists()


def test_a_list_says_when_alerts_were_evaluated_last(
    command: Command, log: AlertLog, alert: Alert
) -> None:
    evaluated = datetime(2013, 9, 14, 6, 30, tzinfo=UTC)
    log.update(replace(evaluation(), number=log.begin()), evaluated)

    assert "Last evaluated: 2013-09-14 06:30 UTC;" in printed(command("alerts", "list"))


def test_alerts_of_one_level_are_listed_by_partition(command: Command, log: AlertLog) -> None:
    days = ["2013-09-12", "2013-09-10", "2013-09-11"]
    found = [finding(subject=f"{PIPELINE}/{day}", since=day, until=day) for day in days]
    log.update(evaluation(*found), datetime.now(UTC))

    listed = json.loads(command("alerts", "list", "--json").stdout)

    assert [one["since"] for one in listed] == sorted(days)


def test_an_unknown_pipeline_is_refused_with_the_most_similar_name(
    command: Command, alert: Alert
) -> None:
    done = command("alerts", "list", PIPELINE.upper())

    assert done.returncode == 2
    assert "There is no pipeline or folder" in done.stderr
    assert f"Did you mean '{PIPELINE}'?" in done.stderr


def test_an_alert_is_shown_with_its_history_runbook_and_command(
    command: Command, alert: Alert
) -> None:
    command("alerts", "ack", alert.id, "--by", "Ann", "--reason", "the [provider] mends it")

    text = printed(command("alerts", "show", alert.id))
    found = json.loads(command("alerts", "show", alert.id, "--json").stdout)

    assert "warning acknowledged" in text
    assert "acknowledged by Ann: the [provider] mends it" in text
    assert KINDS[alert.kind].runbook in text
    assert "2013-09-12 to 2013-09-13" in text
    assert text.endswith(f"{alert.command}\n")
    assert found.keys() == {*ALERT_KEYS, "events", "notifications"}
    assert [(one["event"], one["by"]) for one in found["events"]] == [
        ("opened", ""),
        ("acknowledged", "Ann"),
    ]


@pytest.mark.parametrize(
    ("words", "state", "said"),
    [
        pytest.param(["ack"], AlertState.ACKNOWLEDGED, "is acknowledged, by Ann", id="ack"),
        pytest.param(["resolve"], AlertState.RESOLVED, "is resolved, by Ann", id="resolve"),
        pytest.param(["silence", "--until", "12h"], AlertState.SILENCED, "silenced", id="silence"),
    ],
)
def test_what_a_person_does_is_stored_and_said(
    command: Command, log: AlertLog, alert: Alert, words: list[str], state: AlertState, said: str
) -> None:
    text = command("alerts", words[0], alert.id, *words[1:], "--by", "Ann").stdout

    found = log.alert(alert.id)
    assert said in text
    assert (found.state, found.by) == (state, "Ann")
    assert found.acted_at is not None
    assert abs(datetime.now(UTC) - found.acted_at) < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("until", "end"),
    [
        pytest.param("12h", timedelta(hours=12), id="hours"),
        pytest.param("7d", timedelta(days=7), id="days"),
        pytest.param("2099-08-01T08:00", datetime(2099, 8, 1, 8, tzinfo=UTC), id="time in UTC"),
        pytest.param("2099-08-01T08:00+02:00", datetime(2099, 8, 1, 6, tzinfo=UTC), id="offset"),
    ],
)
def test_a_silence_ends_after_a_duration_or_at_a_time(
    command: Command, log: AlertLog, alert: Alert, until: str, end: timedelta | datetime
) -> None:
    command("alerts", "silence", alert.id, "--until", until, "--by", "Ann")

    found = log.alert(alert.id)
    wanted = end if isinstance(end, datetime) else datetime.now(UTC) + end
    assert found.silenced_until is not None
    assert abs(found.silenced_until - wanted) < timedelta(minutes=2)
    assert f"until {found.silenced_until:%Y-%m-%d %H:%M} UTC" in " ".join(
        command("alerts", "show", alert.id).stdout.split()
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(["ack", "12345678", "--by", "Ann"], "There is no alert", id="unknown"),
        pytest.param(["ack", "ID", "--by", " "], "'--by' is empty", id="nobody"),
        pytest.param(
            ["silence", "ID", "--until", "soon", "--by", "A"],
            "'soon' is not a duration",
            id="no time",
        ),
        pytest.param(
            ["silence", "ID", "--until", "0h", "--by", "A"], "0h is no time", id="zero hours"
        ),
        pytest.param(
            ["silence", "ID", "--until", "99999d", "--by", "A"], "at most ten years", id="too long"
        ),
        pytest.param(
            ["silence", "ID", "--until", "2013-01-01", "--by", "A"], "not in the future", id="past"
        ),
    ],
)
def test_what_is_not_possible_is_refused(
    command: Command, log: AlertLog, alert: Alert, words: list[str], problem: str
) -> None:
    done = command("alerts", *[alert.id if word == "ID" else word for word in words])

    assert done.returncode == 2
    assert problem in done.stderr
    assert [one.event for one in log.events(alert.id)] == ["opened"]


def test_what_a_person_does_is_printed_as_json_on_request(command: Command, alert: Alert) -> None:
    done = command("alerts", "ack", alert.id, "--by", "Ann", "--json")

    found = json.loads(done.stdout)
    assert found.keys() == ALERT_KEYS
    assert (found["id"], found["state"], found["by"]) == (alert.id, "acknowledged", "Ann")


def test_a_resolved_alert_is_listed_on_request_only(command: Command, alert: Alert) -> None:
    command("alerts", "resolve", alert.id, "--by", "Ann")

    assert json.loads(command("alerts", "list", "--json").stdout) == []
    assert alert.id in printed(command("alerts", "list", "--all"))
    assert "already resolved by Ann" in command("alerts", "ack", alert.id, "--by", "Bob").stderr


def test_a_resolved_alert_is_shown_without_a_next_command(command: Command, alert: Alert) -> None:
    command("alerts", "resolve", alert.id, "--by", "Ann")

    text = printed(command("alerts", "show", alert.id))

    assert "Next:" not in text
    assert alert.command not in text


def test_alerts_of_a_project_without_data_are_none(command: Command, tmp_path: Path) -> None:
    done = command("alerts", "show", "12345678")

    assert done.returncode == 2
    assert "nothing was materialized" in done.stderr
    assert not (tmp_path / "data" / "ledger.db").exists()


def test_routes_are_listed_by_variable_and_tried_without_their_urls(
    command: Command, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No route is configured here" in printed(command("alerts", "routes"))
    with receiving() as up, receiving() as down:
        down.status = UNAVAILABLE
        monkeypatch.setenv("ML_ASSETS_ALERTS__WARNING", f"{up.url} {down.url}")
        before = json.loads(command("alerts", "routes", "--json").stdout)
        done = command("alerts", "routes", "--test")
        listed = printed(command("alerts", "routes"))
        tested = json.loads(command("alerts", "routes", "--test", "--json").stdout)

    assert [(one["variable"], one["number"], one["service"], one["last"]) for one in before] == [
        ("ML_ASSETS_ALERTS__WARNING", 1, "json", None),
        ("ML_ASSETS_ALERTS__WARNING", 2, "json", None),
    ]
    shown = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert "URL number 2 of ML_ASSETS_ALERTS__WARNING" in shown
    assert "test: not delivered: it answered with status 503" in shown
    assert "last: test, delivered" in listed
    assert [(one["test"]["state"], one["last"] and one["last"]["state"]) for one in tested] == [
        ("delivered", "delivered"),
        ("undelivered", None),
    ]
    assert up.events == ["test", "test"]
    assert "127.0.0.1" not in f"{done.stdout} {listed} {tested}"


def test_status_counts_open_alerts_and_names_the_first(command: Command, alert: Alert) -> None:
    text = printed(command("status", PIPELINE))
    found = json.loads(command("status", "--json").stdout)

    assert "Alerts: 1 warning" in text
    assert f"warning {alert.id} 2 days [are] quarantined" in text
    assert [one["id"] for one in found["alerts"]] == [alert.id]


def test_status_counts_the_alert_of_a_release_and_does_not_repeat_its_reason(
    command: Command, log: AlertLog, tmp_path: Path
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'data' / 'ledger.db'}")
    decide(Lake(str(tmp_path / "data" / "lake"), ledger), "2013-07-16")
    approve = f"ml-assets approve {PIPELINE} 2013-07-16 --by NAME --reason TEXT"
    found = finding(kind="decision_waits", subject="release as of 2013-07-16", command=approve)
    log.update(evaluation(found), datetime.now(UTC))

    text = printed(command("status", PIPELINE))

    assert "Alerts: 1 warning" in text
    assert text.count("2013-07-16 beats_champion") == 1
    assert found.message not in text
