"""A lake of its own that reads some tables from another, which it never changes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.content import day_hashes
from ml_assets.errors import TerminalError
from ml_assets.lake.pair import MARK
from ml_assets.lake.shared import SharingLedger
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status, inputs_hash
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import plan
from ml_assets.planning.staleness import stale
from ml_assets.settings import settings
from ml_assets.workspace import Workspace

FLIGHTS, FEATURES, SCORES = "a/flights", "b/features", "b/scores"
SHARED = [FLIGHTS, FEATURES]
MONDAY, TUESDAY = "2013-07-08", "2013-07-09"
CODE = "code-1"


def store(lake: Lake, table: str, day: str, value: int, reads: list[Read] | None = None) -> None:
    """Record a day of one row as the project does, and store it."""
    rows = pd.DataFrame({"ds": [day], "value": [value]}).astype({"ds": "str"})
    lake.ledger.append([Entry(table, day, Status.WRITING)])
    version = lake.write(table, rows, [day]).version
    content = day_hashes(rows, [day])[day]
    made_from = inputs_hash(CODE, reads or [])
    lake.ledger.append(
        [
            Entry(
                table,
                day,
                Status.STORED,
                content_hash=content,
                version=version,
                inputs_hash=made_from,
                reads=reads or [],
            )
        ]
    )


def files(folder: Path) -> dict[str, bytes]:
    """Path → content of all files under a folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def theirs(lake: Lake) -> Lake:
    """The lake that is shared: two tables, one made from the other, and one of its own."""
    for number, day in enumerate([MONDAY, TUESDAY]):
        store(lake, FLIGHTS, day, number)
        store(lake, FEATURES, day, 10 + number, lake.window(FLIGHTS, [day]).reads())
        store(lake, SCORES, day, 100 + number)
    return lake


@pytest.fixture
def ours(theirs: Lake, tmp_path: Path) -> Lake:
    """An empty lake that reads two tables from the other."""
    ledger = SharingLedger(f"sqlite:///{tmp_path / 'ours.db'}", theirs.ledger, SHARED)
    return Lake(str(tmp_path / "ours"), ledger, dict.fromkeys(SHARED, theirs.uri))


def test_shared_tables_are_read_from_the_other_lake(ours: Lake, theirs: Lake) -> None:
    window = ours.window(FEATURES, [MONDAY, TUESDAY])

    assert window.read()["value"].tolist() == [10, 11]
    assert ours.days_stored(FEATURES) == [MONDAY, TUESDAY]
    assert ours.ledger.latest(FEATURES) == theirs.ledger.latest(FEATURES)
    assert ours.ledger.reads(FEATURES, [MONDAY]) == theirs.ledger.reads(FEATURES, [MONDAY])
    assert ours.ledger.histories(FEATURES, [MONDAY])[MONDAY] == (
        theirs.ledger.history(FEATURES, MONDAY)
    )


def test_changes_in_the_other_lake_are_read(ours: Lake, theirs: Lake) -> None:
    assert ours.window(FLIGHTS, [MONDAY]).read()["value"].tolist() == [0]

    store(theirs, FLIGHTS, MONDAY, 99)

    assert ours.window(FLIGHTS, [MONDAY]).read()["value"].tolist() == [99]
    assert [*stale(ours.ledger, FEATURES, [MONDAY, TUESDAY])] == [MONDAY]


def test_table_of_the_same_name_that_is_not_shared_is_its_own(ours: Lake, theirs: Lake) -> None:
    assert not ours.exists(SCORES)
    assert ours.ledger.latest(SCORES) == {}

    store(ours, SCORES, MONDAY, 7)

    assert ours.window(SCORES, [MONDAY, TUESDAY]).read()["value"].tolist() == [7]
    assert theirs.window(SCORES, [MONDAY]).read()["value"].tolist() == [100]


def test_own_tables_are_written_to_the_own_root_and_nothing_else_is_touched(
    ours: Lake, theirs: Lake
) -> None:
    before = files(Path(theirs.uri))
    entries = {table: theirs.ledger.latest(table) for table in theirs.ledger.tables()}

    window = ours.window(FEATURES, [MONDAY])
    window.read()
    store(ours, SCORES, MONDAY, 7, window.reads())

    assert files(Path(theirs.uri)) == before
    assert {table: theirs.ledger.latest(table) for table in theirs.ledger.tables()} == entries
    assert {path.split("/_delta_log")[0].split("/ds=")[0] for path in files(Path(ours.uri))} == {
        SCORES,
        MARK,
    }


