"""Loading the reference data into a source database: complete, once, and all or nothing."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.defs.sources.load import (
    DAILY,
    FILES,
    FIRST_DAY,
    LAST_DAYS,
    advance,
    last_loaded_days,
    load,
    reference_files,
    reference_table,
)
from ml_assets.errors import SourceMissing
from ml_assets_tests.project import database_table

LAST_DAY = "2013-01-02"
KEYS = {"flights": ["time_hour", "carrier", "flight"], "weather": ["time_hour", "origin"]}


def silent(table: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class Loaded:
    """What one load did."""

    url: str
    rows: dict[str, int]
    reported: dict[str, list[tuple[int, int]]]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Two days loaded into a database that did not exist; tests must not change it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('loaded') / 'new' / 'source.db'}"
    reported: dict[str, list[tuple[int, int]]] = {}

    def progress(table: str, done: int, total: int) -> None:
        reported.setdefault(table, []).append((done, total))

    return Loaded(url, load(url, progress, LAST_DAY), reported)


@pytest.fixture
def without_reference_tables(loaded: Loaded, tmp_path: Path) -> str:
    """A copy that has flights and weather only."""
    file = shutil.copy(loaded.url.removeprefix("sqlite:///"), tmp_path / "source.db")
    drop(f"sqlite:///{file}", "planes", "airports", "airlines")
    return f"sqlite:///{file}"


def drop(url: str, *tables: str) -> None:
    """Drop tables."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    for table in tables:
        connection.execute(f"DROP TABLE {table}")
    connection.commit()
    connection.close()


def counts(url: str) -> dict[str, int]:
    """Table → number of rows."""
    return {table: len(database_table(url, table).snapshot()) for table in FILES}


def test_all_files_of_the_reference_data_are_there() -> None:
    assert {name for name in FILES.values() if (reference_files() / name).is_file()} == {
        *FILES.values()
    }


def test_missing_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.meta_path", [])

    with pytest.raises(SourceMissing, match="make setup"):
        reference_files()


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        pytest.param("weather", 26_115, id="weather"),
        pytest.param("planes", 3_322, id="planes"),
        pytest.param("airlines", 16, id="airlines"),
    ],
)
def test_whole_table(table: str, rows: int) -> None:
    assert len(reference_table(table)) == rows


def test_times_are_utc_without_a_zone() -> None:
    first = reference_table("weather", "2013-01-01")["time_hour"].min()

    assert first == pd.Timestamp("2013-01-01 06:00")
    assert first.tzinfo is None


@pytest.mark.parametrize(
    ("last_day", "end"),
    [
        pytest.param("2013-03-09", "2013-03-10 05:00", id="day before the 23 hours"),
        pytest.param("2013-03-10", "2013-03-11 04:00", id="23 hours"),
        pytest.param("2013-11-03", "2013-11-04 05:00", id="25 hours"),
        pytest.param("2013-07-08", "2013-07-09 04:00", id="24 hours"),
    ],
)
def test_last_day_is_a_local_one(last_day: str, end: str) -> None:
    newest = reference_table("weather", last_day)["time_hour"].max()

    assert newest == pd.Timestamp(end) - pd.Timedelta(hours=1)


def test_load_makes_every_table(loaded: Loaded) -> None:
    assert loaded.rows == counts(loaded.url)
    assert loaded.rows["flights"] == 842 + 943
    assert loaded.rows["planes"] == 3_322


def test_loading_again_changes_nothing(loaded: Loaded) -> None:
    assert load(loaded.url, silent, LAST_DAY) == {}
    assert counts(loaded.url) == loaded.rows


def test_only_missing_tables_are_loaded(without_reference_tables: str, loaded: Loaded) -> None:
    again = load(without_reference_tables, silent, LAST_DAY)

    assert [*again] == ["planes", "airports", "airlines"]
    assert counts(without_reference_tables) == loaded.rows


