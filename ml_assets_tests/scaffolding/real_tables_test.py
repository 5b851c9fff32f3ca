"""Real tables become pipelines that train, gate, predict and monitor without a line written by hand."""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ml_assets.defs
from ml_assets.cadence import weekday
from ml_assets.commands import new
from ml_assets.commands.cli import app
from ml_assets.content import DAY
from ml_assets.settings import settings
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project
from ml_assets_tests.scaffolding.tables import (
    DAILY,
    EVENTS,
    HOURLY,
    MONTHLY,
    MULTICLASS,
    WEEKDAYS,
    WEEKLY,
    RealTable,
)

TABLES = [
    pytest.param(WEEKLY, id="weeks, some missing"),
    pytest.param(DAILY, id="days"),
    pytest.param(WEEKDAYS, id="weekdays"),
    pytest.param(HOURLY, id="hours"),
    pytest.param(MULTICLASS, id="classes"),
    pytest.param(MONTHLY, id="months of several series"),
    pytest.param(EVENTS, id="events of a database"),
]


pytestmark = pytest.mark.slow


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest) -> RealTable:
    """Each of the tables."""
    found: RealTable = request.param
    return found


@pytest.fixture
def made(tmp_path: Path, table: RealTable, monkeypatch: pytest.MonkeyPatch) -> str:
    """What ``ml-assets new`` prints for a table; its files are below ``tmp_path``."""
    new_home(tmp_path)
    source = table.write(tmp_path / "data")
    monkeypatch.setattr(new, "ROOT", tmp_path)
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    settings.cache_clear()
    command = ["new", table.name, "--from", source, "--target", table.target]
    result = CliRunner().invoke(app, [*command, *table.options], catch_exceptions=False)
    settings.cache_clear()
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture
def project(
    tmp_path: Path, made: str, table: RealTable, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """The project with the pipeline."""
    folder = tmp_path / "ml_assets" / "defs"
    monkeypatch.setattr(ml_assets.defs, "__path__", [*ml_assets.defs.__path__, str(folder)])
    text = (folder / table.name / "defs.yaml").read_text("utf-8")
    with chdir(tmp_path), opened(tmp_path, definitions(folder / table.name, text)) as found:
        yield found


def test_a_table_goes_from_one_command_to_a_release_predictions_and_a_drift_report(
    project: Project, made: str, table: RealTable
) -> None:
    for selection, partitions in launches(made):
        outcome = project.materialize(selection, partitions)
        assert outcome.succeeded, outcome.failed_steps

    [decision] = project.lake.read(f"{table.name}/release_decision").to_dict("records")
    assert decision["verdict"] == "passed", decision["reason"]
    rows, predictions = (
        {weekday(day) for day in project.lake.read(f"{table.name}/{noun}")[DAY]}
        for noun in ("rows", "predictions")
    )
    assert predictions
    assert predictions <= rows
    assert len(project.lake.read(f"{table.name}/labels"))
    assert project.lake.read(f"{table.name}/drift_report")["is_judged"].any()
    for noun in ("rows", "features", "outcomes"):
        assert project.dead_letters(f"{table.name}/{noun}") == []


def launches(printed: str) -> list[tuple[str, str]]:
    """Selections and partitions of the commands that are printed."""
    found = []
    for line in printed.splitlines():
        if "dg launch" in line:
            selection, _, partitions = line.partition("--assets '")[2].partition("' --")
            found.append((selection, partitions.split()[-1]))
    return found
