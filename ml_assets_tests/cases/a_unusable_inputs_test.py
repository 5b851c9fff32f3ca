"""A · One unusable day or input must not stop all later days."""

import pytest

from ml_assets.defs.sources.load import advance
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.runs.requests import REASON
from ml_assets.planning.progress import unfinished
from ml_assets.planning.staleness import stale
from ml_assets_tests.prepared import FEATURES, nouns_of, tick
from ml_assets_tests.project import DAILY, Project
from ml_assets_tests.sensor_runs import NEW_DAYS, run_requested

FLIGHTS, WEATHER, PLANES = "sources/flights", "sources/weather", "sources/planes"
DAILY_TABLES = (FLIGHTS, WEATHER, FEATURES, "flight_delays/flight_outcomes")
NEXT, AFTER, THIRD = "2013-01-07", "2013-01-08", "2013-01-09"
OF_NEXT = "date(time_hour, '-5 hours') = '2013-01-07'"
LOOP_DAY, NEXT_LOOP_DAY = "2013-03-04", "2013-03-05"


def reveal_until(project: Project, day: str) -> None:
    """Add further days to the source."""
    advance(project.systems, day)


def states(project: Project, table: str, *days: str) -> list[Status]:
    """Statuses of some days."""
    entries = project.entries(table)
    return [entries[day].status for day in days]


UNUSABLE = {
    "2013-01-07": (WEATHER, "DELETE FROM weather WHERE {of_day}"),
    "2013-01-09": (FLIGHTS, "DELETE FROM flights WHERE {of_day}"),
    "2013-01-11": (WEATHER, "UPDATE weather SET humid = 'wet' WHERE {of_day}"),
    "2013-01-13": (FLIGHTS, "UPDATE flights SET origin = 'XXX' WHERE {of_day}"),
}
"""Day → its table that cannot be used, and why: no weather, no flights, a column of texts, an unknown origin."""


def test_a1_a_day_that_cannot_be_used_ends_with_its_reason_and_the_next_ones_run(
    week: Project,
) -> None:
    reveal_until(week, "2013-01-15")
    for day, (_, statement) in UNUSABLE.items():
        week.sql(statement.format(of_day=f"date(time_hour, '-5 hours') = '{day}'"))

    run_requested(week)

    features = week.entries(FEATURES)
    for day, (table, statement) in UNUSABLE.items():
        entry = week.entries(table)[day]
        assert entry.status is Status.QUARANTINED, statement
        assert entry.reason, statement
        assert features[day].status is Status.SKIPPED, statement
        assert table in features[day].reason, statement
    others = {
        day: features[day]
        for day in (f"2013-01-{n:02}" for n in range(7, 16))
        if day not in UNUSABLE
    }
    assert {day: entry.status for day, entry in others.items()} == dict.fromkeys(
        others, Status.STORED
    )
    assert all(entry.rows for entry in others.values())


@pytest.mark.slow
def test_a1_a_day_lists_the_quarantined_look_back_day_it_was_computed_without(
    week: Project,
) -> None:
    reveal_until(week, AFTER)
    week.sql(f"DELETE FROM weather WHERE {OF_NEXT}")
    run_requested(week)

    [event] = [
        record.asset_materialization
        for record in week.instance.fetch_materializations(
            _records_of(FEATURES, AFTER), limit=1
        ).records
    ]

    assert event is not None
    assert f"{WEATHER} {NEXT} (quarantined" in str(event.metadata["computed without"].value)


def _records_of(table: str, day: str) -> object:
    import dagster as dg

    return dg.AssetRecordsFilter(dg.AssetKey(table.split("/")), asset_partitions=[day])


def test_a2_a_new_row_of_a_snapshot_is_seen_and_makes_no_day_stale(week: Project) -> None:
    days = sorted(week.entries(FEATURES))
    before = week.entries(PLANES)["snapshot"].content_hash
    week.sql(
        "INSERT INTO planes SELECT 'N00001', year, type, manufacturer, model, engines, seats, "
        "speed, engine FROM planes LIMIT 1"
    )

    ticks = run_requested(week)

    assert [key.path[-1] for key in ticks[0].requests[0].asset_selection or []] == ["planes"]
    assert week.entries(PLANES)["snapshot"].content_hash != before
    assert stale(week.lake.ledger, FEATURES, days) == {}
    assert states(week, FEATURES, NEXT) == [Status.STORED]


AIRLINES = "sources/airlines"


