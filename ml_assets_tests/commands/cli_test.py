"""The ``ml-assets`` command as a shell sees it: output, files and exit codes."""

import json
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing

import pandas as pd
import pytest

from ml_assets_tests.commands.shell import ml_assets, ml_assets_process
from ml_assets_tests.project import Project

WEEK = "2013-01-02...2013-01-08"
FLIGHTS = 'key:"sources/flights"'
DAILY_SOURCES = 'key:"sources/flights" or key:"sources/weather"'


def test_checks_of_good_days_exit_0_and_write_junit(project: Project) -> None:
    assert project.materialize(FLIGHTS, WEEK).succeeded

    done = ml_assets_process(
        project.data.parent,
        "checks",
        "--select",
        FLIGHTS,
        "--partition-range",
        WEEK,
        "--junit",
        "out/c.xml",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 56 results are good" in done.stdout
    suite = ET.parse(project.data.parent / "out" / "c.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.attrib == {
        "name": "sources/flights",
        "tests": "56",
        "failures": "0",
        "errors": "0",
    }


def test_a_day_that_was_never_materialized_exits_1_and_is_named(project: Project) -> None:
    assert project.materialize(FLIGHTS, WEEK).succeeded

    done = ml_assets(
        project.data.parent,
        "checks",
        "--select",
        FLIGHTS,
        "--partition-range",
        "2013-01-08...2013-01-09",
    )

    assert done.returncode == 1
    assert "sources/flights 2013-01-09 meets_contract: not materialized" in done.stdout


def test_without_a_range_days_are_checked_up_to_the_last_processed_one(project: Project) -> None:
    assert project.materialize(FLIGHTS, "2013-01-01...2013-01-03").succeeded
    assert project.materialize(FLIGHTS, "2013-01-05").succeeded

    done = ml_assets(project.data.parent, "checks", "--select", DAILY_SOURCES, "--json")

    bad = {
        (one["asset"], one["day"])
        for one in json.loads(done.stdout)["results"]
        if one["state"] != "passed"
    }
    assert done.returncode == 1
    assert bad == {("sources/flights", "2013-01-04"), ("sources/weather", "2013-01-01")}


def test_names_of_checks_are_not_broken_at_80_columns(project: Project) -> None:
    assert project.materialize(FLIGHTS, "2013-01-01").succeeded

    done = ml_assets(project.data.parent, "checks", "--select", FLIGHTS)

    assert "\nsources/flights " in done.stdout
    assert "\n  rows_match_data_version " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_check_that_cannot_run_has_no_result_and_exits_1(project: Project) -> None:
    assert project.materialize(FLIGHTS, WEEK).succeeded
    project.source.unlink()

    done = ml_assets(
        project.data.parent,
        "checks",
        "--select",
        FLIGHTS,
        "--partition",
        "2013-01-05",
        "--junit",
        "c.xml",
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
        pytest.param(["--select", 'key:"nope"'], "matches no asset", id="unknown asset"),
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
    done = ml_assets(project.data.parent, "checks", *arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_loading_the_source_again_changes_nothing(project: Project) -> None:
    before = project.source.read_bytes()

    done = ml_assets(project.data.parent, "source", "load")

    assert done.returncode == 0, done.stderr
    assert "complete already" in done.stdout
    assert project.source.read_bytes() == before


def test_maintenance_keeps_what_is_stored(project: Project) -> None:
    assert project.materialize(FLIGHTS, WEEK).succeeded
    project.sql("UPDATE flights SET distance = distance + 1 WHERE month = 1 AND day = 5")
    assert project.materialize(FLIGHTS, WEEK).succeeded

    done = ml_assets(project.data.parent, "lake", "maintain")

    assert done.returncode == 0, done.stderr
    assert "sources/flights" in done.stdout
    assert not [result for result in project.check(FLIGHTS, WEEK) if result.is_bad]


@pytest.mark.parametrize("variable", ["DAGSTER_HOME", "ML_ASSETS_COMPUTE_LOGS"])
def test_without_the_variables_of_the_environment_file_the_command_names_the_remedy(
    project: Project, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)

    done = ml_assets(project.data.parent, "checks")

    assert done.returncode == 2
    assert variable in done.stderr
    assert "Traceback" not in done.stderr
    assert "Run 'make setup'" in done.stderr


def source_rows(project: Project) -> dict[str, tuple[int, str]]:
    """Table → rows and newest moment of the source database."""
    with closing(sqlite3.connect(project.source)) as connection:
        flights = connection.execute("SELECT count(*), max(time_hour) FROM flights").fetchone()
    files = sorted((project.data / "source_files" / "weather").glob("*.csv"))
    weather = pd.concat([pd.read_csv(file) for file in files])
    return {"flights": flights, "weather": (len(weather), weather["time_hour"].max())}


def test_advancing_the_source_adds_exactly_these_and_once(project: Project) -> None:
    before = source_rows(project)

    done = ml_assets(project.data.parent, "source", "advance", "--until", "2013-01-23")

    assert done.returncode == 0, done.stderr
    after = source_rows(project)
    added = {table: after[table][0] - before[table][0] for table in after}
    assert f"{added['flights']:,} rows of flights" in done.stdout
    assert f"{added['weather']:,} rows of weather" in done.stdout
    assert project.materialize(DAILY_SOURCES, "2013-01-22...2013-01-23").succeeded
    found = project.lake.read("sources/flights")
    assert len(found) == added["flights"]

    again = ml_assets(project.data.parent, "source", "advance", "--until", "2013-01-23")
    earlier = ml_assets(project.data.parent, "source", "advance", "--until", "2013-01-05")

    assert (again.returncode, earlier.returncode) == (0, 0)
    assert "has the days until 2013-01-23 already" in again.stdout
    assert "has the days until 2013-01-05 already" in earlier.stdout
    assert source_rows(project) == after


def test_advancing_a_source_that_was_not_loaded_exits_1(project: Project) -> None:
    project.sql("DROP TABLE weather")

    done = ml_assets(project.data.parent, "source", "advance", "--until", "2013-01-23")

    assert done.returncode == 1
    assert "has no weather to add days to. Load it first" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["flight_delays", "--policy", "weekly"],
            "'weekly' is neither a policy of flight_delays (monthly, never, triggered)",
            id="unknown policy",
        ),
        pytest.param(["flight_delays", "--step", "0d"], "'0d' is not valid", id="empty step"),
        pytest.param(["flight_delays", "--step", "x"], "'x' is not valid", id="no step"),
        pytest.param(
            ["flight_delays", "--end", "2013-03-01"], "ends before it begins", id="reversed"
        ),
        pytest.param(["trains"], "trains", id="unknown pipeline"),
        pytest.param(
            ["trains", "--policy", "never.yaml"],
            "There is no pipeline 'trains'",
            id="unknown pipeline, policy file",
        ),
        pytest.param(
            ["flight_delays", "--label-delay", "-1"],
            "--label-delay",
            id="negative delay",
        ),
    ],
)
def test_backtests_that_cannot_be_run_exit_2(
    project: Project, arguments: list[str], message: str
) -> None:
    (project.data.parent / "never.yaml").write_text("name: never", "utf-8")

    done = ml_assets(project.data.parent, "backtest", *arguments)

    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.data / "backtests").exists()
