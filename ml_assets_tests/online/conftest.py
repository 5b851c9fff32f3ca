"""Fixtures of this folder: an empty store on each database, and a table of readings."""

from datetime import timedelta
from typing import ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.contracts.contract import Contract
from ml_assets.online.definition import OnlineTable
from ml_assets.online.store import OnlineStore

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


@pytest.fixture
def store(database_url: str) -> OnlineStore:
    """An empty store, once for each kind of database."""
    return OnlineStore(database_url)
