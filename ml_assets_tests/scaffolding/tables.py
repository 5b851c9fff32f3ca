"""Real tables of other packages, which no pipeline of this project uses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
import statsmodels.api as sm
from vega_datasets import local_data

from ml_assets.defs.sources.load import reference_files


@dataclass(frozen=True)
class RealTable:
    """A table, and what a user types about it.

    Attributes:
        name: of the pipeline.
        rows: its rows as they are published.
        target: the column that is predicted.
        options: further options of ``ml-assets new``.
        is_file: whether it is a CSV file, not a table of the source database.
    """

    name: str
    rows: Callable[[], pd.DataFrame]
    target: str
    options: tuple[str, ...] = ()
    is_file: bool = True

    def write(self, data: Path) -> str:
        """Write the table where a project reads it, and return what ``--from`` names it.

        Args:
            data: the project's data folder.
        """
        if self.is_file:
            folder = data / "source_files"
            folder.mkdir(parents=True, exist_ok=True)
            self.rows().to_csv(folder / f"{self.name}.csv", index=False)
            return f"{self.name}.csv"
        engine = sa.create_engine(f"sqlite:///{data / 'source.db'}")
        self.rows().to_sql(self.name, engine, index=False)
        engine.dispose()
        return self.name


def weather() -> pd.DataFrame:
    """Two years of days of Seattle's weather, with dates such as 2012/01/01."""
    return pd.read_csv(local_data.seattle_weather.filepath, nrows=731)


def weather_of_a_year() -> pd.DataFrame:
    """The first of these years."""
    return weather().head(366)


def office_weather() -> pd.DataFrame:
    """The first fourteen months of these years, as if nobody had measured at weekends."""
    found = weather().head(420)
    return found[pd.to_datetime(found["date"], format="%Y/%m/%d").dt.day_of_week < 5]


def temperatures() -> pd.DataFrame:
    """400 hours of Seattle's usual temperatures."""
    return pd.read_csv(local_data.seattle_temps.filepath, nrows=400)


def carbon() -> pd.DataFrame:
    """Weeks of carbon dioxide at Mauna Loa until 1965; some are missing."""
    found = sm.datasets.co2.load_pandas().data.loc[:"1965"]
    return found.dropna().rename_axis("week").reset_index()


def stocks() -> pd.DataFrame:
    """Months of the prices of five stocks, with dates such as Jan 1 2000."""
    return pd.read_csv(local_data.stocks.filepath)


def departures() -> pd.DataFrame:
    """United's departures from Newark in 80 days, with what was known of each afterwards."""
    flights = pd.read_csv(reference_files() / "flights.csv.zip")
    found = flights[(flights["carrier"] == "UA") & (flights["origin"] == "EWR")]
    found = found[found["time_hour"] < "2013-03-22"]
    return found.assign(time_hour=pd.to_datetime(found["time_hour"]).dt.tz_localize(None))


DAILY = RealTable("new_daily", weather_of_a_year, "temp_max")
WEEKDAYS = RealTable("new_weekdays", office_weather, "temp_max")
HOURLY = RealTable("new_hourly", temperatures, "temp")
WEEKLY = RealTable("new_weekly", carbon, "co2")
MULTICLASS = RealTable("new_multiclass", weather, "weather")
MONTHLY = RealTable("new_monthly", stocks, "price", ("--entity", "symbol"))
EVENTS = RealTable(
    "new_events",
    departures,
    "arr_delay",
    (
        *("--cadence", "daily", "--allow", "dep_delay"),
        *("--exclude", "dep_time", "--exclude", "arr_time", "--exclude", "air_time"),
        *("--exclude", "tailnum"),
    ),
    is_file=False,
)
