"""Quarantined days, and days with more rejected rows than usual."""

from collections.abc import Sequence

import pytest

from ml_assets.alerts.sources.days import many_dead_letters, quarantined_days
from ml_assets.cadence import DAYS
from ml_assets.content import SNAPSHOT
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import ALTERED, Entry, Status

TABLE = "sources/flights"
LAST = "2013-03-31"
DAYS_BEFORE = DAYS.keys("2013-02-20", "2013-03-30")


def quarantine(lake: Lake, *days: str, table: str = TABLE, reason: str = "no rows") -> None:
    """Quarantine days."""
    lake.ledger.append([Entry(table, day, Status.QUARANTINED, reason) for day in days])


def store(lake: Lake, days: Sequence[str], *, rejected: int = 0, rows: int = 1000) -> None:
    """Store days, each with a number of rejected rows."""
    lake.ledger.append(
        [Entry(TABLE, day, Status.STORED, rows=rows, dead_letters=rejected) for day in days]
    )


def test_quarantined_days_of_a_table_are_one_finding(lake: Lake) -> None:
    store(lake, ["2013-02-08"])
    quarantine(lake, "2013-02-09", "2013-02-11")
    quarantine(lake, "2013-02-10", table="sources/weather")

    flights, weather = quarantined_days(lake, LAST)

    assert (flights.pipeline, flights.subject) == ("sources", TABLE)
    assert (flights.since, flights.until) == ("2013-02-09", "2013-02-11")
    assert "2013-02-09 to 2013-02-11 (2 partitions): no rows" in flights.message
    assert flights.command == "ml-assets impact sources/flights --partition 2013-02-11 --plan"
    assert weather.subject == "sources/weather"


def test_a_day_that_is_stored_since_and_its_dead_letters_are_no_finding(lake: Lake) -> None:
    quarantine(lake, "2013-02-09")
    quarantine(lake, "2013-02-09", table=f"{TABLE}_dead_letters")
    store(lake, ["2013-02-09"])

    assert [*quarantined_days(lake, LAST)] == []


def test_later_days_are_not_looked_at_and_snapshots_are(lake: Lake) -> None:
    quarantine(lake, "2013-02-09")
    quarantine(lake, SNAPSHOT, table="sources/planes")

    assert [one.subject for one in quarantined_days(lake, "2013-02-08")] == ["sources/planes"]


def test_a_damaged_day_is_looked_at_before_it_is_repaired(lake: Lake) -> None:
    quarantine(lake, "2013-02-09", reason=f"{ALTERED}: 3 rows")

    (found,) = quarantined_days(lake, LAST)

    assert found.command == (
        "ml-assets checks --select 'key:\"sources/flights\"' --partition 2013-02-09"
    )


@pytest.mark.parametrize(
    ("usual", "rejected", "is_found"),
    [
        pytest.param(0, 6, True, id="more than half a percent"),
        pytest.param(0, 4, False, id="less than half a percent"),
        pytest.param(40, 50, False, id="less than half more than usual"),
        pytest.param(40, 70, True, id="more than half more than usual"),
    ],
)
def test_rejected_rows_are_compared_with_the_usual_share(
    lake: Lake, usual: int, rejected: int, is_found: bool
) -> None:
    store(lake, DAYS_BEFORE, rejected=usual)
    store(lake, [LAST], rejected=rejected)

    found = [*many_dead_letters(lake, LAST)]

    assert bool(found) == is_found
    assert [(one.subject, one.since, one.until) for one in found] == [
        (TABLE, LAST, LAST)
    ] * is_found


def test_the_message_names_the_share_that_is_usual(lake: Lake) -> None:
    store(lake, DAYS_BEFORE, rejected=40, rows=960)
    store(lake, [LAST], rejected=70, rows=930)

    (found,) = many_dead_letters(lake, LAST)

    assert found.message == (
        "70 of 1,000 rows of sources/flights 2013-03-31 were rejected, usually at most 6.0%"
    )


def test_a_day_is_over_after_a_week(lake: Lake) -> None:
    store(lake, DAYS_BEFORE)
    store(lake, ["2013-03-24"], rejected=500)
    store(lake, [LAST])

    assert [*many_dead_letters(lake, LAST)] == []
    assert [one.until for one in many_dead_letters(lake, "2013-03-30")] == ["2013-03-24"]


def test_what_lasts_does_not_become_usual(lake: Lake) -> None:
    store(lake, DAYS_BEFORE)
    store(lake, DAYS.keys("2013-03-15", LAST), rejected=200)

    (found,) = many_dead_letters(lake, LAST)

    assert (found.since, found.until) == ("2013-03-25", LAST)


def test_weeks_are_compared_with_weeks(lake: Lake) -> None:
    store(lake, DAYS.keys("2013-01-06", "2013-03-24")[::7])
    store(lake, [LAST], rejected=200)

    assert [one.until for one in many_dead_letters(lake, LAST)] == [LAST]


@pytest.mark.parametrize(
    ("days", "rows", "rejected"),
    [
        pytest.param(DAYS_BEFORE[-3:], 1000, 500, id="no history"),
        pytest.param(DAYS_BEFORE, 3, 2, id="two rows"),
    ],
)
def test_what_is_usual_is_not_guessed(
    lake: Lake, days: Sequence[str], rows: int, rejected: int
) -> None:
    store(lake, days, rows=rows)
    store(lake, [LAST], rejected=rejected, rows=rows)

    assert [*many_dead_letters(lake, LAST)] == []
