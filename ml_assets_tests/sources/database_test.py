"""Reading a source database as it is, and clear errors when it cannot be read."""

import socket
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.errors import (
    ConfigurationError,
    ContractViolation,
    SourceCorrupt,
    SourceMissing,
    SourceUnavailable,
    TransientError,
)
from ml_assets.sources.clock import Clock
from ml_assets.sources.database import SourceDatabase
from ml_assets.sources.database_table import DatabaseTable
from ml_assets.sources.moments import EARLIEST

MIDNIGHT = datetime(2013, 7, 8, 4, tzinfo=UTC)
NEXT_MIDNIGHT = datetime(2013, 7, 9, 4, tzinfo=UTC)
FIRST = "2013-07-08 04:00:00.000000"
LAST = "2013-07-09 03:59:59.999999"
AFTER = "2013-07-09 04:00:00.000000"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with values of mixed types in one column."""
    path = tmp_path / "source.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE flights (taken_at DATETIME, value, wrong_type INTEGER);"
        "CREATE TABLE empty (taken_at DATETIME, value);"
    )
    rows = [(FIRST, 1, 0), (FIRST, "one", 0), (FIRST, None, 0), (LAST, 1.5, 0), (AFTER, 9, 0)]
    connection.executemany("INSERT INTO flights VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return path


def table(file: Path, name: str = "flights", time_column: str = "taken_at") -> DatabaseTable:
    """A table in the database of a file."""
    return DatabaseTable(SourceDatabase(f"sqlite:///{file}"), name, clock=Clock(time_column))


Call = Callable[[DatabaseTable], object]

CALLS = [
    pytest.param(lambda source: source.rows(MIDNIGHT, NEXT_MIDNIGHT), id="rows"),
    pytest.param(lambda source: source.snapshot(), id="snapshot"),
    pytest.param(lambda source: source.no_rows(), id="no rows"),
    pytest.param(lambda source: source.oldest(), id="oldest"),
]


def test_rows_of_a_span_include_its_first_moment_and_not_its_end(file: Path) -> None:
    rows = table(file).rows(MIDNIGHT, NEXT_MIDNIGHT).rows

    assert [*rows["taken_at"]] == [FIRST, FIRST, FIRST, LAST]


@pytest.mark.parametrize(
    ("written", "inside"),
    [
        pytest.param("2013-07-08 04:00:00", True, id="first moment"),
        pytest.param("2013-07-09 03:59:59", True, id="last second"),
        pytest.param("2013-07-09 04:00:00", False, id="first moment after"),
    ],
)
def test_moments_written_without_a_fraction_are_compared_as_moments(
    file: Path, written: str, inside: bool
) -> None:
    connection = sqlite3.connect(file)
    connection.execute("INSERT INTO empty VALUES (?, 1)", [written])
    connection.commit()
    connection.close()

    rows = table(file, "empty", "taken_at").rows(MIDNIGHT, NEXT_MIDNIGHT).rows

    assert len(rows) == inside


def test_span_may_have_any_time_zone(file: Path) -> None:
    new_york = timezone(timedelta(hours=-4))

    rows = table(file).rows(
        datetime(2013, 7, 8, tzinfo=new_york),
        datetime(2013, 7, 9, tzinfo=new_york),
    )

    assert len(rows.rows) == 4


def test_values_are_returned_as_read_by_the_driver(file: Path) -> None:
    rows = table(file).rows(MIDNIGHT, NEXT_MIDNIGHT).rows

    assert [(type(value), value) for value in rows["value"]] == [
        (int, 1),
        (str, "one"),
        (type(None), None),
        (float, 1.5),
    ]
    assert {str(dtype) for dtype in rows.dtypes} == {"object"}


def test_span_without_rows_has_the_columns(file: Path) -> None:
    rows = table(file).rows(MIDNIGHT - timedelta(days=1), MIDNIGHT).rows

    assert [*rows.columns] == ["taken_at", "value", "wrong_type"]
    assert rows.empty


def test_snapshot_has_all_rows(file: Path) -> None:
    assert len(table(file).snapshot()) == 5


def test_no_rows_are_those_of_an_empty_span(file: Path) -> None:
    source = table(file, "empty")

    pd.testing.assert_frame_equal(
        source.no_rows(), source.rows(MIDNIGHT, NEXT_MIDNIGHT).rows, check_index_type=False
    )


@pytest.mark.parametrize(
    ("name", "since", "expected"),
    [
        pytest.param("flights", EARLIEST, MIDNIGHT, id="of all rows"),
        pytest.param("flights", MIDNIGHT, MIDNIGHT, id="at the first moment"),
        pytest.param("flights", NEXT_MIDNIGHT, NEXT_MIDNIGHT, id="of later rows"),
        pytest.param("flights", NEXT_MIDNIGHT + timedelta(days=1), None, id="after all rows"),
        pytest.param("empty", EARLIEST, None, id="no row"),
    ],
)
def test_oldest_moment(file: Path, name: str, since: datetime, expected: datetime | None) -> None:
    assert table(file, name).oldest(since) == expected


@pytest.mark.parametrize("call", CALLS)
def test_missing_file_is_named_and_not_created(tmp_path: Path, call: Call) -> None:
    missing = tmp_path / "missing.db"

    with pytest.raises(SourceMissing, match=r"missing\.db"):
        call(table(missing))

    assert not missing.exists()


def test_file_that_arrives_later_is_read(tmp_path: Path, file: Path) -> None:
    source = table(tmp_path / "later.db")
    with pytest.raises(SourceMissing):
        source.snapshot()

    file.rename(tmp_path / "later.db")

    assert len(source.snapshot()) == 5


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"not a database at all" * 100, id="garbage"),
        pytest.param(lambda content: content[: len(content) // 3], id="truncated"),
        pytest.param(
            lambda content: content[:4096] + b"\xff" * (len(content) - 4096), id="pages overwritten"
        ),
    ],
)
@pytest.mark.parametrize("call", [CALLS[0], CALLS[1], CALLS[3]])
def test_damaged_file_is_corrupt_and_not_changed(
    file: Path, damage: Callable[[bytes], bytes], call: Call
) -> None:
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)

    with pytest.raises(SourceCorrupt, match=r"source\.db cannot be read"):
        call(table(file))

    assert file.read_bytes() == damaged


@pytest.mark.parametrize("call", CALLS)
def test_empty_file_has_no_tables(tmp_path: Path, call: Call) -> None:
    (tmp_path / "empty.db").touch()

    with pytest.raises(SourceMissing, match="no table 'flights'"):
        call(table(tmp_path / "empty.db"))


def test_missing_table_is_named(file: Path) -> None:
    with pytest.raises(SourceMissing, match="no table 'trains'"):
        table(file, "trains", "taken_at").rows(MIDNIGHT, NEXT_MIDNIGHT)


@pytest.mark.parametrize("name", ["Flight", "FLIGHT", "flihgts"])
def test_the_nearest_table_is_offered_for_a_missing_one(file: Path, name: str) -> None:
    with pytest.raises(SourceMissing, match=f"no table '{name}'. Did you mean 'flights'?"):
        table(file, name).snapshot()


def test_error_of_a_missing_time_column_lists_existing_columns(file: Path) -> None:
    with pytest.raises(ContractViolation, match=r"'departed_at' is missing from flights.*taken_at"):
        table(file, "flights", "departed_at").rows(MIDNIGHT, NEXT_MIDNIGHT)


def test_time_column_that_is_no_timestamp_is_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="INTEGER, expected a timestamp"):
        table(file, "flights", "wrong_type").oldest()


def test_source_is_never_written(file: Path) -> None:
    before = file.read_bytes()
    for param in CALLS:
        (call,) = param.values
        call(table(file))

    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["source.db"]


@pytest.fixture
def unused_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize("call", CALLS)
def test_unavailable_database_is_a_transient_error(unused_port: int, call: Call) -> None:
    url = f"postgresql+psycopg2://someone:s3cret@127.0.0.1:{unused_port}/client"

    with pytest.raises(SourceUnavailable, match="client does not answer") as caught:
        call(DatabaseTable(SourceDatabase(url), "flights", clock=Clock("taken_at")))

    assert isinstance(caught.value, TransientError)
    assert "s3cret" not in str(caught.value)
    assert "someone" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        pytest.param(
            "postgresql+psycopg2://someone:s3cret@db.example/client", "client", id="server"
        ),
        pytest.param("sqlite:////var/client.db", "/var/client.db", id="file"),
    ],
)
def test_name_is_free_of_credentials(url: str, name: str) -> None:
    assert SourceDatabase(url).name == name


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param("a b", id="space"),
        pytest.param("50%20off", id="percent"),
        pytest.param("what?", id="question mark"),
        pytest.param("c#", id="hash"),
    ],
)
def test_path_of_the_file_may_contain_any_character(
    tmp_path: Path, file: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir()
    file.rename(tmp_path / folder / "source.db")
    monkeypatch.chdir(tmp_path / folder)

    assert len(table(Path("source.db")).snapshot()) == 5
