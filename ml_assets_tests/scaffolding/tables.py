"""Real tables of other packages, which no pipeline of this project uses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import statsmodels.api as sm
from vega_datasets import local_data


@dataclass(frozen=True)
class RealTable:
    """A table, and what a user types about it.

    Attributes:
        name: of the pipeline.
        rows: its rows as they are published.
        target: the column that is predicted.
        options: further options of ``ml-assets new``.
    """

    name: str
    rows: Callable[[], pd.DataFrame]
    target: str
    options: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """The table as a CSV file in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.csv"
        self.rows().to_csv(file, index=False)
        return file


def weather() -> pd.DataFrame:
    """Days of Seattle's weather, with dates such as 2012/01/01."""
    return pd.read_csv(local_data.seattle_weather.filepath)


def temperatures() -> pd.DataFrame:
    """Hours of Seattle's usual temperatures."""
    return pd.read_csv(local_data.seattle_temps.filepath, nrows=120 * 24)


def carbon() -> pd.DataFrame:
    """Weeks of carbon dioxide at Mauna Loa until 1968; some are missing."""
    found = sm.datasets.co2.load_pandas().data.loc[:"1968"]
    return found.dropna().rename_axis("week").reset_index()


def stocks() -> pd.DataFrame:
    """Months of the prices of five stocks, with dates such as Jan 1 2000."""
    return pd.read_csv(local_data.stocks.filepath)


DAILY = RealTable("new_daily", weather, "temp_max")
HOURLY = RealTable("new_hourly", temperatures, "temp")
WEEKLY = RealTable("new_weekly", carbon, "co2")
MULTICLASS = RealTable("new_multiclass", weather, "weather")
MONTHLY = RealTable("new_monthly", stocks, "price", ("--entity", "symbol"))
