"""``ml-assets source``: what a load says that changed nothing, and days that cannot be used."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ml_assets.commands.cli import app
from ml_assets.commands.source import day_after, load_report
from ml_assets.defs.sources.load import SourceSystems, last_loaded_days
from ml_assets.settings import settings
from ml_assets_tests.project import Project

BOTH = {"flights": "2013-01-21", "weather": "2013-01-21"}


@pytest.fixture
def systems(
    three_weeks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SourceSystems]:
    """A copy of the three weeks, which the settings name."""
    shutil.copytree(three_weeks, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path))
    monkeypatch.setenv("ML_ASSETS_SOURCE_URL", "")
    settings.cache_clear()
    yield SourceSystems.below(tmp_path)
    settings.cache_clear()


def source(*arguments: str) -> str:
    """What a command prints; it has to succeed."""
    done = CliRunner().invoke(app, ["source", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_last_day_before_what_is_held_changes_nothing_and_names_what_helps(
    systems: SourceSystems,
) -> None:
    text = source("load", "--last-day", "2013-01-05")

    assert "Nothing was changed" in text
    assert "flights until 2013-01-21, weather until 2013-01-21, not until 2013-01-05" in text
    assert last_loaded_days(systems) == BOTH
    file, folder = systems.url.removeprefix("sqlite:///"), systems.weather.folder
    assert (
        f"delete the file {file} and the folder {folder}, then: ml-assets source load "
        "--last-day 2013-01-05"
    ) in text
    Path(file).unlink()
    shutil.rmtree(folder)
    arguments = shlex.split(text.rpartition("then: ml-assets source ")[2])
    source(*arguments)
    assert last_loaded_days(systems) == {"flights": "2013-01-05", "weather": "2013-01-05"}


def test_a_last_day_after_what_is_held_changes_nothing_and_names_what_helps(
    systems: SourceSystems,
) -> None:
    text = source("load", "--last-day", "2013-01-23")

    assert "Nothing was changed" in text
    assert last_loaded_days(systems) == BOTH
    command = text.strip().rpartition(": ml-assets source ")[2]
    assert command == "advance --until 2013-01-23"
    source(*shlex.split(command))
    assert last_loaded_days(systems) == {"flights": "2013-01-23", "weather": "2013-01-23"}
    assert "complete already" in source("load", "--last-day", "2013-01-23")


@pytest.mark.parametrize("command", [("load", "--last-day"), ("advance", "--until")])
@pytest.mark.parametrize(
    ("day", "message"),
    [
        pytest.param("2013-02-30", "is not a day", id="no such day"),
        pytest.param("yesterday", "is not a day", id="word"),
        pytest.param("2013-01-02...2013-01-03", "is not a day", id="range"),
        pytest.param("", "is not a day", id="empty"),
        pytest.param("05/01/2013", "is not a day", id="other order"),
        pytest.param("2012-12-31", "2013-01-01 to 2013-12-31", id="before the first"),
        pytest.param("2014-01-01", "2013-01-01 to 2013-12-31", id="beyond the last"),
    ],
)
def test_days_that_cannot_be_used_change_nothing(
    systems: SourceSystems, command: tuple[str, str], day: str, message: str
) -> None:
    done = CliRunner().invoke(app, ["source", *command, day])

    assert done.exit_code == 1
    assert message in str(done.exception)
    assert last_loaded_days(systems) == BOTH


@pytest.mark.parametrize(
    ("loaded", "there", "wanted", "reported"),
    [
        pytest.param({"flights": 9, "weather": 1}, BOTH, None, ["Loaded 10 rows"], id="loaded"),
        pytest.param({}, BOTH, "2013-01-21", ["complete already: it holds flights"], id="same day"),
        pytest.param(
            {},
            {"flights": "2013-12-31", "weather": "2013-12-30"},
            None,
            ["complete already: it holds flights"],
            id="the year",
        ),
        pytest.param(
            {},
            {"flights": "2013-12-31", "weather": "2013-12-30"},
            "2013-06-30",
            ["Nothing was changed", "empty it, then: ml-assets source load --last-day 2013-06-30"],
            id="less than the year",
        ),
        pytest.param({}, BOTH, None, ["advance --until 2013-12-31"], id="all of three weeks"),
        pytest.param(
            {"weather": 5},
            {"flights": "2013-12-31", "weather": "2013-01-05"},
            "2013-01-05",
            ["Loaded 5 rows", "holds flights until 2013-12-31, not", "empty it, then"],
            id="one table was missing",
        ),
        pytest.param(
            {},
            {"flights": "", "weather": "2013-01-05"},
            "2013-01-05",
            ["flights until no day", "advance --until 2013-01-05"],
            id="an empty table",
        ),
    ],
)
def test_a_report_says_what_is_there_and_how_to_get_what_was_asked_for(
    loaded: dict[str, int], there: dict[str, str], wanted: str | None, reported: list[str]
) -> None:
    text = " ".join(load_report(loaded, there, wanted, "empty it"))

    assert not [part for part in reported if part not in text], text


@pytest.mark.parametrize(
    ("held", "days", "expected"),
    [
        pytest.param(BOTH, 1, "2013-01-22", id="the next day"),
        pytest.param(BOTH, 7, "2013-01-28", id="a week"),
        pytest.param({"flights": "2013-01-05", "weather": "2013-01-04"}, 1, "2013-01-05", id="one"),
        pytest.param({"flights": "2031-01-05", "weather": "2013-01-04"}, 1, "2013-01-05", id="far"),
        pytest.param(
            {"flights": "2013-12-31", "weather": "2013-12-30"}, 5, "2013-12-31", id="the end"
        ),
        pytest.param({"flights": "", "weather": ""}, 2, "2013-01-02", id="empty tables"),
        pytest.param({}, 1, "2013-01-01", id="no tables"),
    ],
)
def test_the_source_advances_from_the_last_day_that_both_tables_have(
    held: dict[str, str], days: int, expected: str
) -> None:
    assert day_after(held, days) == expected


def test_without_options_the_source_advances_by_one_day(project: Project) -> None:
    done = CliRunner().invoke(app, ["source", "advance"])

    assert done.exit_code == 0, done.output
    assert "has the days until 2013-01-22 now" in done.stdout


def test_days_and_a_last_day_together_are_refused(project: Project) -> None:
    done = CliRunner().invoke(app, ["source", "advance", "--days", "1", "--until", "2013-01-23"])

    assert done.exit_code == 1
    assert "not both" in str(done.exception)
