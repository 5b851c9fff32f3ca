"""Maintenance keeps what a model was trained on and deletes the files nobody needs."""

from pathlib import Path

import pandas as pd
import pytest

from ml_assets.content import day_hashes
from ml_assets.errors import LakeMismatch
from ml_assets.lake.maintenance import maintain
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status

TABLE, DATASET = "a/features", "a/dataset"
DAYS = ["2013-07-08", "2013-07-09", "2013-07-10"]


def write(lake: Lake, value: int) -> int:
    """One commit for each day; returns the last version."""
    for day in DAYS:
        rows = pd.DataFrame({"ds": [day] * 2, "value": [value, value + 1]}).astype({"ds": "str"})
        version = lake.write(TABLE, rows, [day]).version
    return version


def read_by(lake: Lake, reader: str, version: int) -> None:
    """Record that a table was computed from a version."""
    reads = [Read(TABLE, day, "hash", version) for day in DAYS]
    lake.ledger.append([Entry(reader, "2013-07-11", Status.STORED, reads=reads)])


def files(lake: Lake) -> set[str]:
    """Data files of the table on disk."""
    return {path.name for path in (Path(lake.uri) / TABLE).rglob("*.parquet")}


def hashes(lake: Lake, version: int | None = None) -> dict[str, str]:
    """Content hashes of a version."""
    return day_hashes(lake.read(TABLE, version=version), DAYS)


def test_version_a_reader_was_computed_from_keeps_its_content(lake: Lake) -> None:
    trained_on = write(lake, 1)
    read_by(lake, DATASET, trained_on)
    before = hashes(lake, trained_on)
    write(lake, 2)
    newest = hashes(lake)

    done = maintain(lake, TABLE, [DATASET])

    assert done is not None
    assert trained_on in done.kept_versions
    assert hashes(lake, trained_on) == before != newest
    assert hashes(lake) == newest


def test_files_of_versions_without_readers_are_deleted(lake: Lake) -> None:
    write(lake, 1)
    of_unneeded = files(lake)
    trained_on = write(lake, 2)
    read_by(lake, DATASET, trained_on)
    of_trained = files(lake) - of_unneeded
    write(lake, 3)

    done = maintain(lake, TABLE, [DATASET])

    assert done is not None
    assert done.files_deleted >= len(of_unneeded)
    assert not files(lake) & of_unneeded
    assert of_trained <= files(lake)


def test_reading_a_version_with_deleted_files_is_a_lake_mismatch(lake: Lake) -> None:
    unneeded = write(lake, 1)
    write(lake, 2)
    maintain(lake, TABLE, [DATASET])

    with pytest.raises(LakeMismatch, match=TABLE):
        lake.read(TABLE, version=unneeded)


def test_version_that_only_another_table_read_is_not_kept(lake: Lake) -> None:
    old = write(lake, 1)
    read_by(lake, "a/other", old)
    of_old = files(lake)
    write(lake, 2)

    maintain(lake, TABLE, [DATASET])

    assert not files(lake) & of_old


def test_version_of_an_earlier_entry_of_the_reader_is_kept(lake: Lake) -> None:
    first = write(lake, 1)
    read_by(lake, DATASET, first)
    before = hashes(lake, first)
    read_by(lake, DATASET, write(lake, 2))
    write(lake, 3)

    maintain(lake, TABLE, [DATASET])

    assert hashes(lake, first) == before


def test_small_files_of_a_day_are_compacted(lake: Lake) -> None:
    from deltalake import write_deltalake

    write(lake, 1)
    more = pd.DataFrame({"ds": [DAYS[0]], "value": [9], "_row": [9]}).astype(
        {"ds": "str", "_row": "int32"}
    )
    write_deltalake(lake.path(TABLE), more, mode="append")
    newest = hashes(lake)

    done = maintain(lake, TABLE, [])

    assert done is not None
    assert done.files_compacted == 2
    assert hashes(lake) == newest


def test_maintaining_twice_deletes_nothing_more(lake: Lake) -> None:
    read_by(lake, DATASET, write(lake, 1))
    write(lake, 2)
    maintain(lake, TABLE, [DATASET])
    kept = files(lake)

    again = maintain(lake, TABLE, [DATASET])

    assert again is not None
    assert (again.files_compacted, again.files_deleted) == (0, 0)
    assert files(lake) == kept


def test_table_can_be_written_after_maintenance(lake: Lake) -> None:
    read_by(lake, DATASET, write(lake, 1))
    maintain(lake, TABLE, [DATASET])

    write(lake, 5)

    assert sorted(set(lake.read(TABLE)["value"])) == [5, 6]


def test_maintenance_of_a_missing_table_does_nothing(lake: Lake) -> None:
    assert maintain(lake, TABLE, [DATASET]) is None
    assert not Path(lake.uri).exists()
