"""Remedies of an unreadable source database: performs the message's remedy and the day again."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ml_assets.defs.sources.load import load
from ml_assets.settings import settings, with_driver
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.project import ROOT, Project
from ml_assets_tests.remedies import ml_assets

WEATHER, KEY = "sources/weather", 'key:"sources/weather"'
DAY, LAST_DAY = "2013-01-05", "2013-01-21"

INTERVAL = (
    "ALTER TABLE weather ADD lasted interval",
    f"UPDATE weather SET lasted = '178000000 years' WHERE date(time_hour) = '{DAY}'",
)
"""A value that Postgres has and its driver cannot give to Python."""
CAST = (
    "ALTER TABLE weather RENAME TO weather_rows",
    "ALTER TABLE weather_rows ADD note text DEFAULT '1'",
    f"UPDATE weather_rows SET note = 'one' WHERE date(time_hour) = '{DAY}'",
    "CREATE VIEW weather AS SELECT *, note::int AS number FROM weather_rows",
)
"""A value that a view cannot compute with."""


def failure(project: Project) -> str:
    """The error of the day's run."""
    outcome = project.materialize(KEY, DAY)
    assert not outcome.succeeded
    return outcome.failed_steps["sources__weather"]


@pytest.fixture
def on_postgres(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Project, sa.Engine]]:
    """A project whose source is a database on a server, and a connection of its owner."""
    with postgres_url() as server:
        url = with_driver(server)
        load(url, lambda *reported: None, "2013-01-07")
        monkeypatch.setenv("ML_ASSETS_SOURCE_URL", server)
        settings.cache_clear()
        engine = sa.create_engine(url)
        yield project, engine
        engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "correction"),
    [
        pytest.param(INTERVAL, "UPDATE weather SET lasted = NULL", id="driver"),
        pytest.param(CAST, "UPDATE weather_rows SET note = '1'", id="server"),
    ],
)
def test_a_day_with_a_value_that_cannot_be_read_is_stored_after_its_correction(
    on_postgres: tuple[Project, sa.Engine], damage: tuple[str, ...], correction: str
) -> None:
    project, engine = on_postgres
    _execute(engine, *damage)
    assert "Correct it there and materialize the day again" in failure(project)

    _execute(engine, correction)

    assert project.materialize(KEY, DAY).succeeded
    assert len(project.lake.read(WEATHER, [DAY])) > 50


def test_a_damaged_source_is_restored_from_a_backup(project: Project) -> None:
    backup = shutil.copy(project.source, project.data / "backup.db")
    project.source.write_bytes(b"garbage" * 999)
    assert "Restore it from a backup" in failure(project)

    shutil.copy(backup, project.source)

    assert project.materialize(KEY, DAY).succeeded


def test_a_damaged_source_is_deleted_and_set_up_again(project: Project) -> None:
    project.source.write_bytes(b"garbage" * 999)
    assert "run 'make setup' after deleting it" in failure(project)

    project.source.unlink()
    *_, setup = _recipe("setup")
    assert setup.endswith("/ml-assets source load")
    ml_assets("source", "load", "--last-day", LAST_DAY)

    assert project.materialize(KEY, DAY).succeeded


def _recipe(target: str) -> list[str]:
    """Commands that ``make`` would run for a target."""
    reported = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return reported.stdout.splitlines()


def _execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
