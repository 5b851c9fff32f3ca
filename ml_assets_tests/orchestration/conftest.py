"""Fixtures of this folder: the project's settings in a temporary folder, a real Postgres."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest
import sqlalchemy
from dagster import DagsterInstance

from ml_assets.settings import settings
from ml_assets_tests import postgres
from ml_assets_tests.orchestration import workload

Configure = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _unsynced() -> Iterator[None]:
    """Disable SQLite's disk syncs, which are slow and not needed in tests."""

    def switch_off(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", switch_off)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", switch_off)


@contextmanager
def configuring() -> Iterator[Configure]:
    """Give the settings a folder of their own: ``configure(folder, postgres_url=…)``."""

    def set_environment(folder: Path, **values: str) -> Path:
        variables = {"postgres_url": "", "retry_waits": "[0,0]", "data": str(folder), **values}
        for variable, value in variables.items():
            environment.setenv(f"ML_ASSETS_{variable.upper()}", value)
        for variable in ("LAKE", "SOURCE_URL"):
            environment.setenv(f"ML_ASSETS_{variable}", "")
        settings.cache_clear()
        return folder

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
        yield set_environment
    settings.cache_clear()


@pytest.fixture
def configure(tmp_path: Path) -> Iterator[Configure]:
    """Give the settings a folder of their own: ``configure("name", postgres_url=…)``."""
    with configuring() as set_environment:
        yield lambda name="data", **values: set_environment(tmp_path / name, **values)


@pytest.fixture
def instance(configure: Configure) -> Iterator[DagsterInstance]:
    """The project's own instance on SQLite, batching, in a temporary folder."""
    with workload.instance(configure(), workload.OURS) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a server, one for each test process."""
    with postgres.postgres_url() as url:
        yield url


@contextmanager
def _database(server: str, name: str) -> Iterator[str]:
    connection = psycopg2.connect(server)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        connection.close()


@pytest.fixture
def postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of an empty database, one for each test."""
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name.lower())
    with _database(postgres_server, name[-60:]) as url:
        yield url


@pytest.fixture
def source() -> workload.Source:
    """The external source."""
    return workload.Source()


@pytest.fixture
def definitions(source: workload.Source) -> dg.Definitions:
    """The small project over ``source``."""
    return workload.definitions(source)
