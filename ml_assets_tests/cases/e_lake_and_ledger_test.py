"""E: lake and ledger are verified against each other before they are used."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.lake import verification
from ml_assets.lake.maintenance import maintain
from ml_assets.lake.pair import MARK
from ml_assets.lake.rebuilding import entries_of_table, rebuildable_lake_id
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status, inputs_hash
from ml_assets.ledger.tables import rebuild_commands
from ml_assets.orchestration.checks.checks import read_stored
from ml_assets.orchestration.checks.standard import _rows_match_data_version
from ml_assets.planning.plan import Input, plan
from ml_assets.planning.reopen import reopen
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.project import open_lake
from ml_assets_tests.remedies import commands

TABLE, MADE = "sources/flights", "shop/features"
DAYS = ["2013-07-08", "2013-07-09", "2013-07-10"]
MONDAY, TUESDAY, WEDNESDAY = DAYS


def rows(*days: str) -> pd.DataFrame:
    """Three rows of each day."""
    values = [{DAY: day, "id": number, "delay": number / 3} for day in days for number in range(3)]
    return pd.DataFrame(values).astype({DAY: "str"})


def store(lake: Lake, table: str, frame: pd.DataFrame, days: Sequence[str]) -> None:
    """Store days as the IO manager does it, computed from nothing by the code ``v1``."""
    lake.ledger.append([Entry(table, day, Status.WRITING) for day in days])
    lake.mark()
    written = lake.write(table, frame, days)
    key = inputs_hash("v1", [])
    lake.ledger.append(
        [
            written.complete(
                Entry(table, day, Status.STORED, rows=3, code_version="v1", inputs_hash=key)
            )
            for day in days
        ]
    )


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Three stored days in the lake of a project."""
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    for variable in ("POSTGRES_URL", "LAKE"):
        monkeypatch.setenv(f"ML_ASSETS_{variable}", "")
    settings.cache_clear()
    lake = Workspace.of_environment().unconfirmed_lake
    store(lake, TABLE, rows(*DAYS), DAYS)
    return open_lake()


def files_of(lake: Lake, day: str, table: str = TABLE) -> list[Path]:
    """Data files of a day that its table names."""
    uris = lake.open(table).file_uris()
    return [Path(uri) for uri in uris if f"{DAY}={day}" in uri]


def deleted_rows(lake: Lake) -> None:
    """Delete the rows of a day with Delta."""
    lake.open(TABLE).delete(f"{DAY} = '{TUESDAY}'")


def some_rows(lake: Lake) -> None:
    """Delete one row of a day with Delta."""
    lake.open(TABLE).delete(f"{DAY} = '{TUESDAY}' and id = 1")


def updated(lake: Lake) -> None:
    """Update rows of a day with Delta."""
    lake.open(TABLE).update(predicate=f"{DAY} = '{TUESDAY}'", updates={"delay": "delay + 1"})


def overwritten(lake: Lake) -> None:
    """Replace the file of a day by that of another day, in place."""
    [file], [other] = files_of(lake, TUESDAY), files_of(lake, MONDAY)
    frame = pd.read_parquet(other).assign(delay=5.0)
    frame.drop(columns=DAY, errors="ignore").to_parquet(file, index=False)


def garbage(lake: Lake) -> None:
    """Overwrite the file of a day with something that is no Parquet."""
    [file] = files_of(lake, TUESDAY)
    file.write_bytes(b"no parquet" * 40)


def file_gone(lake: Lake) -> None:
    """Delete the file of a day."""
    [file] = files_of(lake, TUESDAY)
    file.unlink()


def restored(lake: Lake) -> None:
    """Write other rows and forget them: as after a restore of the ledger alone."""
    lake.write(TABLE, rows(TUESDAY).assign(delay=7.0), [TUESDAY])


DAMAGE = pytest.mark.parametrize(
    ("damage", "word"),
    [
        pytest.param(deleted_rows, "lost", id="e1 rows of a day deleted"),
        pytest.param(some_rows, "altered", id="e1 one row deleted"),
        pytest.param(updated, "altered", id="e2 delta update"),
        pytest.param(overwritten, "lost", id="e2 file overwritten in place"),
        pytest.param(restored, "altered", id="e2 day written behind the ledger"),
        pytest.param(garbage, "lost", id="e3 file is garbage"),
        pytest.param(file_gone, "lost", id="e3 file deleted"),
    ],
)


