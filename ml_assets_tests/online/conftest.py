"""Fixtures of this folder: an empty store on each database, and a table of readings."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest
import sqlalchemy as sa

from ml_assets.cadence import Cadence, Calendar
from ml_assets.contracts.contract import Contract
from ml_assets.online.definition import OnlineTable
from ml_assets.online.store import OnlineStore
from ml_assets.settings import with_driver
from ml_assets_tests.postgres import postgres_url

UTC = {"unit": "us", "tz": "UTC"}
NEW_YORK = Calendar(Cadence.DAILY, "America/New_York")


class Readings(Contract):
    """Readings of meters."""

    meter: str = pa.Field(description="The meter.")
    number: int = pa.Field(description="Number of the counter.")
    at: pd.DatetimeTZDtype = pa.Field(description="When it was read.", dtype_kwargs=UTC)
    used: float = pa.Field(nullable=True, description="Consumption.")
    kind: str = pa.Field(nullable=True, description="Kind of the meter.")
    is_new: bool = pa.Field(description="Whether the meter is new.")

    class Config:
        """One row for each counter and time."""

        unique: ClassVar = ["meter", "number", "at"]


READINGS = OnlineTable("meters/readings", ("meter", "number"), timedelta(hours=2), NEW_YORK, "at")
BY_DAY = OnlineTable("meters/readings", ("meter", "number"), timedelta(days=1), NEW_YORK)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """URL of a Postgres server of this folder's own."""
    with postgres_url() as url:
        yield with_driver(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'online.db'}"
    admin = sa.create_engine(request.getfixturevalue("server"), isolation_level="AUTOCOMMIT")
    name = f"of_{tmp_path.name}".replace("[", "_").replace("]", "_")
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    admin.dispose()
    return admin.url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def store(database_url: str) -> OnlineStore:
    """An empty store, once for each kind of database."""
    return OnlineStore(database_url)
