"""Fixtures of this folder: an empty database of each kind, and a receiver of notifications."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.settings import with_driver
from ml_assets_tests.alerts.delivery.receiver import Receiver, receiving
from ml_assets_tests.postgres import postgres_url


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a Postgres server of this folder's own."""
    with postgres_url() as url:
        yield with_driver(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server = sa.create_engine(request.getfixturevalue("postgres"), isolation_level="AUTOCOMMIT")
    name = f"of_{tmp_path.name}".replace("[", "_").replace("]", "_")
    with server.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    server.dispose()
    return server.url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that receives notifications."""
    with receiving() as found:
        yield found
