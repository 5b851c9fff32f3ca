"""Connections to a database of the project."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.provenance.provenance import Provenance


@contextmanager
def connections(file: Path) -> Iterator[list[object]]:
    """The connections to a file of SQLite that are opened in a block."""
    opened: list[object] = []

    def note(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2] == str(file):
            opened.append(connection)

    sa.event.listen(sa.Pool, "connect", note)
    try:
        yield opened
    finally:
        sa.event.remove(sa.Pool, "connect", note)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """File of a ledger."""
    return tmp_path / "ledger.db"


def test_tables_of_one_database_share_the_connection_of_a_block(file: Path) -> None:
    ledger, provenance = Ledger(f"sqlite:///{file}"), Provenance(f"sqlite:///{file}")
    ledger.tables()
    provenance.columns()

    with connections(file) as opened, ledger.one_connection():
        ledger.append([Entry("a/b", "2013-01-01", Status.SKIPPED)])
        provenance.record_columns("a/b", {"c": []})
        assert ledger.latest("a/b")

    assert len(opened) == 1
    assert provenance.columns() == {("a/b", "c"): []}


def test_without_a_block_each_access_opens_the_file(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}")
    ledger.tables()

    with connections(file) as opened:
        ledger.latest("a/b")
        ledger.latest("a/b")

    assert len(opened) == 2


def test_a_lost_database_is_created_with_the_tables_of_each_class(file: Path) -> None:
    url = f"sqlite:///{file}"
    Ledger(url).append([Entry("a/b", "2013-01-01", Status.SKIPPED)])
    Provenance(url).record_columns("a/b", {"c": []})
    for each in file.parent.iterdir():
        each.unlink()

    assert Ledger(url).latest("a/b") == {}
    assert Provenance(url).columns() == {}


def test_a_database_that_was_replaced_in_a_block_is_read_and_written(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}")
    ledger.append([Entry("a/b", "2013-01-01", Status.SKIPPED)])
    backup = file.with_name("backup.db")
    shutil.copy(file, backup)

    with ledger.one_connection():
        ledger.append([Entry("a/b", "2013-01-02", Status.SKIPPED)])
        for each in ("-wal", "-shm"):
            file.with_name(file.name + each).unlink()
        backup.replace(file)
        assert [*ledger.latest("a/b")] == ["2013-01-01"]
        ledger.append([Entry("a/b", "2013-01-03", Status.SKIPPED)])

    assert [*Ledger(f"sqlite:///{file}").latest("a/b")] == ["2013-01-01", "2013-01-03"]
