"""A project of its own for each test: fresh, or prepared with some days; all parts are real."""

import gc
import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # All workers need it; its import looks for functions of SciPy in every module that exists by then.
    import skops.io  # noqa: F401

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import psutil
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

import ml_assets.definitions
from ml_assets.definitions import project_definitions
from ml_assets.defs.sources.load import SourceSystems, load
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets.registry import database, integration
from ml_assets.settings import Settings, with_driver
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.prepared import (
    build_champion,
    build_features,
    build_measured,
    build_once,
    build_retrained,
    build_two_weeks,
    build_waiting,
    new_home,
    opened,
    opened_copy,
)
from ml_assets_tests.project import Project, overridden
from ml_assets_tests.registry import forked_process

if TYPE_CHECKING:
    from mlflow import MlflowClient

os.environ["ML_ASSETS_PIPELINES"] = overridden()

SHARED_MEMORY = Path("/dev/shm")
NEEDED_BYTES = 12 * 2**30
"""Several times what all folders of a test session take."""

if SHARED_MEMORY.is_dir() and (
    min(psutil.virtual_memory().available, shutil.disk_usage(SHARED_MEMORY).free) > NEEDED_BYTES
):
    # Thousands of small SQLite transactions wait for the disk otherwise, a third of the time.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(SHARED_MEMORY))

YOUNG_OBJECTS = 50_000
"""Number of new objects before each collection; Python's 700 cost up to one fifteenth of the processor time."""

LAST_DAY = "2013-01-21"
"""The first three weeks of real flights are the fixture."""


WAITING = {"browser", "faults"}
"""Folders of tests that wait for processes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that wait first: what waits at the end of a run leaves a processor idle."""
    items.sort(key=lambda item: item.path.parent.name not in WAITING)


def pytest_collection_finish() -> None:
    """Leave what exists before the first test out of every garbage collection, and collect more rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


@pytest.fixture(scope="session", autouse=True)
def _revisions_are_read_once() -> Iterator[None]:
    """Dagster and MLflow read alembic's files, which do not change, whenever they open a database."""
    read, folders = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def from_config(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        return folders.get(place) or folders.setdefault(place, read(config))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture(scope="session", autouse=True)
def _folders_are_loaded_once() -> Iterator[None]:
    """What is under ``defs/`` does not change; many commands load it, each in this process."""
    load, loaded = ml_assets.definitions._load_folders, dict[str, dg.Definitions]()

    def load_folders(chosen: Settings) -> dg.Definitions:
        read = chosen.model_dump_json(include={"pipelines", "sensors", "sensor_seconds"})
        return loaded.get(read) or loaded.setdefault(read, load(chosen))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ml_assets.definitions, "_load_folders", load_folders)
        yield


@pytest.fixture(scope="session", autouse=True)
def _registries_are_migrated_once() -> Iterator[None]:
    """MLflow makes an empty SQLite database by all its migrations; each later one is a copy of the first."""
    connect, empty = database._connect, list[bytes]()

    def connect_copy(url: sa.URL) -> "MlflowClient":
        file = Path(str(url.database))
        is_new = url.get_backend_name() == "sqlite" and not file.exists()
        if is_new and empty:
            file.write_bytes(empty[0])
        client = connect(url)
        if is_new and not empty:
            with closing(sqlite3.connect(file)) as connection:
                empty.append(connection.serialize())
        return client

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_connect", connect_copy)
        yield


@pytest.fixture(scope="session", autouse=True)
def _integration_tests_are_forked() -> Iterator[None]:
    """A whole test run has many releases, each with a process that imports the same libraries."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    with pytest.MonkeyPatch.context() as patch, forked_process.server(integration.THREADS):
        patch.setattr(integration, "MODULE", forked_process.__name__)
        yield


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    """The project's definitions, loaded once."""
    return project_definitions()


@pytest.fixture(scope="session")
def three_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the first three weeks in the source systems; copy it, do not change it."""
    data = tmp_path_factory.mktemp("source")
    load(SourceSystems.below(data), lambda table, done, total: None, LAST_DAY)
    return data


@pytest.fixture
def project(tmp_path: Path, three_weeks: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A fresh project over three weeks of flights."""
    shutil.copytree(three_weeks, new_home(tmp_path) / "data", dirs_exist_ok=True)
    with opened(tmp_path, definitions) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def two_weeks_home(
    tmp_path_factory: pytest.TempPathFactory, three_weeks: Path, definitions: dg.Definitions
) -> Path:
    """A project with two weeks of sources and features; copy it, do not change it."""
    return build_once(
        tmp_path_factory,
        "two_weeks",
        lambda home: build_two_weeks(home, definitions, three_weeks),
    )


@pytest.fixture(scope="session")
def undisturbed(two_weeks_home: Path, definitions: dg.Definitions) -> dict[tuple[str, str], str]:
    """Data versions of two weeks in which nothing is wrong."""
    with opened(two_weeks_home, definitions) as project:
        return project.versions()


@pytest.fixture(scope="session")
def features_home(tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions) -> Path:
    """Six weeks of features."""
    return build_once(tmp_path_factory, "features", lambda home: build_features(home, definitions))


@pytest.fixture(scope="session")
def champion_home(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, features_home: Path
) -> Path:
    """A champion and three days that it scored."""
    return build_once(
        tmp_path_factory,
        "with_champion",
        lambda home: build_champion(home, definitions, features_home),
    )


@pytest.fixture(scope="session")
def retrained_home(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, champion_home: Path
) -> Path:
    """The same after the retraining that the last day decided."""
    return build_once(
        tmp_path_factory,
        "retrained",
        lambda home: build_retrained(home, definitions, champion_home),
    )


@pytest.fixture(scope="session")
def waiting_home(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, champion_home: Path
) -> Path:
    """The same with a challenger that waits for approval."""
    return build_once(
        tmp_path_factory, "waiting", lambda home: build_waiting(home, definitions, champion_home)
    )


@pytest.fixture(scope="session")
def measured_home(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, champion_home: Path
) -> Path:
    """The same with a challenger that is trained and measured, and not decided."""
    return build_once(
        tmp_path_factory, "measured", lambda home: build_measured(home, definitions, champion_home)
    )


@pytest.fixture
def measured(tmp_path: Path, measured_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project whose champion has a successor that is measured and would pass."""
    with opened_copy(measured_home, tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def waiting(tmp_path: Path, waiting_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project with a champion, and a challenger that waits for approval."""
    with opened_copy(waiting_home, tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def with_champion(
    tmp_path: Path, champion_home: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """A project with a champion, three days that it scored, and a retraining that is due."""
    with opened_copy(champion_home, tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def retrained(
    tmp_path: Path, retrained_home: Path, definitions: dg.Definitions
) -> Iterator[Project]:
    """The same with the second champion."""
    with opened_copy(retrained_home, tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger of no project."""
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture
def lake(tmp_path: Path, ledger: Ledger) -> Lake:
    """An empty lake of no project."""
    return Lake(str(tmp_path / "lake"), ledger)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a Postgres server that the tests of this process share."""
    with postgres_url() as url:
        yield with_driver(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'database.db'}"
    server = sa.create_engine(request.getfixturevalue("postgres"), isolation_level="AUTOCOMMIT")
    name = f"of_{tmp_path.name}".replace("[", "_").replace("]", "_")
    with server.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    server.dispose()
    return server.url.set(database=name).render_as_string(hide_password=False)