@DAMAGE
def test_e1_e2_e3_damaged_days_are_refused_named_and_quarantined(
    lake: Lake, damage: Callable[[Lake], None], word: str
) -> None:
    damage(lake)
    window = lake.window(TABLE, DAYS)

    with pytest.raises(LakeMismatch, match=rf"{TABLE}.*{TUESDAY} was {word}") as refused:
        window.read()

    assert f"ml-assets recompute {TABLE} --partition {TUESDAY}" in str(refused.value)
    entry = lake.ledger.latest(TABLE)[TUESDAY]
    assert entry.status is Status.QUARANTINED
    assert entry.reason.startswith(word)
    assert len(lake.window(TABLE, DAYS).read(days=[MONDAY, WEDNESDAY])) == 6


@DAMAGE
def test_e1_e2_e3_only_days_that_read_a_damaged_day_are_not_computed(
    lake: Lake, damage: Callable[[Lake], None], word: str
) -> None:
    damage(lake)
    inputs = {"flights": Input(TABLE)}

    for _ in range(2):
        planned = plan(lake, MADE, DAYS, inputs, "v1")

        assert list(planned.compute) == [MONDAY, WEDNESDAY]
        assert list(planned.skipped) == [TUESDAY]
        assert f"{TABLE} {TUESDAY} was {word}" in planned.skipped[TUESDAY]


@DAMAGE
def test_e3_only_readable_days_count_as_unchanged(
    lake: Lake, damage: Callable[[Lake], None], word: str
) -> None:
    del word
    assert list(plan(lake, TABLE, DAYS, {}, "v1").unchanged) == DAYS
    damage(lake)

    planned = plan(lake, TABLE, DAYS, {}, "v1")
    assert list(planned.compute) == [TUESDAY]
    assert list(planned.unchanged) == [MONDAY, WEDNESDAY]

    store(lake, TABLE, rows(TUESDAY), [TUESDAY])
    assert len(lake.window(TABLE, DAYS).read()) == 9


def test_e2_a_day_of_a_look_back_that_was_altered_is_refused_and_not_left_out(lake: Lake) -> None:
    updated(lake)

    planned = plan(lake, MADE, [WEDNESDAY], {"flights": Input(TABLE, -2, 0)}, "v1")

    assert f"{TABLE} {TUESDAY} was altered" in planned.skipped[WEDNESDAY]


def test_e2_old_versions_are_verified_by_what_was_recorded_of_them(lake: Lake) -> None:
    version = lake.open(TABLE).version()
    recorded = lake.window(TABLE, [TUESDAY]).hashes
    store(lake, TABLE, rows(TUESDAY).assign(delay=9.0), [TUESDAY])
    shutil.rmtree(Path(lake.uri) / TABLE)
    for _ in range(version + 2):
        store(lake, TABLE, rows(*DAYS).assign(delay=8.0), DAYS)

    with pytest.raises(LakeMismatch, match="Restore the lake from a backup"):
        lake.read(TABLE, [TUESDAY], version=version, hashes=recorded)

    assert lake.days_stored(TABLE) == DAYS


def untouched(lake: Lake, tmp_path: Path) -> None:
    """Leave everything as it is."""


def copied(lake: Lake, tmp_path: Path) -> None:
    """Copy the lake away and back, with other times of change."""
    shutil.copytree(lake.uri, tmp_path / "backup", copy_function=shutil.copyfile)
    shutil.rmtree(lake.uri)
    shutil.copytree(tmp_path / "backup", lake.uri, copy_function=shutil.copyfile)


def compacted(lake: Lake, tmp_path: Path) -> None:
    """Write the day anew in several files and compact them."""
    delta = lake.open(TABLE)
    delta.optimize.z_order(["id"])


def touched(lake: Lake, tmp_path: Path) -> None:
    """Give all files another time of change."""
    for file in Path(lake.uri).rglob("*.parquet"):
        os.utime(file, (1, 1))


@pytest.mark.parametrize(
    ("change", "hashes_again"),
    [
        pytest.param(untouched, False, id="untouched"),
        pytest.param(copied, True, id="copied and restored"),
        pytest.param(compacted, True, id="compacted"),
        pytest.param(touched, True, id="touched"),
    ],
)
def test_e2_known_files_are_trusted_and_others_are_hashed_once(
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Lake, Path], None],
    hashes_again: bool,
) -> None:
    hashed: list[Sequence[str]] = []
    real = verification.differing_days
    monkeypatch.setattr(
        verification,
        "differing_days",
        lambda *reported: hashed.append(list(reported[1])) or real(*reported),
    )
    change(lake, tmp_path)

    for _ in range(3):
        assert len(lake.window(TABLE, DAYS).read()) == 9

    assert hashed == ([DAYS] if hashes_again else [])


