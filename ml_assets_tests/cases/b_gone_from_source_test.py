"""B3 · What a source deletes is not what it changes: stored days stay usable."""

import json
from pathlib import Path

import pytest

from ml_assets.ledger.entries import Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.planning.progress import unfinished
from ml_assets.planning.staleness import stale
from ml_assets_tests.components.shop import definitions
from ml_assets_tests.prepared import ASKED_FOR, FEATURES, TRAINED, assets
from ml_assets_tests.project import DAILY, ROOT, Project, bad_days
from ml_assets_tests.remedies import invoked
from ml_assets_tests.sensor_runs import run_requested

FLIGHTS = "sources/flights"
EARLY = ("2013-01-02", "2013-01-03")
WEEK = "2013-01-02...2013-01-06"
SOURCES = f'key:"{FLIGHTS}" or key:"sources/weather"'
DAILY_TABLES = (FLIGHTS, "sources/weather", FEATURES, "flight_delays/flight_outcomes")
GONE = "the source deleted its rows; the stored rows remain in use"
CHANGED = (
    "its source rows changed. To compute the day and what depends on it again, run: "
    f"ml-assets impact {FLIGHTS} --partition 2013-01-05 --apply"
)
PURGE_EARLY = "DELETE FROM flights WHERE time_hour < '2013-01-04 05:00:00'"
"""All flights before 4 January in New York."""


def test_b3_purged_days_stay_stored_and_warn(week: Project) -> None:
    before = week.versions()
    week.sql(PURGE_EARLY)

    results = week.check(f'key:"{FLIGHTS}"', WEEK)
    run_requested(week)

    assert {
        (result.check, result.day, result.state, result.reason)
        for result in results
        if result.state != "passed"
    } == {("still_in_source", day, "warned", GONE) for day in EARLY}
    assert {key: week.versions()[key] for key in before} == before


def test_b3_checks_tell_purged_days_from_changed_ones(week: Project) -> None:
    week.sql(PURGE_EARLY)
    week.sql("UPDATE flights SET distance = 1 WHERE date(time_hour, '-5 hours') = '2013-01-05'")

    command = ("checks", "--select", f'key:"{FLIGHTS}"', "--partition-range", WEEK)
    done = invoked(*command, "--json")

    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert {
        (result["day"], result["check"], result["state"], result["reason"])
        for result in found["results"]
        if result["state"] != "passed"
    } == {
        *((day, "still_in_source", "warned", GONE) for day in EARLY),
        ("2013-01-05", "up_to_date_with_source", "failed", CHANGED),
    }
    assert found["bad"] == 1
    assert f"{FLIGHTS} --partition 2013-01-05 --apply" in found["next"]


@pytest.mark.slow
def test_b3_a_model_trained_on_purged_days_is_the_same_as_without_the_purge(
    with_champion: Project, retrained_home: Path
) -> None:
    undisturbed = Ledger(f"sqlite:///{retrained_home / 'data' / 'ledger.db'}")
    before = with_champion.versions(*DAILY_TABLES)
    for table in ("flights", "weather"):
        assert with_champion.sql(f"DELETE FROM {table} WHERE time_hour < '2013-01-20 05:00:00'")

    results = with_champion.check(SOURCES, "2013-01-01...2013-01-31")
    again = with_champion.materialize(DAILY, "2013-01-09...2013-01-21")
    trained = with_champion.materialize(assets(*TRAINED), ASKED_FOR)

    assert bad_days(results) == set()
    purged = {f"2013-01-{day:02}" for day in range(1, 20)}
    assert {
        (result.asset, result.day, result.check)
        for result in results
        if result.state == "warned" and result.reason == GONE
    } == {(table, day, "still_in_source") for table in DAILY_TABLES[:2] for day in purged}
    assert again.succeeded, again.failed_steps
    assert with_champion.versions(*DAILY_TABLES) == before
    assert trained.succeeded, trained.failed_steps
    for table in ("flight_delays/training_dataset", "flight_delays/model"):
        expected = undisturbed.latest(table)[ASKED_FOR]
        stored = with_champion.entries(table)[ASKED_FOR]
        assert (stored.content_hash, stored.rows) == (expected.content_hash, expected.rows)


