"""The commands about the online store, on the state of airports of real flights."""

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.prepared import opened, opened_copy
from ml_assets_tests.project import ROOT, Project

TABLE, DAYS = "flight_delays/origin_state", "2013-01-02...2013-01-04"
SOURCES = 'key:"sources/flights" or key:"sources/weather"'
AT = ("--at", "2013-01-04T18:30-05:00")
AFTER_MIDNIGHT = ("--at", "2013-01-05T00:30-05:00")
WIDTH = 80


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, three_weeks: Path, definitions: dg.Definitions
) -> Path:
    """A project with the state of airports of three days; do not change it."""
    folder = tmp_path_factory.mktemp("airports") / "home"
    shutil.copytree(three_weeks, folder / "data")
    shutil.copy(ROOT / "dagster.yaml", folder / "dagster.yaml")
    with opened(folder, definitions) as project:
        assert project.materialize('key:"sources/airports"').succeeded
        assert project.materialize(f'{SOURCES} or key:"{TABLE}"', DAYS).succeeded
    return folder


@pytest.fixture
def airports(home: Path, tmp_path: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A copy of the project."""
    with opened_copy(home, tmp_path / "home", definitions) as project:
        yield project


@pytest.fixture
def unchanged(home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """The project itself."""
    with opened(home, definitions) as project:
        yield project


def test_what_a_service_gets_is_shown_with_its_age(unchanged: Project) -> None:
    folder = unchanged.data.parent
    asked = ("online", "get", TABLE, "origin=JFK")
    shown = ml_assets(folder, *asked, *AFTER_MIDNIGHT)
    late = ml_assets(folder, *asked, "--at", "2013-01-06")
    document = ml_assets(folder, *asked, *AFTER_MIDNIGHT, "--json")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert max(map(len, shown.stdout.splitlines())) <= WIDTH
    assert re.search(r"^origin_backlog_3h +-?\d+$", shown.stdout, re.MULTILINE)
    text = " ".join(shown.stdout.split())
    assert "Known at 2013-01-05 05:00 UTC, 30 minutes before 2013-01-05 05:30 UTC" in text
    assert ": not stale, the ttl is 3 hours. From partition 2013-01-04, written online at" in text
    assert "19 hours before 2013-01-06 00:00 UTC: stale" in " ".join(late.stdout.split())
    found = json.loads(document.stdout)
    assert found["entity"] == {"origin": "JFK"}
    assert (found["partition"], found["event_time"]) == ("2013-01-04", "2013-01-05T05:00:00+00:00")
    assert (found["age_seconds"], found["ttl_seconds"], found["is_stale"]) == (1800, 10800, False)
    rows = unchanged.lake.read(TABLE, ["2013-01-04"])
    [row] = rows[(rows["origin"] == "JFK") & (rows["known_at"] == found["event_time"])].to_dict(
        "records"
    )
    assert found["values"]["temp"] == row["temp"]


def test_everything_that_is_stored_is_written_again(airports: Project) -> None:
    (airports.data / "online.db").unlink()
    for file in airports.data.glob("online.db-*"):
        file.unlink()
    check = ("checks", "--select", f'key:"{TABLE}"', "--partition-range", DAYS)
    failed = ml_assets(airports.data.parent, *check)
    assert failed.returncode == 1
    command = f"ml-assets online materialize {TABLE} --until 2013-01-04"
    assert f"Next, write its rows online again: {command}" in " ".join(failed.stdout.split())

    done = ml_assets(airports.data.parent, "online", "materialize", TABLE, "--until", "2013-01-31")

    assert done.returncode == 0, done.stderr
    assert "3 entities of flight_delays/origin_state are online" in done.stdout
    assert "3 partitions, 2013-01-02 to 2013-01-04" in " ".join(done.stdout.split())
    again = ml_assets(airports.data.parent, *check)
    assert again.returncode == 0, again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["get", TABLE, "origin=JFC", *AFTER_MIDNIGHT],
            "There is no entity of flight_delays/origin_state online 'origin=JFC'. Known: origin=EWR, "
            "origin=JFK, origin=LGA. Did you mean 'origin=JFK'?",
            id="unknown entity",
        ),
        pytest.param(
            ["get", TABLE, "origin=JFK", *AT],
            "The online store has no features of origin=JFK as of 2013-01-04 23:30 UTC: its newest were "
            "known at 2013-01-05 05:00 UTC, and the store keeps no older ones. Give a later --at.",
            id="known later",
        ),
        pytest.param(
            ["get", "flight_delays/origin_stat", "origin=JFK"],
            "Did you mean 'flight_delays/origin_state'?",
            id="unknown table",
        ),
        pytest.param(
            ["get", "flight_delays/flight_features", "carrier=UA"],
            "flight_delays/flight_features is not in the online store. To write it there, add for "
            "example 'online: {entity: […], ttl: 1d}'",
            id="not online",
        ),
        pytest.param(
            ["get", TABLE, "airport=JFK"],
            "no entity column 'airport', expected origin=…",
            id="column",
        ),
        pytest.param(["get", TABLE, "JFK"], "'JFK' names no column", id="no column"),
        pytest.param(
            ["get", TABLE, "origin=JFK", "--at", "noon"], "'noon' is no time, expected", id="time"
        ),
        pytest.param(
            ["get", "flight_delays/route_rates", "carrier=UA", "dest=ORD"],
            "No row of flight_delays/route_rates is online, as no partition of it is stored.",
            id="nothing stored",
        ),
        pytest.param(
            ["materialize", TABLE, "--until", "2013-01-01"],
            "has no stored partition until 2013-01-01: its first is 2013-01-02. To compute one, run: "
            "dg launch -m ml_assets.definitions --assets 'key:\"flight_delays/origin_state\"' "
            "--partition 2013-01-01",
            id="nothing stored until then",
        ),
        pytest.param(
            ["materialize", TABLE, "--until", "yesterday"], "'yesterday' is not a day", id="no day"
        ),
    ],
)
def test_what_cannot_be_answered_is_told_with_what_is_known(
    unchanged: Project, arguments: list[str], message: str
) -> None:
    done = ml_assets(unchanged.data.parent, "online", *arguments)

    assert done.returncode == 2, done.stdout
    assert message in " ".join(done.stderr.split())


def test_lost_rows_are_told_with_the_command_that_writes_them(airports: Project) -> None:
    with closing(sqlite3.connect(airports.data / "online.db")) as connection, connection:
        connection.execute("DELETE FROM online_rows")

    done = ml_assets(airports.data.parent, "online", "get", TABLE, "origin=JFK")

    assert done.returncode == 2
    command = f"ml-assets online materialize {TABLE} --until 2013-01-04"
    assert done.stderr.strip().endswith(f"run: {command}")