def test_e3_a_lost_table_is_computed_again_by_materializing_it(lake: Lake) -> None:
    shutil.rmtree(Path(lake.uri) / TABLE)

    with pytest.raises(LakeMismatch, match="was lost") as refused:
        lake.window(TABLE, DAYS).read()

    assert "make clean" not in str(refused.value)
    assert list(plan(lake, TABLE, DAYS, {}, "v1").compute) == DAYS
    store(lake, TABLE, rows(*DAYS), DAYS)
    assert len(lake.window(TABLE, DAYS).read()) == 9


def test_e4_old_versions_are_readable_after_a_hundred_commits_and_old_logs(lake: Lake) -> None:
    first = lake.open(TABLE).version()
    for number in range(98):
        lake.write(TABLE, rows(MONDAY).assign(delay=float(number)), [MONDAY])
    for file in (Path(lake.uri) / TABLE / "_delta_log").iterdir():
        age = file.stat().st_mtime - 45 * 86_400
        os.utime(file, (age, age))
    for _ in range(10):
        lake.write(TABLE, rows(MONDAY), [MONDAY])

    assert len(lake.read(TABLE, DAYS, version=first)) == 9
    assert maintain(lake, TABLE, [], keeps_history=True)
    assert len(lake.read(TABLE, DAYS, version=first)) == 9
    assert len(lake.window(TABLE, DAYS).read()) == 9


def broken_log(log: Path) -> None:
    """Cut the newest entry of a log."""
    newest = max(log.glob("*.json"))
    newest.write_text(newest.read_text("utf-8")[:40], "utf-8")


def emptied_log(log: Path) -> None:
    """Empty the newest entry of a log."""
    max(log.glob("*.json")).write_bytes(b"")


def first_entry_gone(log: Path) -> None:
    """Delete the first entry of a log."""
    min(log.glob("*.json")).unlink()


@pytest.mark.parametrize(
    ("damage", "use"),
    [
        (damage, use)
        for damage in (broken_log, emptied_log, first_entry_gone)
        for use in ("read", "write", "maintain", "plan")
        if damage is not emptied_log or use in {"read", "maintain"}
    ],
)
def test_e4_a_damaged_log_is_reported_with_table_place_and_remedy(
    lake: Lake, damage: Callable[[Path], None], use: str
) -> None:
    damage(Path(lake.uri) / TABLE / "_delta_log")
    uses: dict[str, Callable[[], object]] = {
        "read": lambda: lake.window(TABLE, DAYS).read(),
        "write": lambda: lake.write(TABLE, rows(MONDAY), [MONDAY]),
        "maintain": lambda: maintain(lake, TABLE, []),
        "plan": lambda: plan(lake, MADE, DAYS, {"flights": Input(TABLE)}, "v1"),
    }

    with pytest.raises(LakeMismatch, match=rf"{TABLE}.*backup"):
        uses[use]()


def test_e4_days_of_an_emptied_log_are_lost_and_planned_as_such(lake: Lake) -> None:
    emptied_log(Path(lake.uri) / TABLE / "_delta_log")

    planned = plan(lake, MADE, DAYS, {"flights": Input(TABLE)}, "v1")

    assert not planned.compute
    assert planned.skipped == {
        day: f"{TABLE} {day} was lost after it was stored: it has no rows, 3 were recorded. "
        f"To compute it again, run: ml-assets recompute {TABLE} --partition {day}"
        for day in DAYS
    }


def test_e4_a_day_written_after_an_emptied_log_is_readable_and_the_lost_ones_are_named(
    lake: Lake,
) -> None:
    emptied_log(Path(lake.uri) / TABLE / "_delta_log")

    store(lake, TABLE, rows(MONDAY).assign(delay=4.0), [MONDAY])

    assert [*lake.window(TABLE, [MONDAY]).read()["delay"]] == [4.0] * 3
    with pytest.raises(LakeMismatch, match=f"{TUESDAY} was lost.*{WEDNESDAY} was lost") as refused:
        lake.window(TABLE, DAYS).read()
    span = f"{TUESDAY}...{WEDNESDAY}"
    assert f"ml-assets recompute {TABLE} --partition-range {span}" in str(refused.value)
    assert list(plan(lake, TABLE, DAYS, {}, "v1").compute) == [TUESDAY, WEDNESDAY]
    store(lake, TABLE, rows(TUESDAY, WEDNESDAY), [TUESDAY, WEDNESDAY])
    assert len(lake.window(TABLE, DAYS).read()) == 9


def file_deleted(file: Path) -> None:
    """Delete the ledger."""
    for part in file.parent.glob("ledger.db*"):
        part.unlink()


