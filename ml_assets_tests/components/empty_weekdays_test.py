"""Hand-written tables that never have rows on some days of the week, from their source on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.cadence import DAYS, weekday
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, computed
from ml_assets.ledger.entries import Status
from ml_assets_tests.components.shop import UTC, definitions
from ml_assets_tests.prepared import new_home, opened
from ml_assets_tests.project import Project

FIRST, LAST = "2024-01-01", "2024-01-15"
WEEKEND = ["Saturday", "Sunday"]
STRAY = "2024-01-13"
"""A Saturday with a row in the source."""


class Prices(Contract):
    """Prices of the days on which the market is open."""

    at: pd.DatetimeTZDtype = pa.Field(description="When it was.", dtype_kwargs=UTC)
    price: float = pa.Field(description="The price.")

    class Config:
        """Never at weekends, always on other days."""

        unique: ClassVar = ["at"]
        metadata: ClassVar = {"empty_on": WEEKEND}


class Before(Contract):
    """What was known when a day began."""

    day: str = computed("The day.", [])
    last: float = computed("The last price before.", ["prices.price"], nullable=True)

    class Config:
        """A row for each day on which the market is open."""

        unique: ClassVar = ["day"]
        metadata: ClassVar = {"empty_on": WEEKEND}


def before(days: Sequence[str], *, prices: pd.DataFrame) -> pd.DataFrame:
    """Feature function: a row for each day that it is asked for, whether or not it has a price."""
    last = [prices.loc[prices[DAY] < day].sort_values(DAY)["price"].tail(1) for day in days]
    return pd.DataFrame(
        {DAY: days, "day": days, "last": [None if one.empty else one.iloc[0] for one in last]}
    )


TABLES = """
type: ml_assets.components.Defaults
attributes: {{owners: ["team:market"], days: {{first: "{first}", last: "{last}"{further}}}}}
---
type: ml_assets.components.SourceTable
attributes:
  key: market/prices
  files: prices.csv
  contract: {where}.Prices
  time_column: at
---
type: ml_assets.components.FeatureTable
attributes:
  key: market/before
  function: {where}.before
  contract: {where}.Before
  inputs: {{prices: {{asset: market/prices, window: {{from: -7d, to: 0d}}}}}}
"""


def text(further: str = "", last: str = LAST) -> str:
    """The ``defs.yaml``."""
    return TABLES.format(first=FIRST, last=last, where=__name__, further=further)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Project]:
    """The project with both tables stored."""
    new_home(tmp_path)
    days = [day for day in DAYS.keys(FIRST, LAST) if weekday(day) not in WEEKEND or day == STRAY]
    file = tmp_path / "data" / "source_files" / "prices.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"at": days, "price": range(len(days))}).to_csv(file, index=False)
    with opened(tmp_path, definitions(tmp_path / "defs", text())) as project:
        project.materialize('key:"market/prices" or key:"market/before"', f"{FIRST}...{LAST}")
        yield project


def test_weekends_are_stored_without_rows_and_no_function_is_asked_for_them(
    market: Project,
) -> None:
    made = market.lake.read("market/before").set_index("day")["last"]

    assert {weekday(day) for day in made.index}.isdisjoint(WEEKEND)
    assert made["2024-01-08"] == made["2024-01-05"] + 1 == 4
    for table in ("market/prices", "market/before"):
        entries = market.entries(table)
        assert entries["2024-01-06"].status is Status.STORED
        assert entries["2024-01-06"].rows == 0
    assert market.entries("market/before")["2024-01-15"].status is Status.STORED


def test_a_row_on_a_day_that_never_has_rows_is_told(market: Project) -> None:
    stray = market.entries("market/prices")[STRAY]

    assert stray.status is Status.QUARANTINED
    assert "1 rows on a Saturday, which is in 'empty_on' of its contract" in stray.reason


def test_tables_of_weeks_are_on_no_day_of_the_week(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weekly = text(", cadence: weekly", "2024-01-14").replace("-7d, to: 0d", "-1w, to: 0w")

    definitions(tmp_path, weekly)

    for table, contract in {"market/prices": "Prices", "market/before": "Before"}.items():
        problem = f"{tmp_path.name}/defs.yaml: {contract}.Config.metadata has 'empty_on'"
        assert f"{table} is broken: {problem}" in caplog.text
