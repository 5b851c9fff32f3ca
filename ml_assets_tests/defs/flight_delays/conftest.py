"""Real flights and weather around the days of the flight-delay tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import ml_assets.defs.flight_delays as pipeline
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import validate
from ml_assets.defs.sources.contracts import Airports, Flights, Planes, Weather
from ml_assets.defs.sources.load import reference_table

LONGEST_LOOK_BACK = 14
WANTED = ["2013-03-10", "2013-07-08", "2013-11-03"]
FIRST_DAYS = ["2013-01-01", "2013-01-02"]


@pytest.fixture(scope="session")
def tables() -> Mapping[str, pd.DataFrame]:
    """Validated flights, weather, planes and airports."""
    return {
        "flights": _by_day("flights", Flights),
        "weather": _by_day("weather", Weather),
        "planes": _snapshot("planes", Planes),
        "airports": _snapshot("airports", Airports),
    }


@pytest.fixture(scope="session")
def parameters() -> Mapping[str, Any]:
    """The feature table's parameters from its ``defs.yaml``."""
    documents = yaml.safe_load_all((Path(pipeline.__path__[0]) / "defs.yaml").read_text("utf-8"))
    found: Mapping[str, Any] = next(documents)["attributes"]["parameters"]
    return found


def _by_day(table: str, contract: type[Contract]) -> pd.DataFrame:
    raw = reference_table(table)
    local = raw["time_hour"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    raw = raw.assign(**{DAY: local.dt.strftime("%Y-%m-%d")})
    return validate(raw[raw[DAY].isin(_days())], contract, _days()).rows


def _snapshot(table: str, contract: type[Contract]) -> pd.DataFrame:
    raw = reference_table(table).assign(**{DAY: SNAPSHOT})
    return validate(raw, contract, [SNAPSHOT]).rows


def _days() -> list[str]:
    around = [pd.date_range(end=pd.Timestamp(day), periods=LONGEST_LOOK_BACK + 1) for day in WANTED]
    days = {day.strftime("%Y-%m-%d") for span in around for day in span}
    return sorted(days | set(FIRST_DAYS))
