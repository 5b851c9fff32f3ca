"""Remedies of a damaged lake, ledger or source: each is performed as its message describes."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from ml_assets.errors import ConfigurationError, LakeMismatch
from ml_assets.lake.pair import MARK
from ml_assets.orchestration.runs.summary import summary_of
from ml_assets.workspace import Workspace
from ml_assets_tests.cases.conftest import WEEK
from ml_assets_tests.project import DAILY, Project, open_lake
from ml_assets_tests.remedies import command, invoked, ml_assets, run, run_all

SOURCE, FLIGHTS = "source_database/flights", "sources/flights"
FEATURES = "flight_delays/flight_features"
KEY = f'key:"{FLIGHTS}"'
DAY = "2013-01-05"


def refusal() -> str:
    """Why lake and ledger are not used together."""
    with pytest.raises(LakeMismatch) as refused:
        open_lake()
    return str(refused.value)


@pytest.mark.slow
def test_a_lake_that_is_lost_for_good_is_adopted_empty_and_computed_again(
    whole_week: Project,
) -> None:
    before = whole_week.versions()
    shutil.rmtree(whole_week.lake.uri)

    run(whole_week, command(refusal()))

    assert whole_week.materialize_daily(WEEK).succeeded
    assert whole_week.versions() == before


def test_a_lake_without_its_id_is_adopted_as_it_is(whole_week: Project) -> None:
    before = whole_week.versions()
    shutil.rmtree(Path(whole_week.lake.uri) / MARK)

    run(whole_week, command(refusal()))

    assert len(whole_week.lake.read(FLIGHTS)) > 0
    assert whole_week.materialize_daily(WEEK).succeeded
    assert whole_week.versions() == before


def test_a_lake_whose_ledger_is_new_is_not_adopted_and_the_ledger_is_rebuilt(
    week: Project,
) -> None:
    before = week.versions(FLIGHTS)
    for file in week.data.glob("ledger.db*"):
        file.unlink()
    refused = str(invoked("lake", "adopt").exception)
    assert "The ledger has no entries" in refused

    run(week, command(refused))

    assert week.versions(FLIGHTS) == before


def test_a_ledger_with_entries_is_rebuilt_after_its_database_was_removed(week: Project) -> None:
    done = invoked("lake", "rebuild-ledger")
    assert isinstance(done.exception, ConfigurationError)
    assert "keep a copy of the ledger's database, and remove the database first" in str(
        done.exception
    )
    before = week.versions(FLIGHTS)

    for file in week.data.glob("ledger.db*"):
        shutil.move(file, week.data / f"kept-{file.name}")
    ml_assets("lake", "rebuild-ledger")

    assert week.versions(FLIGHTS) == before


def test_a_ledger_of_another_lake_and_its_lake_are_restored_from_one_backup(
    week: Project, tmp_path: Path
) -> None:
    before = week.versions()
    shutil.copytree(week.data, tmp_path / "backup")
    mark = Path(week.lake.uri) / MARK
    shutil.rmtree(mark)
    DeltaTable.create(
        str(mark),
        pa.schema([pa.field("id", pa.string())]),
        name=MARK,
        description="another",
    )
    assert "restore both from one backup" in refusal()

    shutil.rmtree(week.data)
    shutil.copytree(tmp_path / "backup", week.data)

    assert week.versions() == before
    assert len(Workspace.of_environment().lake.read(FLIGHTS)) > 0


def cut(table: Path) -> None:
    """Cut the newest entry of its log."""
    newest = max((table / "_delta_log").glob("*.json"))
    newest.write_text(newest.read_text("utf-8")[:40], "utf-8")


def with_other_types(table: Path) -> None:
    """Store the distance as text."""
    rows = DeltaTable(table).to_pyarrow_table()
    at = rows.schema.get_field_index("distance")
    as_text = rows.set_column(at, "distance", rows["distance"].cast(pa.string()))
    write_deltalake(table, as_text, mode="overwrite", schema_mode="overwrite")


@pytest.mark.parametrize(
    ("damage", "reported"),
    [
        pytest.param(cut, r"or remove (\S+) and materialize its days again", id="log cut"),
        pytest.param(
            with_other_types, r"delete (\S+) and materialize all its days", id="other types"
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_removed_and_computed_again(
    week: Project, damage: Callable[[Path], None], reported: str
) -> None:
    before = week.versions()
    damage(Path(week.lake.uri) / FLIGHTS)
    outcome = week.materialize(KEY, "2013-01-07")
    [table] = {
        found for text in outcome.failed_steps.values() for found in re.findall(reported, text)
    }

    shutil.rmtree(table)

    assert week.materialize_daily(WEEK).succeeded
    assert week.versions().items() >= before.items()


def test_the_next_command_of_a_run_with_skipped_days_lists_missing_days(week: Project) -> None:
    outcome = week.materialize(f'key:"{FEATURES}"', "2013-01-07")
    _, reported = summary_of(week.lake.ledger, [outcome]).next_step
    assert reported == "ml-assets checks --partition 2013-01-07"

    done = invoked(*shlex.split(reported)[1:])

    assert done.exit_code == 1
    assert FLIGHTS in done.output
    assert "not materialized" in done.output


@pytest.mark.slow
def test_the_commands_of_a_printed_repair_perform_it(week: Project) -> None:
    week.sql("UPDATE flights SET distance = distance + 1 WHERE month = 1 AND day = 5")
    before = week.versions()

    run_all(week, ml_assets("impact", FLIGHTS, "--partition", DAY, "--plan"))

    changed = {node for node, version in week.versions().items() if before[node] != version}
    assert changed == {(SOURCE, DAY), (FLIGHTS, DAY), (FEATURES, DAY)}
    assert not [result for result in week.check(DAILY, WEEK) if result.is_bad]


def test_a_source_that_is_damaged_is_restored_from_a_backup(week: Project, tmp_path: Path) -> None:
    shutil.copy(week.source, tmp_path / "backup.db")
    whole = week.source.read_bytes()
    week.source.write_bytes(b"\0" * 4096 + whole[4096:])

    outcome = week.materialize(KEY, "2013-01-07")
    assert "Restore it from a backup" in " ".join(outcome.failed_steps.values())
    shutil.copy(tmp_path / "backup.db", week.source)

    assert week.materialize(KEY, "2013-01-07").succeeded


@pytest.mark.usefixtures("with_champion")
def test_a_registry_of_a_copied_project_is_relocated_once() -> None:
    assert "Corrected the folder of 1 version" in ml_assets("registry", "relocate")
    assert "All versions" in ml_assets("registry", "relocate")
