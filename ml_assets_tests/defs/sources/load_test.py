"""Loading the reference data into a source database: complete, once, and all or nothing."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.content import day_hashes
from ml_assets.contracts.validation import validate
from ml_assets.defs.sources.contracts import Weather
from ml_assets.defs.sources.load import (
    DAILY,
    FILES,
    FIRST_DAY,
    LAST_DAYS,
    SourceSystems,
    advance,
    last_loaded_days,
    load,
    reference_files,
    reference_table,
)
from ml_assets.errors import SourceMissing
from ml_assets.sources.file_names import FilePattern
from ml_assets.sources.file_store import FileStore
from ml_assets.sources.files import SourceFiles
from ml_assets_tests.project import database_table

LAST_DAY = "2013-01-02"
KEYS = {"flights": ["time_hour", "carrier", "flight"], "weather": ["time_hour", "origin"]}


def silent(table: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class Loaded:
    """What one load did."""

    systems: SourceSystems
    rows: dict[str, int]
    reported: dict[str, list[tuple[int, int]]]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Two days loaded into source systems that did not exist; tests must not change them."""
    systems = SourceSystems.below(tmp_path_factory.mktemp("loaded") / "new")
    reported: dict[str, list[tuple[int, int]]] = {}

    def progress(table: str, done: int, total: int) -> None:
        reported.setdefault(table, []).append((done, total))

    return Loaded(systems, load(systems, progress, LAST_DAY), reported)


@pytest.fixture
def without_reference_tables(loaded: Loaded, tmp_path: Path) -> SourceSystems:
    """A copy that has flights and weather only."""
    systems = copied(loaded.systems, tmp_path)
    drop(systems, "planes", "airports", "airlines")
    return systems


def copied(systems: SourceSystems, folder: Path) -> SourceSystems:
    """A copy of source systems."""
    shutil.copytree(systems.files.parent, folder / "copy")
    return SourceSystems.below(folder / "copy")


def database_of(systems: SourceSystems) -> sqlite3.Connection:
    """The database."""
    return sqlite3.connect(systems.url.removeprefix("sqlite:///"))


def drop(systems: SourceSystems, *tables: str) -> None:
    """Drop tables."""
    connection = database_of(systems)
    for table in tables:
        connection.execute(f"DROP TABLE {table}")
    connection.commit()
    connection.close()


def stored(systems: SourceSystems, table: str) -> pd.DataFrame:
    """All rows of a table."""
    if table != "weather":
        return database_table(systems.url, table).snapshot()
    store = FileStore(str(systems.files), "")
    return SourceFiles(store, FilePattern("weather/%Y-%m-%d.csv")).snapshot()


def counts(systems: SourceSystems) -> dict[str, int]:
    """Table → number of rows."""
    return {table: len(stored(systems, table)) for table in FILES}


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
    assert loaded.rows == counts(loaded.systems)
    assert loaded.rows["flights"] == 842 + 943
    assert loaded.rows["planes"] == 3_322


def test_loading_again_changes_nothing(loaded: Loaded) -> None:
    assert load(loaded.systems, silent, LAST_DAY) == {}
    assert counts(loaded.systems) == loaded.rows


def test_only_missing_tables_are_loaded(
    without_reference_tables: SourceSystems, loaded: Loaded
) -> None:
    again = load(without_reference_tables, silent, LAST_DAY)

    assert [*again] == ["planes", "airports", "airlines"]
    assert counts(without_reference_tables) == loaded.rows


def test_loaded_rows_can_be_extracted_by_day(loaded: Loaded) -> None:
    source = database_table(loaded.systems.url, "flights", "time_hour")
    start, end = datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2013, 1, 2, 5, tzinfo=UTC)

    first = source.rows(start, end).rows

    assert len(first) == 842
    newest = max(hour.newest for hour in source.hours(start))
    assert newest == datetime(2013, 1, 3, 4, tzinfo=UTC)


def test_weather_files_have_the_data_versions_of_the_reference_data(loaded: Loaded) -> None:
    days = [FIRST_DAY, LAST_DAY]
    rows = [stored(loaded.systems, "weather"), reference_table("weather", LAST_DAY)]

    from_files, from_package = (
        day_hashes(validate(of_day.assign(ds=_local_days(of_day)), Weather, days).rows, days)
        for of_day in rows
    )

    assert from_files == from_package
    assert len(set(from_files.values())) == 2