UNREADABLE = {
    "dropped": ("DROP TABLE airlines", "no table 'airlines'"),
    "renamed": ("ALTER TABLE airlines RENAME TO lines", "no table 'airlines'"),
    "a column renamed": (
        "ALTER TABLE airlines RENAME COLUMN name TO names",
        "'name' (renamed to 'names'?)",
    ),
    "one less": ("ALTER TABLE airlines DROP COLUMN name", "'name' is missing"),
}
"""What makes a snapshot unreadable, and how that is told."""


@pytest.mark.parametrize(("statement", "cause"), [*UNREADABLE.values()], ids=[*UNREADABLE])
def test_a2_an_unreadable_snapshot_is_told_and_the_next_day_requested_without_it(
    week: Project, statement: str, cause: str
) -> None:
    week.sql(statement)

    [request] = tick(week, NEW_DAYS).requests

    assert cause in request.tags[REASON]
    assert request.tags["dagster/partition"] == NEXT
    assert "airlines" not in nouns_of(request)
    assert "flight_features" in nouns_of(request)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "cause"), [UNREADABLE["dropped"], UNREADABLE["one less"]], ids=["table", "column"]
)
def test_a2_an_unreadable_snapshot_keeps_its_rows_and_does_not_block_days(
    week: Project, statement: str, cause: str
) -> None:
    before = week.versions(AIRLINES)
    week.sql(statement)

    ticks = run_requested(week)

    assert states(week, FEATURES, NEXT) == [Status.STORED]
    assert week.versions(AIRLINES) == before
    assert AIRLINES in ticks[-1].reason
    assert cause in ticks[-1].reason
    [request] = [request for one in ticks for request in one.requests]
    assert cause in request.tags[REASON]


def test_a2_a_snapshot_that_was_never_read_does_not_stop_the_days(week: Project) -> None:
    week.lake.ledger.append([Entry(AIRLINES, "snapshot", Status.SKIPPED, reason="for the test")])
    week.sql("DROP TABLE airlines")

    run_requested(week)

    assert states(week, FEATURES, NEXT) == [Status.STORED]


@pytest.mark.slow
def test_a4_days_before_one_that_was_made_by_hand_are_extracted_first(week: Project) -> None:
    reveal_until(week, "2013-01-10")
    assert week.materialize(DAILY, "2013-01-10").succeeded

    [request] = tick(week, NEW_DAYS).requests

    assert request.tags["dagster/asset_partition_range_start"] == NEXT
    run_requested(week)
    assert states(week, FEATURES, NEXT, AFTER, THIRD) == [Status.STORED] * 3
    assert unfinished(week.lake.ledger, FEATURES, [NEXT, AFTER, THIRD, "2013-01-10"]) == {}


@pytest.mark.parametrize(
    "by_hand",
    [pytest.param(True, id="by hand", marks=pytest.mark.slow), pytest.param(False, id="by itself")],
)
def test_a5_a_repaired_source_reopens_the_day(week: Project, by_hand: bool) -> None:
    week.sql(f"UPDATE flights SET minute = 99 WHERE {OF_NEXT}")
    run_requested(week)
    assert states(week, FLIGHTS, NEXT) == [Status.QUARANTINED]

    week.sql(f"UPDATE flights SET minute = sched_dep_time % 100 WHERE {OF_NEXT}")
    if by_hand:
        assert week.materialize(DAILY, NEXT).succeeded
    run_requested(week)

    for table in DAILY_TABLES:
        assert states(week, table, NEXT) == [Status.STORED], table


@pytest.mark.slow
def test_a7_a_batch_that_was_delivered_twice_is_stored_once(week: Project) -> None:
    count = week.sql(f"INSERT INTO flights SELECT * FROM flights WHERE {OF_NEXT} AND flight < 700")

    run_requested(week)

    entry = week.entries(FLIGHTS)[NEXT]
    assert count > 100
    assert (entry.status, entry.dead_letters) == (Status.STORED, 0)
    rows = week.lake.read(FLIGHTS, [NEXT])
    assert not rows.duplicated(["time_hour", "carrier", "flight"]).any()


@pytest.mark.slow
def test_a1_a_day_that_comes_alone_ends_without_repeated_failures(week: Project) -> None:
    reveal_until(week, AFTER)
    week.sql(f"DELETE FROM weather WHERE {OF_NEXT}")
    week.sql("DELETE FROM flights WHERE time_hour >= '2013-01-08 05:00:00'")

    ticks = run_requested(week)

    requested = [request for one in ticks for request in one.requests]
    assert len({request.run_key for request in requested}) == len(requested) <= 2
    assert WEATHER in week.entries(FEATURES)[NEXT].reason
    assert "failed 3 times" not in week.entries(FEATURES)[NEXT].reason