@pytest.mark.parametrize(
    ("retention", "reported"),
    [
        pytest.param(None, ("2013-01-02", "2013-01-03", "2013-01-05"), id="keeps all"),
        pytest.param(6, ("2013-01-02", "2013-01-03", "2013-01-05"), id="6 days"),
        pytest.param(5, ("2013-01-03", "2013-01-05"), id="5 days"),
        pytest.param(3, ("2013-01-05",), id="3 days"),
        pytest.param(2, (), id="2 days"),
    ],
)
def test_b3_days_older_than_the_declared_retention_are_not_reported(
    week: Project, tmp_path: Path, retention: int | None, reported: tuple[str, ...]
) -> None:
    text = (ROOT / "ml_assets" / "defs" / "sources" / "defs.yaml").read_text("utf-8")
    flights = "---".join(text.split("---")[:2])  # the defaults of the file, and its first table
    if retention is not None:
        flights += f"  retention: {retention}d\n"
    declared = Project(week.data, definitions(tmp_path / "defs", flights), week.instance)
    week.sql(PURGE_EARLY)
    week.sql("DELETE FROM flights WHERE date(time_hour, '-5 hours') = '2013-01-05'")

    results = declared.check(f'key:"{FLIGHTS}"', WEEK)

    assert {
        (result.check, result.day, result.state, result.reason)
        for result in results
        if result.state != "passed"
    } == {("still_in_source", day, "warned", GONE) for day in reported}


def test_b3_materializing_a_purged_day_again_keeps_it(week: Project) -> None:
    before = week.versions()
    week.sql("DELETE FROM flights WHERE time_hour < '2013-01-04 12:00:00'")

    outcome = week.materialize(DAILY, "2013-01-02...2013-01-06")

    assert outcome.succeeded, outcome.failed_steps
    assert {key: week.versions()[key] for key in before} == before


@pytest.mark.slow
def test_b3_a_day_that_was_deleted_between_others_stays_stored(week: Project) -> None:
    week.sql("DELETE FROM flights WHERE date(time_hour, '-5 hours') = '2013-01-05'")

    run_requested(week)

    assert week.entries(FLIGHTS)["2013-01-05"].status is Status.STORED
    assert week.entries(FEATURES)["2013-01-07"].status is Status.STORED


@pytest.mark.parametrize(
    "purge",
    [
        pytest.param("DELETE FROM flights WHERE time_hour < '2013-01-04 05:00:00'", id="whole"),
        pytest.param(
            "DELETE FROM flights WHERE time_hour < '2013-01-03 15:00:00'",
            id="in part",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "DELETE FROM flights WHERE date(time_hour, '-5 hours') = '2013-01-03'",
            id="between",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.parametrize("is_run", [False, True], ids=["then looked at", "then extracted"])
def test_b3_a_day_that_is_purged_after_its_correction_was_seen_stays_usable(
    week: Project, purge: str, *, is_run: bool
) -> None:
    before = week.versions(FLIGHTS, FEATURES)
    week.sql("UPDATE flights SET distance = 1 WHERE date(time_hour, '-5 hours') = '2013-01-03'")
    assert EARLY[1] in bad_days(week.check(f'key:"{FLIGHTS}"', EARLY[1]))
    assert stale(week.lake.ledger, FLIGHTS, [EARLY[1]])
    week.sql(purge)

    if is_run:
        run_requested(week)
    else:
        week.check(f'key:"{FLIGHTS}"', EARLY[1])

    assert unfinished(week.lake.ledger, FLIGHTS, sorted(week.entries(FLIGHTS))) == {}
    assert unfinished(week.lake.ledger, FEATURES, sorted(week.entries(FEATURES))) == {}
    found = week.versions(FLIGHTS, FEATURES)
    assert {key: found[key] for key in before} == before


@pytest.mark.parametrize("stray", ["1970-01-01 00:00:00", "2003-01-05 12:00:00", "0001-01-03"])
def test_b3_a_row_with_a_wrong_year_does_not_hide_that_a_day_was_purged(
    week: Project, stray: str
) -> None:
    before = week.versions(FLIGHTS)
    week.sql(
        "UPDATE flights SET time_hour = ? WHERE rowid = (SELECT max(rowid) FROM flights)", stray
    )
    week.sql(
        "DELETE FROM flights WHERE time_hour > '2013-01-01' AND time_hour < '2013-01-04 15:00:00'"
    )

    results = week.check(f'key:"{FLIGHTS}"', "2013-01-02...2013-01-04")
    assert week.materialize(DAILY, "2013-01-02...2013-01-06").succeeded

    assert bad_days(results) == set()
    assert week.versions(FLIGHTS) == before