def emptied_file(file: Path) -> None:
    """Leave an empty file."""
    file_deleted(file)
    file.touch()


def emptied_tables(file: Path) -> None:
    """Delete all rows of the ledger's own tables."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for table in ("ledger_entries", "ledger_reads", "ledger_schemas", "ledger_files"):
            connection.execute(f"DELETE FROM {table}")


def emptied_meta(file: Path) -> None:
    """Delete all rows, the id included."""
    emptied_tables(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM ledger_meta")


EMPTIED = pytest.mark.parametrize(
    "empty", [file_deleted, emptied_file, emptied_tables, emptied_meta]
)


@EMPTIED
def test_e5_a_new_or_emptied_ledger_beside_a_lake_is_refused_with_the_command(
    lake: Lake, empty: Callable[[Path], None]
) -> None:
    empty(Path(str(lake.ledger.url.database)))

    for _ in range(2):
        with pytest.raises(LakeMismatch, match="ml-assets lake rebuild-ledger"):
            open_lake()


@EMPTIED
def test_e5_a_rebuilt_ledger_has_days_hashes_schemas_and_versions(
    lake: Lake, empty: Callable[[Path], None]
) -> None:
    store(lake, TABLE, rows(MONDAY).assign(delay=4.0), [MONDAY])
    before, history = lake.ledger.latest(TABLE), lake.ledger.history(TABLE)
    empty(Path(str(lake.ledger.url.database)))

    bare = Workspace.of_environment().unconfirmed_lake
    carried = rebuildable_lake_id(bare)
    found = entries_of_table(bare, TABLE)
    assert found is not None
    bare.ledger.reset(carried, found[0])

    rebuilt = open_lake()
    assert len(rebuilt.window(TABLE, DAYS).read()) == 9
    for day, entry in rebuilt.ledger.latest(TABLE).items():
        was = before[day]
        assert (entry.content_hash, entry.schema, entry.version, entry.rows) == (
            (was.content_hash, was.schema, was.version, was.rows)
        )
    stored = [entry for entry in history if entry.status is Status.STORED]
    assert [entry.content_hash for entry in rebuilt.ledger.history(TABLE)] == [
        entry.content_hash for entry in stored
    ]
    assert list(plan(rebuilt, TABLE, DAYS, {}, "v1").compute) == DAYS
    with pytest.raises(ConfigurationError, match="has entries"):
        rebuildable_lake_id(rebuilt)


def test_e5_days_altered_before_a_rebuild_are_not_stored(lake: Lake) -> None:
    updated(lake)
    file_deleted(Path(str(lake.ledger.url.database)))

    found = entries_of_table(Workspace.of_environment().unconfirmed_lake, TABLE)

    assert found is not None
    assert found[1].days == 2
    assert list(found[1].damaged) == [TUESDAY]


def test_e5_a_ledger_without_its_lake_is_refused_and_can_adopt_an_empty_one(lake: Lake) -> None:
    shutil.rmtree(lake.uri)

    with pytest.raises(LakeMismatch, match=r"missing or empty.*ml-assets lake adopt"):
        open_lake()

    Workspace.of_environment().unconfirmed_lake.mark()
    again = open_lake()
    assert list(plan(again, TABLE, DAYS, {}, "v1").compute) == DAYS


def test_e5_a_lake_whose_id_is_lost_is_refused_and_can_be_adopted(lake: Lake) -> None:
    shutil.rmtree(Path(lake.uri) / MARK)

    with pytest.raises(LakeMismatch, match="ml-assets lake adopt"):
        open_lake()

    Workspace.of_environment().unconfirmed_lake.mark()
    assert len(Workspace.of_environment().lake.window(TABLE, DAYS).read()) == 9


def test_e5_a_ledger_of_another_lake_is_refused(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "other"))
    settings.cache_clear()
    other = Workspace.of_environment().unconfirmed_lake
    store(other, TABLE, rows(MONDAY), [MONDAY])
    shutil.rmtree(lake.uri)
    shutil.copytree(other.uri, lake.uri)
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    settings.cache_clear()

    with pytest.raises(LakeMismatch, match="do not belong together"):
        open_lake()


def test_e7_a_moved_data_folder_is_used_and_nothing_is_computed(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del lake
    (tmp_path / "data").rename(tmp_path / "moved")
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "moved"))
    settings.cache_clear()

    moved = open_lake()

    assert len(moved.window(TABLE, DAYS).read()) == 9
    assert list(plan(moved, TABLE, DAYS, {}, "v1").unchanged) == DAYS


EARLIER = """
CREATE TABLE ledger_entries (id INTEGER PRIMARY KEY AUTOINCREMENT, table_name VARCHAR(200) NOT NULL,
  day VARCHAR(10) NOT NULL, status VARCHAR(12) NOT NULL, reason TEXT NOT NULL,
  content_hash VARCHAR(64) NOT NULL, rows INTEGER NOT NULL, dead_letters INTEGER NOT NULL,
  version INTEGER, code_version VARCHAR(64) NOT NULL, inputs_hash VARCHAR(64) NOT NULL,
  run_id VARCHAR(40) NOT NULL, written_at DATETIME NOT NULL);
