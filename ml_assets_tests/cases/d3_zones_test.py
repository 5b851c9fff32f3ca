r"""D3 · A destination whose zone is ``\N`` costs its own zone; days are computed all the same."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from ml_assets.ledger.entries import Status
from ml_assets_tests.prepared import FEATURES, opened_copy
from ml_assets_tests.project import Project
from ml_assets_tests.sensor_runs import run_requested

AIRPORTS, FLIGHTS, OUTCOMES = "sources/airports", "sources/flights", "flight_delays/flight_outcomes"
NEXT = "2013-01-07"
KEY = ["time_hour", "carrier", "flight"]
GROUPS = {
    "carrier_late_rate_7d": ["carrier"],
    "destination_late_rate_7d": ["dest"],
    "route_late_rate_7d": ["carrier", "dest"],
    "flight_late_rate_7d": ["carrier", "flight"],
}
"""Rates that count when landings were known → columns that tell whose landings these are."""

NextDay = Callable[[str | None], dict[str, pd.DataFrame]]


def rows_of(project: Project, table: str) -> pd.DataFrame:
    """Rows of the next day by their key."""
    return project.lake.read(table, [NEXT]).set_index(KEY).sort_index()


@pytest.fixture(scope="module")
def next_day(
    tmp_path_factory: pytest.TempPathFactory, week_home: Path, definitions: dg.Definitions
) -> NextDay:
    """Computes table → rows of the next day, after a statement changed one row of the source."""

    def computed(statement: str | None) -> dict[str, pd.DataFrame]:
        home = tmp_path_factory.mktemp("next_day") / "home"
        with opened_copy(week_home, home, definitions) as project:
            if statement:
                assert project.sql(statement) == 1
            run_requested(project)
            return {table: rows_of(project, table) for table in (FEATURES, OUTCOMES)}

    return computed


@pytest.fixture(scope="module")
def without_boston(next_day: NextDay) -> dict[str, pd.DataFrame]:
    """Table → rows of the next day where the airport is not listed at all."""
    return next_day("DELETE FROM airports WHERE faa = 'BOS'")


@pytest.fixture(scope="module")
def undisturbed(next_day: NextDay) -> dict[str, pd.DataFrame]:
    """Table → rows of the next day of the source as it was."""
    return next_day(None)


def test_d3_a_day_is_computed_and_only_the_unknown_zone_is_missing(
    undisturbed: dict[str, pd.DataFrame],
    without_boston: dict[str, pd.DataFrame],
    week: Project,
) -> None:
    assert week.sql("UPDATE airports SET tzone = '\\N' WHERE faa = 'BOS'") == 1

    run_requested(week)

    assert [(letter["source_key"], letter["rule"]) for letter in week.dead_letters(AIRPORTS)] == [
        ("BOS", "tzone: iana_zone")
    ]
    was, now = undisturbed[FEATURES], rows_of(week, FEATURES)
    there = was["dest"] == "BOS"
    assert (len(now), there.sum()) == (933, 47)
    pd.testing.assert_frame_equal(now, without_boston[FEATURES])
    rates = [column for column in was if column.endswith("_late_rate_7d")]
    others = [column for column in was if column not in {*rates, "scheduled_minutes"}]
    pd.testing.assert_frame_equal(now[others], was[others])
    assert now.loc[there, "scheduled_minutes"].isna().all()
    pd.testing.assert_series_equal(
        now.loc[~there, "scheduled_minutes"], was.loc[~there, "scheduled_minutes"]
    )
    flown = week.lake.read(FLIGHTS)
    for rate, columns in GROUPS.items():
        to_boston = flown.loc[flown["dest"] == "BOS", columns].drop_duplicates()
        index = was.reset_index().set_index(columns).index
        apart = ~index.isin(to_boston.set_index(columns).index)
        assert apart.any()
        pd.testing.assert_series_equal(now.loc[apart, rate], was.loc[apart, rate])


def test_d3_landings_at_an_unknown_zone_are_known_later_and_all_others_are_the_same(
    undisturbed: dict[str, pd.DataFrame], week: Project
) -> None:
    week.sql("UPDATE airports SET tzone = '\\N' WHERE faa = 'BOS'")

    run_requested(week)

    was, now = undisturbed[OUTCOMES], rows_of(week, OUTCOMES)
    pd.testing.assert_frame_equal(now.drop(columns="known_at"), was.drop(columns="known_at"))
    flown = week.lake.read(FLIGHTS).set_index(KEY)["dest"].reindex(was.index)
    landed = (flown == "BOS") & (was["outcome"] == "landed")
    later = now["known_at"] - was["known_at"]
    assert set(later[~landed]) == {pd.Timedelta(0)}
    assert set(later[landed]) == {pd.Timedelta(hours=5)}


@pytest.mark.slow
def test_d3_airports_without_any_usable_zone_are_named_and_their_repair_computes_the_day(
    week: Project,
) -> None:
    week.sql("CREATE TABLE kept AS SELECT faa, tzone FROM airports")
    count = week.sql("UPDATE airports SET tzone = '\\N'")

    run_requested(week)

    reason = f"{count} of {count} rows break the contract (100.0%), more than the 5.0% allowed"
    assert week.entries(AIRPORTS)["snapshot"].reason == reason
    skipped = week.entries(FEATURES)[NEXT]
    assert skipped.status is Status.SKIPPED
    assert skipped.reason == f"{AIRPORTS} snapshot is quarantined: {reason}"
    week.sql("UPDATE airports SET tzone = (SELECT tzone FROM kept WHERE kept.faa = airports.faa)")
    run_requested(week)
    assert week.entries(FEATURES)[NEXT].status is Status.STORED
