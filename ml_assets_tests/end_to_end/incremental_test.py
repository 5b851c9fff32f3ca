"""What changed is computed again, and nothing else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from ml_assets_tests.prepared import TWO_WEEKS, build_once, opened_copy
from ml_assets_tests.project import DAILY, Project

AS_OF = "2013-01-25"
TRAINING = "group:flight_delays__training"


@pytest.fixture(scope="module")
def trained_home(
    tmp_path_factory: pytest.TempPathFactory, two_weeks_home: Path, definitions: dg.Definitions
) -> Path:
    """Two weeks with a model."""

    def build(home: Path) -> None:
        with opened_copy(two_weeks_home, home, definitions) as project:
            assert project.materialize(TRAINING, AS_OF).succeeded

    return build_once(tmp_path_factory, "trained", build)


@pytest.fixture
def trained(tmp_path: Path, trained_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project with two weeks and a model."""
    with opened_copy(trained_home, tmp_path / "home", definitions) as project:
        yield project


def changed_days(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> set:
    """(table, day) whose data version differs."""
    return {key for key in before | after if before.get(key) != after.get(key)}


@pytest.mark.parametrize("days", [TWO_WEEKS, "2013-01-09"], ids=["the range", "one day"])
def test_a_rerun_changes_no_version_and_writes_no_commit(two_weeks: Project, days: str) -> None:
    tables = [table for table in two_weeks.lake.ledger.tables() if two_weeks.lake.exists(table)]
    before = two_weeks.versions(), {table: two_weeks.lake.open(table).version() for table in tables}

    assert two_weeks.materialize(DAILY, days).succeeded

    after = two_weeks.versions(), {table: two_weeks.lake.open(table).version() for table in tables}
    assert after == before


def test_a_changed_source_row_changes_its_day_and_days_that_look_back_on_it(
    two_weeks: Project,
) -> None:
    before = two_weeks.versions()
    two_weeks.sql(
        "UPDATE flights SET dep_delay = 500, arr_delay = 510 WHERE rowid = "
        "(SELECT min(rowid) FROM flights WHERE month = 1 AND day = 5 AND hour = 9 AND dep_delay IS NOT NULL)"
    )

    assert two_weeks.materialize(DAILY, TWO_WEEKS).succeeded

    changed = changed_days(before, two_weeks.versions())
    assert ("sources/flights", "2013-01-05") in changed
    assert {day for table, day in changed if table == "sources/flights"} == {"2013-01-05"}
    assert {day for table, day in changed if table.endswith("outcomes")} == {"2013-01-05"}
    features = {day for table, day in changed if table == "flight_delays/flight_features"}
    assert "2013-01-05" in features
    assert features <= {f"2013-01-{day:02d}" for day in range(5, 14)}


def test_a_single_day_has_the_same_version_as_in_a_range(two_weeks: Project) -> None:
    in_range = two_weeks.versions("flight_delays/flight_features")
    two_weeks.sql("UPDATE flights SET dep_delay = dep_delay + 1 WHERE month = 1 AND day = 14")
    assert two_weeks.materialize(DAILY, "2013-01-14").succeeded
    two_weeks.sql("UPDATE flights SET dep_delay = dep_delay - 1 WHERE month = 1 AND day = 14")

    assert two_weeks.materialize(DAILY, "2013-01-14").succeeded

    assert two_weeks.versions("flight_delays/flight_features") == in_range


@pytest.mark.slow
def test_a_stale_day_is_not_used_downstream(two_weeks: Project) -> None:
    two_weeks.sql("UPDATE flights SET dep_delay = dep_delay + 1 WHERE month = 1 AND day = 5")
    assert two_weeks.materialize('key:"sources/flights"', "2013-01-05").succeeded

    outcome = two_weeks.materialize(TRAINING, AS_OF)

    assert not outcome.succeeded
    assert (
        "flight_delays/flight_features 2013-01-05 is stale"
        in (outcome.failed_steps["flight_delays__training_dataset__checks"])
    )
    assert two_weeks.materialize(DAILY, TWO_WEEKS).succeeded
    assert two_weeks.materialize(TRAINING, AS_OF).succeeded


@pytest.mark.slow
def test_a_model_is_the_same_every_time_and_reads_no_later_day(trained: Project) -> None:
    before = trained.versions("flight_delays/model")

    assert trained.materialize(TRAINING, AS_OF).succeeded

    assert trained.versions("flight_delays/model") == before
    rows = trained.lake.read("flight_delays/training_dataset", [AS_OF])
    assert rows["known_at"].max() < pd.Timestamp(AS_OF, tz="America/New_York")


@pytest.mark.slow
def test_a_quarantined_day_never_reaches_a_model(project: Project) -> None:
    project.sql("DELETE FROM weather WHERE month = 1 AND day = 9")
    project.materialize_daily(TWO_WEEKS)

    assert project.materialize('key:"flight_delays/training_dataset"', AS_OF).succeeded

    days = set(project.lake.read("flight_delays/training_dataset", [AS_OF])["feature_day"])
    assert "2013-01-09" not in days
    assert {"2013-01-08", "2013-01-10"} <= days


def test_each_materialization_records_its_reads(two_weeks: Project) -> None:
    event = two_weeks.instance.fetch_materializations(
        dg.AssetRecordsFilter(
            dg.AssetKey(["flight_delays", "flight_features"]), asset_partitions=["2013-01-12"]
        ),
        limit=1,
    ).records[0]
    materialization = event.asset_materialization
    assert materialization is not None

    inputs = materialization.metadata["inputs"].value

    assert set(inputs) == {
        "sources/airports",
        "sources/flights",
        "sources/planes",
        "sources/weather",
    }
    assert inputs["sources/flights"]["days"] == "2013-01-01…2013-01-12"
    assert (
        inputs["sources/weather"]["table_version"]
        == two_weeks.lake.open("sources/weather").version()
    )
    assert (
        materialization.tags["dagster/data_version"]
        == (two_weeks.versions()["flight_delays/flight_features", "2013-01-12"])
    )


def test_an_altered_day_is_not_used_until_it_is_rewritten(two_weeks: Project) -> None:
    before = two_weeks.versions()
    rows = two_weeks.lake.read("sources/flights", ["2013-01-05"])
    two_weeks.lake.write("sources/flights", rows.assign(distance=1), ["2013-01-05"])

    bad = [r for r in two_weeks.check('key:"sources/flights"', "2013-01-05") if r.is_bad]
    refused = two_weeks.materialize('key:"flight_delays/flight_outcomes"', "2013-01-05")
    assert two_weeks.materialize(DAILY, TWO_WEEKS).succeeded

    assert {result.check for result in bad} == {"rows_match_data_version"}
    assert not refused.succeeded
    assert two_weeks.versions() == before
    assert not [r for r in two_weeks.check('key:"sources/flights"', "2013-01-05") if r.is_bad]


@pytest.mark.slow
def test_a_lost_model_is_trained_again_and_is_the_same(trained: Project) -> None:
    before = trained.versions("flight_delays/model")
    shutil.rmtree(trained.data / "models")
    assert [r for r in trained.check('key:"flight_delays/model"', AS_OF) if r.is_bad]

    assert trained.materialize(TRAINING, AS_OF).succeeded

    assert trained.versions("flight_delays/model") == before
    assert not [r for r in trained.check('key:"flight_delays/model"', AS_OF) if r.is_bad]


@pytest.mark.slow
def test_a_range_of_as_of_days_gives_the_models_of_single_days(trained: Project) -> None:
    assert trained.materialize(TRAINING, "2013-01-26").succeeded
    alone = trained.versions("flight_delays/model", "flight_delays/evaluation")
    shutil.rmtree(trained.data / "models")
    for file in trained.data.glob("ledger.db*"):
        file.unlink()
    shutil.rmtree(trained.data / "lake")
    assert trained.materialize_daily(TWO_WEEKS).succeeded

    outcome = trained.materialize(TRAINING, "2013-01-25...2013-01-26")

    assert outcome.succeeded, outcome.failed_steps
    assert trained.versions("flight_delays/model", "flight_delays/evaluation") == alone