CREATE TABLE ledger_reads (entry_id INTEGER NOT NULL, table_name VARCHAR(200) NOT NULL,
  day VARCHAR(10) NOT NULL, content_hash VARCHAR(64) NOT NULL, version INTEGER,
  is_pinned BOOLEAN DEFAULT 0 NOT NULL);
"""


def test_data_written_by_an_earlier_version_are_refused_with_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.executescript(EARLIER)
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path))
    monkeypatch.setenv("ML_ASSETS_POSTGRES_URL", "")
    settings.cache_clear()

    with pytest.raises(ConfigurationError, match="and then 'make demo'") as refused:
        open_lake()

    clean, _ = commands(str(refused.value))
    subprocess.run(clean, check=True)
    assert Workspace.of_environment().lake.ledger.tables() == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(["Makefile"], ["make", "clean"], id="data/ of a checkout"),
        pytest.param([], ["rm", "-r", "{data}"], id="data/ of an environment"),
    ],
)
def test_make_clean_is_named_only_where_it_empties_the_right_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], expected: list[str]
) -> None:
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"

    clean, build = commands(rebuild_commands(sa.make_url(f"sqlite:///{data / 'ledger.db'}")))

    assert clean == [word.format(data=data) for word in expected]
    assert build == ["make", "demo"]


def test_a_reopened_day_is_computed_again_and_usable_until_then(lake: Lake) -> None:
    assert reopen(lake.ledger, TABLE, [TUESDAY, "2013-08-01"]) == [TUESDAY]

    planned = plan(lake, TABLE, DAYS, {}, "v1")

    assert list(planned.compute) == [TUESDAY]
    assert len(lake.window(TABLE, DAYS).read()) == 9


def test_e2_a_lake_older_than_its_ledger_is_not_read_as_current(lake: Lake, tmp_path: Path) -> None:
    shutil.copytree(Path(lake.uri) / TABLE, tmp_path / "older")
    store(lake, TABLE, rows(TUESDAY).assign(delay=4.0), [TUESDAY])
    shutil.rmtree(Path(lake.uri) / TABLE)
    shutil.copytree(tmp_path / "older", Path(lake.uri) / TABLE)

    with pytest.raises(LakeMismatch, match=rf"{TABLE} {TUESDAY} was altered"):
        lake.window(TABLE, DAYS).read()

    assert [*lake.window(TABLE, DAYS).hashes] == [MONDAY, WEDNESDAY]
    assert list(plan(lake, TABLE, DAYS, {}, "v1").compute) == [TUESDAY]


def test_e2_a_window_reads_what_it_was_opened_on_after_its_days_were_rewritten(lake: Lake) -> None:
    window = lake.window(TABLE, DAYS)
    store(lake, TABLE, rows(TUESDAY).assign(delay=4.0), [TUESDAY])
    store(lake, TABLE, rows(TUESDAY).assign(delay=5.0), [TUESDAY])

    pd.testing.assert_frame_equal(window.read()[["ds", "id", "delay"]], rows(*DAYS))
    assert lake.days_stored(TABLE) == DAYS


@pytest.mark.parametrize("moment", ["before the rows are read", "after the verdict"])
def test_e2_a_check_does_not_quarantine_a_good_day_that_is_rewritten_meanwhile(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def rewrite() -> None:
        store(lake, TABLE, rows(TUESDAY).assign(delay=4.0), [TUESDAY])

    if moment == "before the rows are read":
        real, waiting = Lake.recorded_rows, [rewrite]

        def recorded(self: Lake, *reported: object) -> object:
            if waiting:
                waiting.pop()()
            return real(self, *reported)

        monkeypatch.setattr(Lake, "recorded_rows", recorded)
        stored = read_stored(Workspace.of_environment(), TABLE, DAYS)
        assert not stored.damage
    else:
        updated(lake)
        stored = read_stored(Workspace.of_environment(), TABLE, DAYS)
        assert [*stored.damage] == [TUESDAY]
        rewrite()

    _rows_match_data_version(stored)

    assert lake.days_stored(TABLE) == DAYS
