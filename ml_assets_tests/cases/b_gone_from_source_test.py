"""B3 · What a source deletes is not what it changes: stored days stay usable."""

import pytest

from ml_assets.ledger.entries import Status
from ml_assets.planning.progress import unfinished
from ml_assets.planning.staleness import stale
from ml_assets_tests.keeping_up import keep_up
from ml_assets_tests.prepared import FEATURES
from ml_assets_tests.project import DAILY, Project, bad_days

FLIGHTS = "sources/flights"
EARLY = ("2013-01-02", "2013-01-03")


def test_b3_purged_days_stay_stored_and_warn(week: Project) -> None:
    before = week.versions()
    week.sql("DELETE FROM flights WHERE time_hour < '2013-01-04 05:00:00'")

    results = week.check(f'key:"{FLIGHTS}"', "2013-01-02...2013-01-06")
    keep_up(week)

    assert bad_days(results) == set()
    warned = {result.day for result in results if result.state == "warned"}
    assert set(EARLY) <= warned
    assert {key: week.versions()[key] for key in before} == before


def test_b3_materializing_a_purged_day_again_keeps_it(week: Project) -> None:
    before = week.versions()
    week.sql("DELETE FROM flights WHERE time_hour < '2013-01-04 12:00:00'")

    outcome = week.materialize(DAILY, "2013-01-02...2013-01-06")

    assert outcome.succeeded, outcome.failed_steps
    assert {key: week.versions()[key] for key in before} == before


def test_b3_a_day_that_was_deleted_between_others_stays_stored(week: Project) -> None:
    week.sql("DELETE FROM flights WHERE date(time_hour, '-5 hours') = '2013-01-05'")

    keep_up(week)

    assert week.entries(FLIGHTS)["2013-01-05"].status is Status.STORED
    assert week.entries(FEATURES)["2013-01-07"].status is Status.STORED


@pytest.mark.parametrize(
    "purge",
    [
        pytest.param("DELETE FROM flights WHERE time_hour < '2013-01-04 05:00:00'", id="whole"),
        pytest.param("DELETE FROM flights WHERE time_hour < '2013-01-03 15:00:00'", id="in part"),
        pytest.param(
            "DELETE FROM flights WHERE date(time_hour, '-5 hours') = '2013-01-03'", id="between"
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
        keep_up(week)
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
