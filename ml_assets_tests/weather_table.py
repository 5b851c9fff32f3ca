"""The weather files as a table, so that a test changes both source systems with SQL."""

import io
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ml_assets.defs.sources.load import TIMEZONE, WEATHER
from ml_assets.settings import SOURCE_FILES

FRACTION = ".000000"


@contextmanager
def weather_table(connection: sqlite3.Connection, data: Path) -> Iterator[None]:
    """Context in which a connection has a table ``weather``, which is written back to its files.

    Args:
        connection: a connection in which a transaction began.
        data: the data folder.
    """
    folder = data / SOURCE_FILES / WEATHER
    files = sorted(folder.glob("[0-9]*.csv"))
    before = {file.stem: file.read_text("utf-8") for file in files}
    if files:
        header, *_ = files[0].read_text("utf-8").splitlines()
        lines = [line for text in before.values() for line in text.splitlines()[1:]]
        text = io.StringIO("\n".join([header, *lines]))
        rows = pd.read_csv(text, float_precision="round_trip")
        _create(connection, rows.assign(time_hour=_with_fraction(rows["time_hour"])))
    yield
    if not _has_table(connection):
        shutil.rmtree(folder, ignore_errors=True)
        return
    after = _by_day(pd.read_sql_query(f"SELECT * FROM {WEATHER} ORDER BY rowid", connection))
    connection.execute(f"DROP TABLE {WEATHER}")
    folder.mkdir(parents=True, exist_ok=True)
    for day in before.keys() - after.keys():
        (folder / f"{day}.csv").unlink()
    for day, text in after.items():
        if before.get(day) != text:
            draft = folder / f"_{day}.csv"
            draft.write_text(text, "utf-8")
            draft.replace(folder / f"{day}.csv")


def _create(connection: sqlite3.Connection, rows: pd.DataFrame) -> None:
    kinds = {"i": "INTEGER", "f": "REAL"}
    names = [f'"{name}" {kinds.get(rows[name].dtype.kind, "TEXT")}' for name in rows.columns]
    connection.execute(f"CREATE TABLE {WEATHER} ({', '.join(names)})")
    values = rows.astype(object).where(rows.notna(), None).values.tolist()
    marks = ", ".join("?" * len(rows.columns))
    connection.executemany(f"INSERT INTO {WEATHER} VALUES ({marks})", values)


def _has_table(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [WEATHER])
    return found.fetchone() is not None


def _by_day(rows: pd.DataFrame) -> dict[str, str]:
    """Local day → content of its file; rows without a time are in the first one."""
    times = pd.to_datetime(rows["time_hour"], utc=True, errors="coerce", format="mixed")
    local = times.dt.tz_convert(TIMEZONE).dt.strftime("%Y-%m-%d")
    days = local.fillna(local.min())
    written = rows.assign(time_hour=rows["time_hour"].str.removesuffix(FRACTION))
    return {str(day): of_day.to_csv(index=False) for day, of_day in written.groupby(days)}


def _with_fraction(times: pd.Series) -> pd.Series:
    """Times as the source database writes them."""
    is_plain = times.str.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").fillna(False).astype(bool)
    return times.where(~is_plain, times + FRACTION)
