"""The commands that compute days again and repair lake and ledger, on a real project."""

import shutil

import pytest
from typer.testing import CliRunner

from ml_assets.cadence import Span
from ml_assets.commands.cli import app
from ml_assets.errors import ConfigurationError
from ml_assets.ledger.entries import Status
from ml_assets.orchestration.assets.tables import RECOMPUTE
from ml_assets.orchestration.runs.recomputing import recompute_days
from ml_assets.orchestration.runs.runs import materialize, selected_assets
from ml_assets_tests.prepared import CHAMPION, LOOP, opened, tick
from ml_assets_tests.project import DAILY, Project, open_lake

FLIGHTS, DAY = "sources/flights", "2013-01-05"
WEEK = "2013-01-02...2013-01-08"


def command(*arguments: str) -> str:
    """What a command prints; it has to succeed."""
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def all_messages(error: BaseException | None) -> str:
    """What an error and its causes say."""
    return f"{error} {all_messages(error.__cause__)}" if error else ""


def runs_of(project: Project, table: str, day: str) -> list[str]:
    """Runs that wrote a day."""
    entries = project.lake.ledger.history(table, day)
    return [entry.run_id for entry in entries if entry.status is Status.WRITING]


def test_a_day_is_computed_again_by_command_by_run_tag_and_not_otherwise(project: Project) -> None:
    key = 'key:"sources/flights"'
    assert project.materialize(key, WEEK).succeeded
    before = project.versions()
    assert project.materialize(key, WEEK).succeeded
    assert len(runs_of(project, FLIGHTS, DAY)) == 1

    command("recompute", FLIGHTS, "--partition", DAY)
    assert len(runs_of(project, FLIGHTS, DAY)) == 2

    keys = selected_assets(project.definitions, key)
    tagged = materialize(
        project.definitions, project.instance, keys, Span(DAY, DAY), {RECOMPUTE: "true"}
    )
    assert tagged.succeeded
    assert len(runs_of(project, FLIGHTS, DAY)) == 3
    assert len(runs_of(project, FLIGHTS, "2013-01-06")) == 1
    assert project.versions() == before


@pytest.mark.parametrize(
    ("table", "days", "message"),
    [
        pytest.param(
            "flight_delays/predictions",
            "2013-01-05",
            "records what was done on a day",
            id="predictions",
        ),
        pytest.param(
            "flight_delays/retraining_decision",
            "2013-01-05",
            "records what was done on a day",
            id="decisions",
        ),
        pytest.param("sources/flihgts", "2013-01-05", "Did you mean 'sources/flights'?", id="typo"),
        pytest.param(FLIGHTS, None, "needs --partition DAY", id="no day"),
        pytest.param("sources/planes", "2013-01-05", "leave --partition out", id="no partitions"),
        pytest.param(
            FLIGHTS,
            "2031-01-05",
            "There is no day of sources/flights '2031-01-05'",
            id="unknown day",
        ),
    ],
)
def test_what_cannot_be_computed_again_is_refused_with_the_reason(
    project: Project, table: str, days: str | None, message: str
) -> None:
    span = Span.parse(days) if days else None

    with pytest.raises(ConfigurationError, match=message):
        recompute_days(project.definitions, project.instance, table, span)


def test_e7_a_copied_data_folder_goes_on_where_it_was(project: Project) -> None:
    key = 'key:"sources/flights" or key:"sources/weather"'
    assert project.materialize(key, WEEK).succeeded
    before, versions = project.versions(), project.lake.open(FLIGHTS).version()
    home = project.data.parent / "elsewhere"
    home.mkdir()
    shutil.copy(project.data.parent / "dagster.yaml", home)
    shutil.copytree(project.data, home / "data", copy_function=shutil.copyfile)
    shutil.rmtree(project.data)

    with opened(home, project.definitions) as moved:
        assert not [found for found in moved.check(key, WEEK) if found.is_bad]
        assert moved.materialize(key, WEEK).succeeded
        assert moved.versions() == before
        assert moved.lake.open(FLIGHTS).version() == versions


@pytest.mark.slow
def test_e5_a_rebuilt_ledger_shows_releases_and_scores(with_champion: Project) -> None:
    scored, next_day = "2013-02-01...2013-02-03", "2013-02-04"
    predictions = with_champion.versions("flight_delays/predictions")
    model = with_champion.versions("flight_delays/model")
    for file in with_champion.data.glob("ledger.db*"):
        file.unlink()

    assert (
        "ml-assets lake rebuild-ledger" in tick(with_champion, "flight_delays__retraining").reason
    )
    for refused in (open_lake, lambda: command("audit", "flight_delays")):
        with pytest.raises(Exception, match=r".") as reported:
            refused()
        assert "ml-assets lake rebuild-ledger" in all_messages(reported.value)
    said = command("lake", "rebuild-ledger")

    assert "flight_delays/predictions" in said
    assert "Lost with the ledger" in said
    assert f"{CHAMPION}" in command("audit", "flight_delays")
    assert with_champion.versions("flight_delays/predictions") == predictions
    assert with_champion.versions("flight_delays/model").items() >= model.items()
    assert with_champion.materialize('key:"flight_delays/predictions"', next_day).succeeded
    assert not with_champion.materialize(DAILY, scored).failed_steps
    assert not with_champion.materialize(LOOP, next_day).failed_steps