def test_loaded_rows_can_be_extracted_by_day(loaded: Loaded) -> None:
    source = database_table(loaded.url, "flights", "time_hour")
    start, end = datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2013, 1, 2, 5, tzinfo=UTC)

    first = source.rows(start, end).rows

    assert len(first) == 842
    newest = max(hour.newest for hour in source.hours(start))
    assert newest == datetime(2013, 1, 3, 4, tzinfo=UTC)


def test_progress_is_reported_until_the_end_of_every_table(loaded: Loaded) -> None:
    assert {table: steps[-1] for table, steps in loaded.reported.items()} == {
        table: (rows, rows) for table, rows in loaded.rows.items()
    }


class Interrupted(Exception):
    """Ends a load in the middle."""


def test_load_that_is_interrupted_leaves_no_half_table(
    without_reference_tables: str, loaded: Loaded
) -> None:
    def interrupted(table: str, done: int, total: int) -> None:
        if table == "airports":
            raise Interrupted

    with pytest.raises(Interrupted):
        load(without_reference_tables, interrupted, LAST_DAY)

    with pytest.raises(SourceMissing, match="no table 'airports'"):
        database_table(without_reference_tables, "airports").snapshot()
    assert [*load(without_reference_tables, silent, LAST_DAY)] == ["airports", "airlines"]
    assert counts(without_reference_tables) == loaded.rows


@pytest.fixture
def two_days(loaded: Loaded, tmp_path: Path) -> str:
    """A copy of the two days, to which days can be added."""
    file = shutil.copy(loaded.url.removeprefix("sqlite:///"), tmp_path / "source.db")
    return f"sqlite:///{file}"


def test_revealed_days_are_those_of_a_load_up_to_the_same_day(
    two_days: str, tmp_path: Path
) -> None:
    whole = f"sqlite:///{tmp_path / 'whole.db'}"
    load(whole, silent, "2013-01-04")
    before = counts(two_days)

    added = advance(two_days, "2013-01-03")
    assert advance(two_days, "2013-01-04").keys() == added.keys() == {"flights", "weather"}

    assert added["flights"] == 914
    assert counts(two_days) == counts(whole)
    assert counts(two_days)["flights"] > before["flights"] + added["flights"]
    for table, key in KEYS.items():
        revealed, loaded_at_once = (
            database_table(url, table).snapshot().sort_values(key, ignore_index=True)
            for url in (two_days, whole)
        )
        pd.testing.assert_frame_equal(revealed, loaded_at_once)


@pytest.mark.parametrize("until", ["2013-01-02", "2013-01-01", "2012-12-24"])
def test_advancing_loaded_days_adds_nothing(two_days: str, until: str) -> None:
    before = counts(two_days)

    assert advance(two_days, until) == {"flights": 0, "weather": 0}
    assert counts(two_days) == before


def test_advancing_needs_a_database_that_was_loaded(two_days: str) -> None:
    drop(two_days, "flights")

    with pytest.raises(SourceMissing, match="no table flights to add days to"):
        advance(two_days, "2013-01-03")


def test_a_reveal_that_fails_adds_nothing_at_all(two_days: str) -> None:
    before = counts(two_days)
    with closing(sqlite3.connect(two_days.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("ALTER TABLE weather RENAME COLUMN temp TO temperature")

    with pytest.raises(pd.errors.DatabaseError):
        advance(two_days, "2013-01-03")

    assert counts(two_days) == before


@pytest.mark.parametrize("table", DAILY)
def test_first_and_last_day_are_those_of_the_files(table: str) -> None:
    moments = reference_table(table)["time_hour"].dt.tz_localize("UTC")
    local = moments.dt.tz_convert("America/New_York").dt.date.astype(str)

    assert (local.min(), local.max()) == (FIRST_DAY, LAST_DAYS[table])


def test_last_loaded_days_of_each_daily_table(loaded: Loaded, tmp_path: Path) -> None:
    file = shutil.copy(loaded.url.removeprefix("sqlite:///"), tmp_path / "source.db")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM weather")

    assert last_loaded_days(loaded.url) == {"flights": LAST_DAY, "weather": LAST_DAY}
    assert last_loaded_days(f"sqlite:///{file}") == {"flights": LAST_DAY, "weather": ""}
