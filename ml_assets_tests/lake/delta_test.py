"""A table is opened once while its log is unchanged, and any change of the log is noticed."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger

TABLE, MONDAY = "a/flights", "2013-07-08"


@pytest.fixture
def lake(tmp_path: Path, ledger: Ledger) -> Lake:
    """A lake in a folder, with a table of one day."""
    found = Lake(str(tmp_path / "lake"), ledger)
    write(found, 1)
    return found


def write(lake: Lake, value: int) -> None:
    """Replace the rows of Monday."""
    rows = pd.DataFrame({DAY: [MONDAY], "value": [value]}).astype({DAY: "str"})
    lake.write(TABLE, rows, [MONDAY])


def first_commit(lake: Lake) -> Path:
    """The file of the log that creates the table."""
    return Path(lake.path(TABLE), "_delta_log", f"{0:020}.json")


@pytest.mark.parametrize("version", [None, 0])
def test_a_table_is_opened_once_while_its_log_is_unchanged(lake: Lake, version: int | None) -> None:
    assert lake.open(TABLE, version) is lake.open(TABLE, version)


def test_a_commit_of_another_lake_object_is_read(lake: Lake, ledger: Ledger) -> None:
    before = lake.open(TABLE)

    write(Lake(lake.uri, ledger), 2)

    after = lake.open(TABLE)
    assert before is not None
    assert after is not None
    assert after.version() == before.version() + 1
    assert lake.read(TABLE)["value"].tolist() == [2]


def test_a_log_that_was_written_in_place_with_its_old_time_and_size_is_refused(lake: Lake) -> None:
    assert lake.open(TABLE) is not None
    commit = first_commit(lake)
    before = commit.stat()

    commit.write_text("x" * before.st_size, encoding="utf-8")
    os.utime(commit, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(LakeMismatch, match="cannot be used"):
        lake.open(TABLE)


@pytest.mark.parametrize("lost", ["table", "log"])
def test_a_table_that_was_removed_is_not_read(lake: Lake, lost: str) -> None:
    assert lake.open(TABLE) is not None

    shutil.rmtree(first_commit(lake).parents[1 if lost == "table" else 0])

    assert lake.open(TABLE) is None
