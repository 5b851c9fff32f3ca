"""The commands about the prediction log: what was logged, and erasing it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ml_assets.learning.ensembles.answers import Answer
from ml_assets.ledger.ledger import Ledger
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.online.prediction_log.entries import REFUSED, entry, refused
from ml_assets_tests.project import overridden

WIDTH = 80
OLD, RECENT = "2013-05-01", f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"
ERASE = ("predictions", "erase", "flight_delays", "--where", "meter=a")
RETAIN = ("predictions", "retain", "flight_delays", "--days", "30")
CONFIRMED = ("--yes", "--by", "Ada", "--reason", "asked for")


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    """The log of a project, with entries of two meters on an old and a recent day."""
    (tmp_path / "data").mkdir()
    log = PredictionLog(f"sqlite:///{tmp_path / 'data' / 'prediction_log.db'}")
    entries = [
        replace(
            entry(f"{meter}-{day}", 0.25, day),
            pipeline="flight_delays",
            request={"meter": meter, "place": None},
        )
        for day in (OLD, RECENT)
        for meter in "ab"
    ]
    log.append(entries)
    return log


def test_the_entries_of_a_day_are_shown(log: PredictionLog, tmp_path: Path) -> None:
    shown = ml_assets(tmp_path, "predictions", "log", "flight_delays", "--day", OLD)
    last = ml_assets(tmp_path, "predictions", "log", "flight_delays", "--json")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert max(map(len, shown.stdout.splitlines())) <= WIDTH
    assert "a-2013-05-01  2013-05-01 12:00:00      0.2500  1.25" in shown.stdout
    assert "2 entries of 2013-05-01; 4 on 2 days." in shown.stdout
    document = json.loads(last.stdout)
    assert document["day"] == RECENT
    assert [one["event_id"] for one in document["entries"]] == [f"b-{RECENT}", f"a-{RECENT}"]
    assert document["entries"][0]["features"] == {"is_new": True, "kind": None, "used": 0.25}
    assert document["entries"][0]["ages"] == {"meters/places": None, "meters/readings": 3600.5}


def test_the_newest_entries_are_shown_and_the_others_counted(
    log: PredictionLog, tmp_path: Path
) -> None:
    asked = ("predictions", "log", "flight_delays", "--day", "2013-06-01")
    first = replace(entry("", 0.25, "2013-06-01"), pipeline="flight_delays")
    later = [
        replace(
            first,
            event_id=f"{number:04}-{'k' * 190}",
            answered_at=first.answered_at + timedelta(seconds=number),
            prediction={"prediction": "a class of a long name " * 3},
        )
        for number in range(1_500)
    ]
    log.append(later)

    shown = ml_assets(tmp_path, *asked)
    few = ml_assets(tmp_path, *asked, "--limit", "2", "--json")

    assert max(map(len, shown.stdout.splitlines())) <= WIDTH
    assert [one[:4] for one in shown.stdout.splitlines() if one[4:6] == "-k"] == [
        f"{number:04}" for number in range(1_499, 1_479, -1)
    ]
    assert "1,480 older entries are not shown. To show more, give --limit." in shown.stdout
    assert "1,500 entries of 2013-06-01; 1,504 on 3 days." in shown.stdout
    document = json.loads(few.stdout)
    assert document["logged"] == 1_500
    assert [one["event_id"][:4] for one in document["entries"]] == ["1499", "1498"]
    assert document["entries"][0]["features"] == first.features


def test_it_shows_how_an_ensemble_came_to_its_prediction(
    log: PredictionLog, tmp_path: Path
) -> None:
    log.append([replace(refused("no-bike", "2013-05-02"), pipeline="flight_delays")])
    command = ("predictions", "log", "flight_delays", "--day", "2013-05-02")

    shown, document = ml_assets(tmp_path, *command), ml_assets(tmp_path, *command, "--json")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert (
        "no-bike: refused; route night; first 0.3000, second none [It did not answer within 50 ms.], "
        "third 0.7500 [It failed with ValueError.] → 0.3333; "
        "no_bikes (Nobody counts Bahnhöfe „by night“.)"
    ) in shown.stdout
    [entry] = json.loads(document.stdout)["entries"]
    assert entry["prediction"] == {"prediction": None}
    assert Answer.of_record(entry["ensemble"]) == REFUSED


def test_a_log_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    shown = ml_assets(tmp_path, "predictions", "log", "flight_delays")

    assert shown.returncode == 2
    assert "There is no prediction log in" in shown.stderr
    assert not (tmp_path / "data").exists()


def test_nothing_is_erased_without_yes(log: PredictionLog, tmp_path: Path) -> None:
    for command in (ERASE, RETAIN):
        shown = ml_assets(tmp_path, *command)

        assert shown.returncode == 0, shown.stderr
        assert "would be erased. To erase, run the same command with --yes --by NAME" in " ".join(
            shown.stdout.split()
        )
    assert log.counts("flight_delays") == {OLD: 2, RECENT: 2}


def test_an_entity_is_erased_and_the_log_says_so(log: PredictionLog, tmp_path: Path) -> None:
    done = ml_assets(tmp_path, *ERASE, *CONFIRMED)

    assert done.returncode == 0, done.stderr
    assert f"2 entries of 2 days, {OLD} to {RECENT}, were erased." in done.stdout
    assert log.counts("flight_delays") == {OLD: 1, RECENT: 1}
    shown = ml_assets(tmp_path, "predictions", "log", "flight_delays", "--day", OLD)
    assert f"Erased: 1 entry of {OLD} (with a value of meter) on" in shown.stdout
    assert "by Ada: asked for." in shown.stdout
    again = ml_assets(tmp_path, *ERASE, *CONFIRMED)
    assert again.returncode == 0
    assert again.stdout.count("Erased: 1 entry of") == 2
    assert "No entry has these values." in again.stdout


def test_old_days_are_erased(log: PredictionLog, tmp_path: Path) -> None:
    done = ml_assets(tmp_path, *RETAIN, *CONFIRMED)

    assert done.returncode == 0, done.stderr
    assert f"2 entries of {OLD} were erased." in done.stdout
    assert log.counts("flight_delays") == {RECENT: 2}
    again = ml_assets(tmp_path, *RETAIN)
    assert "No other entry of flight_delays is older than 30 days." in again.stdout


def test_entries_that_no_prediction_was_collected_from_stay(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(serving={"predictions": "log"}))
    Ledger(f"sqlite:///{tmp_path / 'data' / 'ledger.db'}").identity()

    done = ml_assets(tmp_path, *RETAIN, *CONFIRMED)

    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert (
        f"Entries of 1 day from {OLD} on stay, as flight_delays/predictions has not collected"
        in text
    )
    assert log.counts("flight_delays") == {OLD: 2, RECENT: 2}


def test_copies_in_the_lake_are_named_with_the_commands_that_remove_them(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(serving={"predictions": "log"}))

    done = ml_assets(tmp_path, *ERASE, *CONFIRMED)

    assert done.returncode == 0, done.stderr
    assert (
        "dg launch -m ml_assets.definitions --assets 'key:\"flight_delays/logged_predictions\"'"
        in (" ".join(done.stdout.split()))
    )
    assert "ml-assets lake maintain" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([*ERASE, "--yes"], "Give --by and --reason with --yes.", id="nameless"),
        pytest.param(
            ["predictions", "erase", "flight_delays", "--where", "metre=a"],
            "'metre' is no column of the requests and features that flight_delays logged. Known: "
            "is_new, kind, meter, place, used. Did you mean 'meter'?",
            id="unknown column",
        ),
        pytest.param(
            ["predictions", "erase", "flight_delays", "--where", "meter"],
            "'meter' names no column, expected COLUMN=VALUE, for example",
            id="no value",
        ),
        pytest.param(
            ["predictions", "log", "flight_delays", "--day", "2013-05-02"],
            "There is no day in the prediction log of flight_delays '2013-05-02'.",
            id="unknown day",
        ),
        pytest.param(
            ["predictions", "log", "flight_delay"],
            "Did you mean 'flight_delays'?",
            id="unknown pipeline",
        ),
    ],
)
@pytest.mark.usefixtures("log")
def test_arguments_that_cannot_be_used_are_explained(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    failed = ml_assets(tmp_path, *arguments)

    assert failed.returncode == 2
    assert message in " ".join(failed.stderr.split())
