"""Up to which partition tables can be processed, from what is complete in their sources."""

from datetime import UTC, datetime

import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.planning.readiness import Dependencies

DAYS, HOURS = Calendar(), Calendar(Cadence.HOURLY)
DAILY = dict.fromkeys(("plan", "visits", "features", "outcomes"), DAYS)


def midnight(day: int, hour: int = 0) -> datetime:
    """A time in January: the end of the day before."""
    return datetime(2024, 1, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("offset", "plan", "visits", "expected"),
    [
        pytest.param(0, 11, 11, ("10", "10", "10", "10"), id="own time"),
        pytest.param(0, 20, 11, ("10", "10", "10", "10"), id="own time waits for every source"),
        pytest.param(-1, 20, 11, ("11", "10", "11", "10"), id="the past until its start"),
        pytest.param(-2, 20, 11, ("12", "10", "12", "10"), id="the past until a day before"),
        pytest.param(-2, 12, 11, ("11", "10", "11", "10"), id="the plan ends"),
        pytest.param(-2, 9, 11, ("08", "08", "08", "08"), id="the plan is behind"),
    ],
)
def test_last_day_of_each_table(
    offset: int, plan: int, visits: int, expected: tuple[str, ...]
) -> None:
    inputs = {"features": {"plan": 0, "visits": offset}, "outcomes": {"visits": 0}}

    last = Dependencies(DAILY, inputs).last_ready(
        {"plan": midnight(plan), "visits": midnight(visits)}, {}
    )

    assert tuple(last[table][-2:] for table in DAILY) == expected


def test_nothing_is_ready_while_a_source_has_no_complete_day() -> None:
    tables = Dependencies(DAILY, {"features": {"plan": 0}, "outcomes": {"visits": 0}})

    assert set(tables.last_ready({"plan": midnight(9), "visits": None}, {}).values()) == {""}


def test_a_table_waits_for_an_input_of_another_sensor() -> None:
    inputs = {"features": {"plan": 0, "forecasts": 0}, "outcomes": {"visits": 0}}
    complete = {"plan": midnight(11), "visits": midnight(11)}

    tables = Dependencies(DAILY, inputs)

    assert tables.last_ready(complete, {"forecasts": midnight(9, 13)})["features"] == "2024-01-08"
    assert tables.last_ready(complete, {"forecasts": None})["features"] == ""
    assert tables.last_ready(complete, {"forecasts": None})["outcomes"] == "2024-01-10"


def test_a_table_follows_the_tables_that_it_reads() -> None:
    calendars = {"plan": DAYS, "first": DAYS, "second": DAYS}
    inputs = {"second": {"first": -1}, "first": {"plan": -1}}

    last = Dependencies(calendars, inputs).last_ready({"plan": midnight(11)}, {})

    assert last == {"plan": "2024-01-10", "first": "2024-01-11", "second": "2024-01-12"}


def test_days_are_ready_when_their_last_hour_is() -> None:
    tables = Dependencies({"weather": HOURS, "daily": DAYS}, {"daily": {"weather": 0}})

    before = tables.last_ready({"weather": midnight(10, 23)}, {})
    after = tables.last_ready({"weather": midnight(11)}, {})

    assert (before["daily"], before["weather"]) == ("2024-01-09", "2024-01-10-22:00")
    assert (after["daily"], after["weather"]) == ("2024-01-10", "2024-01-10-23:00")


@pytest.mark.parametrize(("plan", "visits"), [(20, 11), (11, 20)])
def test_where_tables_exist_ahead_none_waits_for_sources_that_it_does_not_read(
    plan: int, visits: int
) -> None:
    inputs = {"features": {"plan": 0}, "outcomes": {"visits": 0}}
    complete = {"plan": midnight(plan), "visits": midnight(visits)}

    waits = Dependencies(DAILY, inputs).last_ready(complete, {})
    ahead = Dependencies(DAILY, inputs, is_ahead=True).last_ready(complete, {})

    assert {*waits.values()} == {"2024-01-10"}
    assert ahead["features"] == ahead["plan"] == f"2024-01-{plan - 1}"
    assert ahead["outcomes"] == ahead["visits"] == f"2024-01-{visits - 1}"
