"""A2 · A snapshot with ``refreshes_history: true``: which days its changes make stale, and what differs.

The snapshot is one input, so every day that read it is stale and is computed again by the sensor.
Days that used none of the changed rows keep their data version (docs/decisions/0011).
"""

from dataclasses import replace
from pathlib import Path

import pytest

from ml_assets.planning.progress import unfinished
from ml_assets.planning.staleness import stale
from ml_assets_tests.cases.a2_snapshot_rows_test import UNUSED, uses
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import FEATURES
from ml_assets_tests.project import ROOT, Project
from ml_assets_tests.sensor_runs import run_requested

FLIGHTS, PLANES = "sources/flights", "sources/planes"
WEEK = "2013-01-02...2013-01-06"
DAYS = [f"2013-01-0{day}" for day in range(2, 7)]
PINNED = "planes: {asset: sources/planes, is_snapshot: true, refreshes_history: false}"
REFRESHED = PINNED.replace("false", "true")


@pytest.fixture
def refreshed(week: Project, tmp_path: Path) -> Project:
    """A week of features whose days follow the registry of planes."""
    folder = ROOT / "ml_assets" / "defs"
    sources = (folder / "sources" / "defs.yaml").read_text("utf-8")
    documents = (folder / "flight_delays" / "defs.yaml").read_text("utf-8").split("\n---\n")
    tables = [one for one in documents if "components.ModelPipeline" not in one]
    assert PINNED in tables[0]
    text = "\n---\n".join([sources, tables[0].replace(PINNED, REFRESHED), *tables[1:]])
    project = replace(week, definitions=definitions(tmp_path / "defs", text))
    assert project.materialize(f'key:"{FEATURES}"', WEEK).succeeded
    assert unfinished(project.lake.ledger, FEATURES, DAYS) == {}
    return project


def changed_days(project: Project, before: dict[tuple[str, str], str]) -> set[str]:
    """Days of the features whose data version is another one."""
    return {
        day
        for (table, day), content in project.versions(FEATURES).items()
        if (table, day) in before and content != before[table, day]
    }


@pytest.mark.slow
def test_a2_all_days_are_stale_and_those_that_used_the_changed_row_differ_afterwards(
    refreshed: Project,
) -> None:
    used = uses(refreshed.lake.read(FLIGHTS))
    registered = set(refreshed.lake.read(PLANES)["tailnum"])
    days_of = used[used["tailnum"].isin(registered)].groupby("tailnum")["ds"].agg(set)
    tail, expected = min(days_of[days_of.map(len) == 2].items())
    before = refreshed.versions(FEATURES)
    assert refreshed.sql("UPDATE planes SET seats = seats + 7 WHERE tailnum = ?", tail) == 1
    assert refreshed.materialize(f'key:"{PLANES}"').succeeded

    is_stale = stale(refreshed.lake.ledger, FEATURES, DAYS)
    run_requested(refreshed)

    assert [*is_stale] == DAYS
    assert all(reason.startswith(f"{PLANES} snapshot was ") for reason in is_stale.values())
    assert unfinished(refreshed.lake.ledger, FEATURES, DAYS) == {}
    assert changed_days(refreshed, before) == expected


def test_a2_a_row_that_no_day_used_changes_no_data_version(refreshed: Project) -> None:
    before, planes = refreshed.versions(FEATURES), refreshed.versions(PLANES)
    assert refreshed.sql(UNUSED) == 1

    run_requested(refreshed)

    assert refreshed.versions(PLANES) != planes
    assert before.items() <= refreshed.versions(FEATURES).items()
    assert unfinished(refreshed.lake.ledger, FEATURES, DAYS) == {}


@pytest.mark.slow
def test_a2_the_same_rows_in_another_order_make_nothing_stale(refreshed: Project) -> None:
    entries = refreshed.entries(FEATURES)
    refreshed.sql("CREATE TABLE kept AS SELECT * FROM planes ORDER BY seats, tailnum DESC")
    refreshed.sql("DELETE FROM planes")
    refreshed.sql("INSERT INTO planes SELECT * FROM kept")

    run_requested(refreshed)

    assert stale(refreshed.lake.ledger, FEATURES, DAYS) == {}
    assert {day: refreshed.entries(FEATURES)[day] for day in DAYS} == {
        day: entries[day] for day in DAYS
    }