@pytest.mark.parametrize("status", list(Status), ids=str)
@pytest.mark.parametrize("table", SHARED)
def test_entry_of_a_shared_table_is_refused_with_all_entries_of_the_call(
    ours: Lake, theirs: Lake, table: str, status: Status
) -> None:
    before = theirs.ledger.latest(table)
    own = Entry(SCORES, MONDAY, Status.STORED, content_hash="x")

    with pytest.raises(TerminalError, match=f"{table} is shared with this project for reading"):
        ours.ledger.append([own, Entry(table, MONDAY, status, content_hash="y")])

    assert ours.ledger.latest(SCORES) == {}
    assert ours.ledger.latest(table) == theirs.ledger.latest(table) == before


def test_appending_nothing_is_no_entry_of_a_shared_table(ours: Lake) -> None:
    ours.ledger.append([])

    assert ours.ledger.tables() == []


def test_only_own_tables_are_listed_for_maintenance(ours: Lake) -> None:
    store(ours, SCORES, MONDAY, 7)

    assert ours.ledger.tables() == [SCORES]


def test_shared_table_cannot_be_overwritten(ours: Lake) -> None:
    with pytest.raises(TerminalError, match="belongs to another lake"):
        ours.write(FLIGHTS, pd.DataFrame({"ds": [MONDAY], "value": [1]}), [MONDAY])


def test_own_day_is_planned_from_shared_days_and_stale_when_they_change(
    ours: Lake, theirs: Lake
) -> None:
    inputs = {"features": Input(FEATURES)}
    first = plan(ours, SCORES, [MONDAY, TUESDAY], inputs, CODE)
    for day in first.compute:
        store(ours, SCORES, day, 1, [*first.reads[day]])
    unchanged = plan(ours, SCORES, [MONDAY, TUESDAY], inputs, CODE)

    store(theirs, FLIGHTS, MONDAY, 99)
    while_stale = plan(ours, SCORES, [MONDAY, TUESDAY], inputs, CODE)
    store(theirs, FEATURES, MONDAY, 98, theirs.window(FLIGHTS, [MONDAY]).reads())
    changed = plan(ours, SCORES, [MONDAY, TUESDAY], inputs, CODE)

    assert first.compute == [MONDAY, TUESDAY]
    assert unchanged.compute == []
    assert [*while_stale.skipped] == [MONDAY]
    assert changed.compute == [MONDAY]
    assert [*changed.unchanged] == [TUESDAY]


def test_versions_read_are_those_of_the_own_readers(ours: Lake, theirs: Lake) -> None:
    store(theirs, SCORES, MONDAY, 5, [Read(FLIGHTS, MONDAY, "x", 77)])
    store(ours, SCORES, MONDAY, 7, [Read(FLIGHTS, MONDAY, "x", 3)])

    assert ours.ledger.versions_read(FLIGHTS, [SCORES]) == {3}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, theirs: Lake, tmp_path: Path) -> Iterator[None]:
    """Settings that name a shared lake."""
    shared = {
        "lake": theirs.uri,
        "ledger_url": f"sqlite:///{tmp_path / 'ledger.db'}",
        "tables": SHARED,
    }
    values = {"DATA": str(tmp_path / "data"), "LAKE": "", "POSTGRES_URL": ""}
    for name, value in {**values, "SHARED": json.dumps(shared)}.items():
        monkeypatch.setenv(f"ML_ASSETS_{name}", value)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.usefixtures("environment")
def test_lake_of_a_project_with_shared_tables(tmp_path: Path) -> None:
    lake = Workspace.of_environment().lake

    store(lake, SCORES, MONDAY, 7)

    assert lake.window(FEATURES, [TUESDAY]).read()["value"].tolist() == [11]
    assert lake.window(SCORES, [MONDAY]).read()["value"].tolist() == [7]
    assert (tmp_path / "data" / "lake" / SCORES).is_dir()
    with pytest.raises(TerminalError, match="shared"):
        lake.ledger.append([Entry(FLIGHTS, MONDAY, Status.WRITING)])
