"""Remedies of an unreadable source database: performs the message's remedy and the day again."""

import shutil
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from ml_assets.defs.sources.load import SourceSystems, load
from ml_assets.settings import settings, with_driver
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import command, invoked, ml_assets, run

FLIGHTS, KEY = "sources/flights", 'key:"sources/flights"'
KEYS = f'{KEY} or key:"sources/weather"'
DAY, LAST_DAY = "2013-01-05", "2013-01-21"

INTERVAL = (
    "ALTER TABLE flights ADD lasted interval",
    f"UPDATE flights SET lasted = '178000000 years' WHERE date(time_hour) = '{DAY}'",
)
"""A value that Postgres has and its driver cannot give to Python."""
CAST = (
    "ALTER TABLE flights RENAME TO flights_rows",
    "ALTER TABLE flights_rows ADD note text DEFAULT '1'",
    f"UPDATE flights_rows SET note = 'one' WHERE date(time_hour) = '{DAY}'",
    "CREATE VIEW flights AS SELECT *, note::int AS number FROM flights_rows",
)
"""A value that a view cannot compute with."""


def failure(project: Project) -> str:
    """The error of the day's run."""
    outcome = project.materialize(KEYS, DAY)
    assert not outcome.succeeded
    return "".join(outcome.failed_steps.values())


@pytest.fixture
def on_postgres(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Project, sa.Engine]]:
    """A project whose source is a database on a server, and a connection of its owner."""
    with postgres_url() as server:
        url = with_driver(server)
        monkeypatch.setenv("ML_ASSETS_SOURCE_URL", server)
        settings.cache_clear()
        load(SourceSystems.of(settings()), lambda *reported: None, "2013-01-07")
        engine = sa.create_engine(url)
        yield project, engine
        engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "correction"),
    [
        pytest.param(INTERVAL, "UPDATE flights SET lasted = NULL", id="driver"),
        pytest.param(CAST, "UPDATE flights_rows SET note = '1'", id="server"),
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
    assert len(project.lake.read(FLIGHTS, [DAY])) > 50


def test_a_damaged_source_is_restored_from_a_backup(project: Project) -> None:
    backup = shutil.copy(project.source, project.data / "backup.db")
    project.source.write_bytes(b"garbage" * 999)
    assert "Restore it from a backup" in failure(project)

    shutil.copy(backup, project.source)

    assert project.materialize(KEY, DAY).succeeded


def damage(project: Project) -> None:
    """Overwrite the database file."""
    project.source.write_bytes(b"garbage" * 999)


def remove(project: Project) -> None:
    """Delete the database file."""
    project.source.unlink()


def drop(project: Project) -> None:
    """Drop the table of the day."""
    project.sql("DROP TABLE flights")


def empty(project: Project) -> None:
    """Delete the folder of files."""
    project.sql("DROP TABLE weather")


@pytest.mark.parametrize(
    ("break_source", "reported"),
    [
        pytest.param(damage, "or delete it and run", id="damaged"),
        pytest.param(remove, "does not exist", id="no file"),
        pytest.param(drop, "has no table 'flights'", id="no table"),
        pytest.param(empty, "matches 'weather/%Y-%m-%d.csv'", id="no files"),
    ],
)
def test_a_lost_source_is_loaded_again(
    project: Project, break_source: Callable[[Project], None], reported: str
) -> None:
    break_source(project)
    message = failure(project)
    assert reported in message

    if "delete it" in message:
        project.source.unlink()
    ml_assets(*command(message)[1:], "--last-day", LAST_DAY)

    assert project.materialize(KEYS, DAY).succeeded


def test_days_are_added_to_a_source_after_the_command_of_the_refusal_loaded_it(
    project: Project,
) -> None:
    project.sql("DROP TABLE weather")
    refused = str(invoked("source", "advance", "--until", LAST_DAY).exception)
    assert "has no weather to add days to" in refused

    run(project, command(refused))

    assert project.materialize(KEYS, DAY).succeeded
    ml_assets("source", "advance", "--until", LAST_DAY)


def _execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
