"""Every fault changes the source or the lake, and what heals leaves the rows that there were."""

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake

from ml_assets.defs.sources.load import DAILY, SourceSystems, load
from ml_assets_tests.soak.faults import FAULTS, FEATURES, FLIGHTS
from ml_assets_tests.soak.home import arrive, change
from ml_assets_tests.soak.schedule import FIRST_DAY, KINDS, day_after

ON_SOURCE = [kind for kind in KINDS if FAULTS[kind.id].arrives or FAULTS[kind.id].after]


pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Source systems with the two days before D, and what is older than two weeks."""
    systems = SourceSystems.below(tmp_path_factory.mktemp("soak"))
    load(systems, lambda *reported: None, day_after(FIRST_DAY, -1))
    source = systems.files.with_name("source.db")
    old, span = "2013-01-03", (day_after(FIRST_DAY, -19), day_after(FIRST_DAY, -2))

    def shorten(connection: sqlite3.Connection, day: str) -> None:
        for table in DAILY:
            connection.execute(f"DELETE FROM {table} WHERE time_hour < ?", (old,))
            connection.execute(f"DELETE FROM {table} WHERE time_hour > ? AND time_hour < ?", span)

    change(source, FIRST_DAY, shorten)
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("VACUUM")
    return source


@pytest.fixture(scope="module")
def plain(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same when D has arrived without a fault."""
    source = shutil.copytree(before.parent, tmp_path_factory.mktemp("plain") / "data") / "source.db"
    arrive(source, FIRST_DAY)
    return source


def rows(source: Path) -> Counter[tuple[object, ...]]:
    """All rows of the tables, with the number of times that each occurs."""
    with closing(sqlite3.connect(source)) as connection:
        connection.text_factory = bytes
        found = (connection.execute(f"SELECT '{name}', * FROM {name}") for name in TABLES)
        of_database = Counter(row for of_table in found for row in of_table)
    files = (source.parent / "source_files" / "weather").glob("*.csv")
    return of_database + Counter(
        (line,) for file in files for line in file.read_text().splitlines()
    )


TABLES = ("flights", "planes", "airports")


@pytest.mark.parametrize("kind", ON_SOURCE, ids=lambda kind: kind.id)
def test_a_fault_changes_the_source_and_what_the_client_heals_is_as_before(
    kind, before: Path, plain: Path, tmp_path: Path
) -> None:
    fault = FAULTS[kind.id]
    faulted = shutil.copytree(before.parent, tmp_path / "data") / "source.db"
    arrive(faulted, FIRST_DAY, *([fault.arrives] if fault.arrives else []))
    if fault.after:
        change(faulted, FIRST_DAY, fault.after)
    assert rows(faulted) != rows(plain)
    if fault.heals:
        change(faulted, FIRST_DAY, fault.heals)
        assert rows(faulted) == rows(plain)


def test_damage_of_the_lake_takes_the_rows_of_one_day(tmp_path: Path) -> None:
    days = [day_after(FIRST_DAY, -1), FIRST_DAY]
    stored = pd.DataFrame({"ds": days, "temp": [1.0, 2.0]})
    left = {}
    for name in ("E1", "E2", "E3"):
        for table in (FEATURES, FLIGHTS):
            root = tmp_path / name
            write_deltalake(root / table, stored, partition_by=["ds"])
        FAULTS[name].damages(root, FIRST_DAY)
        files = {file.parent.name for file in (root / FLIGHTS).glob("*/*.parquet")}
        left[name] = (DeltaTable(root / FEATURES).to_pandas()["temp"].sum(), len(files))
    assert left == {"E1": (2.0, 2), "E2": (4.0, 2), "E3": (3.0, 1)}