def _local_days(rows: pd.DataFrame) -> pd.Series:
    times = pd.to_datetime(rows["time_hour"], utc=True).dt.tz_convert("America/New_York")
    return times.dt.strftime("%Y-%m-%d")


def test_progress_is_reported_until_the_end_of_every_table(loaded: Loaded) -> None:
    assert {table: steps[-1] for table, steps in loaded.reported.items()} == {
        table: (rows, rows) for table, rows in loaded.rows.items()
    }


class Interrupted(Exception):
    """Ends a load in the middle."""


def test_load_that_is_interrupted_leaves_no_half_table(
    without_reference_tables: SourceSystems, loaded: Loaded
) -> None:
    def interrupted(table: str, done: int, total: int) -> None:
        if table == "airports":
            raise Interrupted

    with pytest.raises(Interrupted):
        load(without_reference_tables, interrupted, LAST_DAY)

    with pytest.raises(SourceMissing, match="no table 'airports'"):
        database_table(without_reference_tables.url, "airports").snapshot()
    assert [*load(without_reference_tables, silent, LAST_DAY)] == ["airports", "airlines"]
    assert counts(without_reference_tables) == loaded.rows


@pytest.fixture
def two_days(loaded: Loaded, tmp_path: Path) -> SourceSystems:
    """A copy of the two days, to which days can be added."""
    return copied(loaded.systems, tmp_path)


def test_revealed_days_are_those_of_a_load_up_to_the_same_day(
    two_days: SourceSystems, tmp_path: Path
) -> None:
    whole = SourceSystems.below(tmp_path / "whole")
    load(whole, silent, "2013-01-04")
    before = counts(two_days)

    added = advance(two_days, "2013-01-03")
    assert advance(two_days, "2013-01-04").keys() == added.keys() == {"flights", "weather"}

    assert added["flights"] == 914
    assert counts(two_days) == counts(whole)
    assert counts(two_days)["flights"] > before["flights"] + added["flights"]
    for table, key in KEYS.items():
        revealed, loaded_at_once = (
            stored(systems, table).sort_values(key, ignore_index=True)
            for systems in (two_days, whole)
        )
        pd.testing.assert_frame_equal(revealed, loaded_at_once)


@pytest.mark.parametrize("until", ["2013-01-02", "2013-01-01", "2012-12-24"])
def test_advancing_loaded_days_adds_nothing(two_days: SourceSystems, until: str) -> None:
    before = counts(two_days)

    assert advance(two_days, until) == {"flights": 0, "weather": 0}
    assert counts(two_days) == before


def test_advancing_needs_a_database_that_was_loaded(two_days: SourceSystems) -> None:
    drop(two_days, "flights")

    with pytest.raises(SourceMissing, match="no flights to add days to"):
        advance(two_days, "2013-01-03")


def test_a_reveal_that_fails_adds_nothing_at_all(two_days: SourceSystems) -> None:
    before = counts(two_days)
    with closing(database_of(two_days)) as connection, connection:
        connection.execute("ALTER TABLE flights RENAME COLUMN distance TO miles")

    with pytest.raises(pd.errors.DatabaseError):
        advance(two_days, "2013-01-03")

    assert counts(two_days) == before


@pytest.mark.parametrize("table", DAILY)
def test_first_and_last_day_are_those_of_the_files(table: str) -> None:
    moments = reference_table(table)["time_hour"].dt.tz_localize("UTC")
    local = moments.dt.tz_convert("America/New_York").dt.date.astype(str)

    assert (local.min(), local.max()) == (FIRST_DAY, LAST_DAYS[table])


def test_last_loaded_days_of_each_daily_table(loaded: Loaded, tmp_path: Path) -> None:
    systems = copied(loaded.systems, tmp_path)
    for file in systems.weather.folder.iterdir():
        file.write_text(file.read_text().splitlines()[0])

    both = {"flights": LAST_DAY, "weather": LAST_DAY}
    assert last_loaded_days(loaded.systems) == both
    assert last_loaded_days(systems) == {**both, "weather": ""}
