"""The ``ml-assets`` command as a shell sees it: output, files and exit codes."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ml_assets_tests.project import Project

WEEK = "2013-01-02...2013-01-08"
FLIGHTS = 'key:"sources/flights"'


def ml_assets(project: Project, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in the project's folder."""
    command = [str(Path(sys.executable).with_name("ml-assets")), *arguments]
    return subprocess.run(
        command, cwd=project.data.parent, capture_output=True, text=True, check=False, timeout=120
    )


def test_checks_of_good_days_exit_0_and_write_junit(project: Project) -> None:
    assert project.materialize(FLIGHTS, WEEK).succeeded

    done = ml_assets(
        project, "checks", "--select", FLIGHTS, "--partition-range", WEEK, "--junit", "out/c.xml"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 35 results are good" in done.stdout
    suite = ET.parse(project.data.parent / "out" / "c.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.attrib == {
        "name": "sources/flights",
        "tests": "35",
        "failures": "0",
        "errors": "0",
    }


def test_a_day_that_was_never_materialized_exits_1_and_is_named(project: Project) -> None:
    assert project.materialize(FLIGHTS, WEEK).succeeded

    done = ml_assets(
        project, "checks", "--select", FLIGHTS, "--partition-range", "2013-01-08...2013-01-09"
    )

    assert done.returncode == 1
    assert "sources/flights 2013-01-09 meets_contract: not materialized" in done.stdout


def test_a_check_that_cannot_run_has_no_result_and_exits_1(project: Project) -> None:
    assert project.materialize(FLIGHTS, WEEK).succeeded
    project.source.unlink()

    done = ml_assets(
        project, "checks", "--select", FLIGHTS, "--partition", "2013-01-05", "--junit", "c.xml"
    )

    assert done.returncode == 1
    assert "no result sources/flights 2013-01-05 up_to_date_with_source" in done.stdout
    suite = ET.parse(project.data.parent / "c.xml").getroot().find("testsuite")
    assert suite is not None
    assert int(suite.attrib["errors"]) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--partition", "2013-02-30"], "is not a day", id="no such day"),
        pytest.param(
            ["--partition-range", "2013-02-03...2013-02-01"], "ends before it begins", id="reversed"
        ),
        pytest.param(
            ["--partition", "2013-01-01", "--partition-range", WEEK], "not both", id="both"
        ),
        pytest.param(["--select", 'key:"nope"'], "names no asset", id="unknown asset"),
        pytest.param(["--select", "(("], "cannot be used", id="unreadable selection"),
        pytest.param(
            ["--partition", "2020-01-01", "--select", FLIGHTS], "Nothing to", id="outside"
        ),
        pytest.param(
            ["--partition", "2031-01-01"], "Nothing to check on 2031-01-01", id="wrong year"
        ),
        pytest.param(["--partition-range", "2013-02-01..."], "is not a day", id="open range"),
        pytest.param(["--nonsense"], "No such option", id="unknown option"),
    ],
)
def test_arguments_that_cannot_be_used_exit_2(
    project: Project, arguments: list[str], message: str
) -> None:
    done = ml_assets(project, "checks", *arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_loading_the_source_again_changes_nothing(project: Project) -> None:
    before = project.source.read_bytes()

    done = ml_assets(project, "source", "load")

    assert done.returncode == 0, done.stderr
    assert "complete already" in done.stdout
    assert project.source.read_bytes() == before


def test_maintenance_keeps_what_is_stored(project: Project) -> None:
    assert project.materialize(FLIGHTS, WEEK).succeeded
    project.sql("UPDATE flights SET distance = distance + 1 WHERE month = 1 AND day = 5")
    assert project.materialize(FLIGHTS, WEEK).succeeded

    done = ml_assets(project, "lake", "maintain")

    assert done.returncode == 0, done.stderr
    assert "sources/flights" in done.stdout
    assert not [result for result in project.check(FLIGHTS, WEEK) if result.is_bad]


def test_without_a_home_the_command_says_what_to_do(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")

    done = ml_assets(project, "checks")

    assert done.returncode == 2
    assert "Run 'make setup'" in done.stderr
