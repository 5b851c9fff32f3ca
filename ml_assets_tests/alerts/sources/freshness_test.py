"""Tables are stale if a partition is not stored in time, by the clock that is given."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ml_assets.alerts.finding import Finding, Level
from ml_assets.alerts.sources.freshness import stale_tables
from ml_assets.alerts.watched import WatchedTable
from ml_assets.cadence import Cadence, Calendar, shifted
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.planning.inputs import Input

ALWAYS = "9999-12-31"
NEW_YORK = Calendar(timezone="America/New_York")
FLIGHTS, FEATURES, PREDICTIONS = "sources/flights", "pipe/features", "pipe/predictions"
DAYS = NEW_YORK.keys("2013-06-01", "2013-06-20")
NEXT = "2013-06-21"
"""Day that is not stored yet; it ends on 2013-06-22, 04:00 UTC."""
HOUR = timedelta(hours=1)
LEAD = timedelta(minutes=20)


def chain(
    calendar: Calendar = NEW_YORK, within: timedelta = 6 * HOUR, **changes: object
) -> dict[str, WatchedTable]:
    """A source, features of it and predictions of these, of which the last have a limit."""
    source = WatchedTable(FLIGHTS, calendar)
    features = WatchedTable(FEATURES, calendar, inputs=[Input(FLIGHTS, calendar=calendar)])
    predictions = WatchedTable(
        PREDICTIONS,
        calendar,
        fresh_within=within,
        inputs=[Input(FEATURES, calendar=calendar)],
    )
    return {one.key: one for one in (source, features, replace(predictions, **changes))}


def limited(tables: dict[str, WatchedTable], *names: str) -> dict[str, WatchedTable]:
    """The tables, of which some have a limit of 3 hours."""
    return {
        key: replace(table, fresh_within=3 * HOUR) if key in names else table
        for key, table in tables.items()
    }


def record(
    lake: Lake,
    table: str,
    day: str,
    at: datetime,
    status: Status = Status.STORED,
    reason: str = "",
) -> None:
    """Record a status of a partition at a time."""
    lake.ledger.reset("id", [Entry(table, day, status, reason, written_at=at)])


def end(day: str, calendar: Calendar = NEW_YORK) -> datetime:
    """End of a partition."""
    return calendar.bounds(day)[1]


def store(lake: Lake, days: Sequence[str], calendar: Calendar = NEW_YORK) -> None:
    """Store partitions as usual: an hour after their end, and two leads later."""
    for day in days:
        for number, table in enumerate((FLIGHTS, FEATURES, PREDICTIONS)):
            record(lake, table, day, end(day, calendar) + HOUR + number * LEAD)


def found(
    lake: Lake, now: datetime, tables: dict[str, WatchedTable] | None = None, until: str = ALWAYS
) -> list[Finding]:
    """What is found at a moment."""
    return [*stale_tables(lake.ledger, tables or chain(), until, now)]


def test_a_table_whose_last_due_partition_is_stored_is_fresh(lake: Lake) -> None:
    store(lake, DAYS)

    assert found(lake, end(NEXT) + 4 * HOUR) == []
    assert found(lake, end(DAYS[-1]) + 23 * HOUR) == []


def test_a_late_partition_is_a_finding_with_the_most_upstream_table_that_is_missing(
    lake: Lake,
) -> None:
    store(lake, DAYS)

    (late,) = found(lake, end(NEXT) + 11 * HOUR)

    assert late.message == (
        "pipe/predictions 2013-06-21 is 5.0 h late, due 2013-06-22 10:00 UTC; it waits for sources/flights "
        "2013-06-21, missing since 2013-06-22 04:00 UTC"
    )
    assert (late.kind, late.pipeline, late.subject) == ("table_stale", "pipe", PREDICTIONS)
    assert (late.since, late.until, late.own_level) == (NEXT, NEXT, None)
    assert late.command == "ml-assets status"


def test_it_is_over_when_the_partition_is_stored(lake: Lake) -> None:
    store(lake, DAYS)
    now = end(NEXT) + 11 * HOUR
    assert found(lake, now)

    store(lake, [NEXT])

    assert found(lake, now) == []


def test_several_late_partitions_are_one_finding(lake: Lake) -> None:
    store(lake, DAYS[:-2])

    (late,) = found(lake, end(NEXT) + 7 * HOUR)

    assert (late.since, late.until) == (DAYS[-2], NEXT)
    assert late.message == (
        "pipe/predictions 2013-06-19 to 2013-06-21 (3 partitions) are up to 2.0 days late, the first due "
        "2013-06-20 10:00 UTC; it waits for sources/flights 2013-06-19, missing since 2013-06-20 04:00 UTC"
    )


def test_a_partition_that_is_missing_between_stored_ones_is_late(lake: Lake) -> None:
    store(lake, [*DAYS[:-2], DAYS[-1]])

    (late,) = found(lake, end(DAYS[-1]) + 7 * HOUR)

    assert (late.since, late.until) == (DAYS[-2], DAYS[-2])


def test_a_partition_whose_inputs_are_stored_is_computed_by_the_command(lake: Lake) -> None:
    store(lake, DAYS)
    record(lake, FEATURES, NEXT, end(NEXT) + 2 * HOUR)

    (late,) = found(lake, end(NEXT) + 7 * HOUR)

    assert late.message.endswith(
        "; all its inputs are stored since 2013-06-22 06:00 UTC, and it usually takes 20 min"
    )
    assert late.command == (
        "dg launch -m ml_assets.definitions --assets 'key:\"pipe/predictions\"' --partition 2013-06-21"
    )


def test_the_command_computes_only_partitions_whose_inputs_are_stored(lake: Lake) -> None:
    store(lake, DAYS)
    record(lake, FEATURES, NEXT, end(NEXT) + 2 * HOUR)
    after = shifted(NEXT, 1)

    (late,) = found(lake, end(after) + 7 * HOUR)

    assert (late.since, late.until) == (NEXT, after)
    assert late.command.endswith(f" --partition {NEXT}")


@pytest.mark.parametrize(
    ("minutes", "is_found"),
    [
        pytest.param(-61, False, id="before the usual time of both tables and its buffer"),
        pytest.param(-59, True, id="after it"),
    ],
)
def test_a_partition_that_will_be_late_is_told_before(
    lake: Lake, minutes: int, is_found: bool
) -> None:
    store(lake, DAYS)

    soon = found(lake, end(NEXT) + 6 * HOUR + timedelta(minutes=minutes))

    message = (
        "pipe/predictions 2013-06-21 will be late, due 2013-06-22 10:00 UTC; it waits for sources/flights "
        "2013-06-21, missing since 2013-06-22 04:00 UTC; from then on it usually takes 40 min"
    )
    assert [one.message for one in soon] == [message] * is_found
    assert all(one.own_level is Level.INFO for one in soon)


def test_nothing_is_foretold_from_few_runs(lake: Lake) -> None:
    store(lake, DAYS[-4:])

    assert found(lake, end(NEXT) + 6 * HOUR - timedelta(minutes=1)) == []


def test_a_run_over_many_partitions_is_one_measurement(lake: Lake) -> None:
    for table, at in ((FLIGHTS, 1), (FEATURES, 5), (PREDICTIONS, 9)):
        for day in DAYS:
            record(lake, table, day, end(DAYS[-1]) + at * HOUR)

    assert found(lake, end(NEXT) + 6 * HOUR - timedelta(minutes=1)) == []


def test_partitions_that_are_computed_again_do_not_change_what_is_usual(lake: Lake) -> None:
    store(lake, DAYS)
    for number, day in enumerate(DAYS):
        record(lake, PREDICTIONS, day, end(NEXT) + timedelta(minutes=number))

    assert found(lake, end(NEXT) + 4 * HOUR) == []
    (soon,) = found(lake, end(NEXT) + 6 * HOUR - timedelta(minutes=1))
    assert soon.message.endswith("usually takes 40 min")


def test_what_waits_for_a_late_table_calls_nobody_again(lake: Lake) -> None:
    store(lake, DAYS)
    tables = limited(chain(), FLIGHTS)

    source, predictions = found(lake, end(NEXT) + 7 * HOUR, tables)

    assert (source.pipeline, source.own_level) == ("sources", None)
    assert source.message.endswith("; it waits for its source system")
    assert predictions.own_level is Level.INFO


@pytest.mark.parametrize(
    ("minutes", "level"),
    [
        pytest.param(29, Level.INFO, id="within the usual time and its buffer"),
        pytest.param(31, None, id="later"),
    ],
)
def test_a_late_partition_that_is_on_its_way_calls_nobody(
    lake: Lake, minutes: int, level: Level | None
) -> None:
    store(lake, DAYS)
    there = end(NEXT) + 8 * HOUR
    record(lake, FLIGHTS, NEXT, there - LEAD)
    record(lake, FEATURES, NEXT, there)

    (late,) = found(lake, there + timedelta(minutes=minutes))

    assert late.own_level is level


def test_what_is_quarantined_or_waits_for_it_is_told_by_another_source(lake: Lake) -> None:
    store(lake, DAYS)
    record(lake, FLIGHTS, NEXT, end(NEXT) + HOUR, Status.QUARANTINED, "no rows")
    tables = limited(chain(), FLIGHTS)

    assert found(lake, end(NEXT) + 11 * HOUR, tables) == []


def test_a_partition_that_was_skipped_says_why(lake: Lake) -> None:
    store(lake, DAYS)
    record(lake, FEATURES, NEXT, end(NEXT) + HOUR)
    record(lake, PREDICTIONS, NEXT, end(NEXT) + HOUR, Status.SKIPPED, "there is no champion")

    (late,) = found(lake, end(NEXT) + 7 * HOUR)

    assert late.message.endswith("; it was skipped: there is no champion")


def test_a_run_that_writes_has_an_hour(lake: Lake) -> None:
    store(lake, [*DAYS, NEXT])
    now = end(NEXT) + 9 * HOUR
    record(lake, PREDICTIONS, NEXT, now - HOUR / 2, Status.WRITING)

    assert found(lake, now) == []
    (late,) = found(lake, now + HOUR)
    assert late.message.endswith("; its run began 2013-06-22 12:30 UTC and did not finish")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"last": DAYS[-1]}, id="after the last partition"),
        pytest.param({"empty_on": frozenset({"Friday"})}, id="of a day of the week without rows"),
    ],
)
def test_partitions_that_nobody_waits_for_are_not_late(lake: Lake, changes) -> None:
    store(lake, DAYS)

    assert found(lake, end(NEXT) + 11 * HOUR, chain(**changes)) == []


def test_a_partition_without_rows_is_waited_for_all_the_same(lake: Lake) -> None:
    store(lake, DAYS)
    tables = limited(chain(), FLIGHTS)
    tables[FLIGHTS] = replace(tables[FLIGHTS], empty_on=frozenset({"Friday"}))

    (late,) = found(lake, end(NEXT) + 7 * HOUR, tables)

    assert (late.subject, late.own_level) == (PREDICTIONS, None)
    assert "it waits for sources/flights 2013-06-21" in late.message


def test_a_table_that_was_never_begun_and_partitions_before_its_first_are_not_late(
    lake: Lake,
) -> None:
    assert found(lake, end(NEXT) + 11 * HOUR) == []

    store(lake, [NEXT])

    assert found(lake, end(NEXT) + 11 * HOUR) == []


def test_partitions_after_the_last_one_that_is_looked_at_are_not_judged(lake: Lake) -> None:
    store(lake, DAYS[:-1])

    (late,) = found(lake, end(NEXT) + 11 * HOUR, until=DAYS[-1])

    assert late.until == DAYS[-1]


def test_only_tables_of_a_folder_are_looked_at(lake: Lake) -> None:
    store(lake, DAYS)
    tables = limited(chain(), FLIGHTS)

    (source,) = stale_tables(lake.ledger, tables, ALWAYS, end(NEXT) + 7 * HOUR, "sources")

    assert source.subject == FLIGHTS


@pytest.mark.parametrize(
    ("cadence", "stored", "late", "before", "after"),
    [
        pytest.param(
            Cadence.DAILY,
            ("2013-03-01", "2013-03-09"),
            "2013-03-10",
            "2013-03-11T09:59",
            "2013-03-11T10:00",
            id="a day of 23 hours",
        ),
        pytest.param(
            Cadence.DAILY,
            ("2013-10-20", "2013-11-02"),
            "2013-11-03",
            "2013-11-04T10:59",
            "2013-11-04T11:00",
            id="a day of 25 hours",
        ),
        pytest.param(
            Cadence.WEEKLY,
            ("2013-05-06", "2013-06-10"),
            "2013-06-17",
            "2013-06-24T09:59",
            "2013-06-24T10:00",
            id="weeks",
        ),
        pytest.param(
            Cadence.MONTHLY,
            ("2013-01-01", "2013-04-01"),
            "2013-05-01",
            "2013-06-01T09:59",
            "2013-06-01T10:00",
            id="months",
        ),
        pytest.param(
            Cadence.HOURLY,
            ("2013-11-03-00:00", "2013-11-03-01:00"),
            "2013-11-03-01:00-0500",
            "2013-11-03T12:59",
            "2013-11-03T13:00",
            id="the hour that is repeated",
        ),
    ],
)
def test_a_partition_is_due_some_time_after_its_local_end(
    lake: Lake, cadence: Cadence, stored: tuple[str, str], late: str, before: str, after: str
) -> None:
    calendar = Calendar(cadence, "America/New_York")
    store(lake, calendar.keys(*stored), calendar)
    tables = chain(calendar)

    def keys(now: str) -> list[str]:
        moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
        return [one.until for one in found(lake, moment, tables) if one.own_level is None]

    assert keys(before) == []
    assert keys(after) == [late]


def test_a_table_of_weeks_waits_for_the_day_that_is_missing(lake: Lake) -> None:
    weeks = Calendar(Cadence.WEEKLY, "America/New_York")
    features = WatchedTable(
        FEATURES,
        weeks,
        fresh_within=6 * HOUR,
        inputs=[Input(FLIGHTS, calendar=weeks, input_calendar=NEW_YORK)],
    )
    tables = {FLIGHTS: WatchedTable(FLIGHTS, NEW_YORK), FEATURES: features}
    for day in NEW_YORK.keys("2013-06-03", "2013-06-16"):
        if day != "2013-06-12":
            record(lake, FLIGHTS, day, end(day) + HOUR)
    record(lake, FEATURES, "2013-06-03", end("2013-06-09") + 2 * HOUR)

    (late,) = found(lake, end("2013-06-16") + 7 * HOUR, tables)

    assert late.since == "2013-06-10"
    assert (
        "waits for sources/flights 2013-06-12, missing since 2013-06-13 04:00 UTC" in late.message
    )


@pytest.mark.parametrize(
    ("cadence", "hours", "is_found"),
    [
        pytest.param(Cadence.HOURLY, 7 * 24 - 1, True, id="an hour of the last 7 days"),
        pytest.param(Cadence.HOURLY, 7 * 24, False, id="an older hour"),
        pytest.param(Cadence.DAILY, 29 * 24, True, id="a day of the last 30"),
        pytest.param(Cadence.DAILY, 30 * 24, False, id="an older day"),
    ],
)
def test_a_gap_is_told_for_30_partitions_and_7_days_at_least(
    lake: Lake, cadence: Cadence, hours: int, is_found: bool
) -> None:
    calendar = Calendar(cadence)
    last = calendar.key_of(datetime(2013, 8, 1, tzinfo=UTC))
    gap = calendar.key_of(datetime(2013, 8, 1, tzinfo=UTC) - hours * HOUR)
    keys = calendar.keys(calendar.shifted(gap, -1), last)
    for key in keys:
        if key != gap:
            record(lake, PREDICTIONS, key, end(key, calendar))
    watched = {PREDICTIONS: WatchedTable(PREDICTIONS, calendar, fresh_within=timedelta())}

    late = found(lake, end(last, calendar), watched)

    assert [one.since for one in late] == ([gap] if is_found else [])
