"""The commands in messages are executed on the state that the message describes."""

import shlex
import shutil
from pathlib import Path

import pytest

from ml_assets.errors import LakeMismatch
from ml_assets.lake.remedy import partition_options, repair_commands
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import commands, invoked, ml_assets, run, run_all

FLIGHTS, KEY = "sources/flights", 'key:"sources/flights"'
WEEK = "2013-01-02...2013-01-08"


def failing_checks(*arguments: str) -> list[str]:
    """The command suggested by a failing 'checks'."""
    done = invoked("checks", *arguments)
    assert done.exit_code == 1
    return commands(done.output)[-1]


@pytest.mark.parametrize(
    ("days", "options"),
    [
        pytest.param(["snapshot"], [""], id="no days"),
        pytest.param(["2013-01-31"], [" --partition 2013-01-31"], id="one day"),
        pytest.param(
            ["2013-02-01", "2013-01-31"],
            [" --partition-range 2013-01-31...2013-02-01"],
            id="over the end of a month",
        ),
        pytest.param(
            ["2013-04-01", "2013-05-01", "2013-05-02"],
            [" --partition 2013-04-01", " --partition-range 2013-05-01...2013-05-02"],
            id="with a gap",
        ),
    ],
)
def test_options_name_the_damaged_days_and_no_others(days: list[str], options: list[str]) -> None:
    assert partition_options(days) == options


def test_rows_that_record_what_was_done_are_materialized_and_not_recomputed(
    tmp_path: Path,
) -> None:
    lake = Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    entry = Entry("p/predictions", "2013-05-01", Status.QUARANTINED, is_final=True)

    [command] = repair_commands(lake, [entry])

    assert shlex.split(command)[-4:] == [
        "--assets",
        'key:"p/predictions"',
        "--partition",
        "2013-05-01",
    ]


def test_the_command_for_lost_days_computes_them_again(project: Project) -> None:
    assert project.materialize(KEY, WEEK).succeeded
    before = project.versions(FLIGHTS)
    shutil.rmtree(Path(project.lake.uri) / FLIGHTS)

    with pytest.raises(LakeMismatch, match="To compute them again") as refused:
        project.lake.read(FLIGHTS)
    run_all(project, str(refused.value))

    assert project.versions(FLIGHTS) == before
    assert len(project.lake.read(FLIGHTS))


def test_checks_suggest_the_repair_of_a_missing_and_a_changed_day(project: Project) -> None:
    assert project.materialize(KEY, WEEK).succeeded

    missing = ("--select", KEY, "--partition", "2013-01-09")
    run(project, failing_checks(*missing))
    assert invoked("checks", *missing).exit_code == 0

    changed = ("--select", KEY, "--partition", "2013-01-05")
    project.sql("UPDATE flights SET distance = distance + 1 WHERE month = 1 AND day = 5")
    run(project, failing_checks(*changed))
    assert invoked("checks", *changed).exit_code == 0


def test_after_a_rebuild_corrections_of_the_source_are_seen(project: Project) -> None:
    assert project.materialize(KEY, WEEK).succeeded
    for file in project.data.glob("ledger.db*"):
        file.unlink()
    ml_assets("lake", "rebuild-ledger")
    project.sql("UPDATE flights SET distance = distance + 1 WHERE month = 1 AND day = 5")
    before = project.versions(FLIGHTS)

    [reported] = [
        result.reason
        for result in project.check(KEY, "2013-01-05")
        if result.check == "up_to_date_with_source"
    ]
    assert reported.startswith("unknown, because the ledger was rebuilt")
    run_all(project, reported)

    assert project.versions(FLIGHTS) != before
    assert not [result for result in project.check(KEY, "2013-01-05") if result.state != "passed"]
