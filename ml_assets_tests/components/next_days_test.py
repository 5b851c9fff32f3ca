"""Which days the sensor compares with the source again."""

from pathlib import Path

import pytest

from ml_assets.cadence import DAYS as CALENDAR
from ml_assets.cadence import Span
from ml_assets.components.next_days import days_to_recheck, of_one_run
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger

TABLE = "sources/orders"
DAYS = [f"2013-07-0{number}" for number in range(1, 8)]


@pytest.mark.parametrize(
    ("stored", "closed", "count", "expected"),
    [
        pytest.param(DAYS, [], 3, DAYS[4:], id="all stored"),
        pytest.param(DAYS[:4], [], 3, DAYS[1:4], id="later days not processed"),
        pytest.param(DAYS[:1], [], 3, DAYS[:1], id="fewer than asked for"),
        pytest.param([], [], 3, [], id="none processed"),
        pytest.param([], DAYS[:1], 3, DAYS[:1], id="none stored"),
        pytest.param(DAYS[:4], DAYS[4:], 3, DAYS[1:], id="an outage afterwards"),
        pytest.param([*DAYS[:2], DAYS[4]], DAYS[2:4], 2, DAYS[1:5], id="an outage between"),
        pytest.param(DAYS, [], 0, [], id="switched off"),
        pytest.param(DAYS, [], 7, DAYS, id="as many as there are"),
    ],
)
def test_c1_the_last_stored_days_are_compared_however_many_are_new(
    tmp_path: Path, stored: list[str], closed: list[str], count: int, expected: list[str]
) -> None:
    lake = Lake(str(tmp_path / "lake"), Ledger("sqlite://"))
    lake.ledger.append(
        [Entry(TABLE, day, Status.STORED) for day in stored]
        + [Entry(TABLE, day, Status.QUARANTINED, reason="no rows") for day in closed]
    )

    assert days_to_recheck(lake, TABLE, DAYS, count) == expected


NEW = "not processed yet"
BEGINS = {"visits": "2013-07-01", "plan": "2013-07-01", "features": "2013-07-01"}


def work(**days: list[int]) -> dict[str, dict[str, str]]:
    """Table → its unfinished days of July."""
    return {table: {f"2013-07-0{day}": NEW for day in of_table} for table, of_table in days.items()}


@pytest.mark.parametrize(
    ("unfinished", "ready", "span", "tables"),
    [
        pytest.param(
            work(visits=[4], plan=[4, 5], features=[4, 5]),
            {"visits": 4, "plan": 5, "features": 5},
            (4, 4),
            {"visits", "plan", "features"},
            id="the day that all tables have",
        ),
        pytest.param(
            work(plan=[5], features=[5]),
            {"plan": 5, "features": 5},
            (5, 5),
            {"plan", "features"},
            id="the day that exists ahead",
        ),
        pytest.param(
            work(plan=[2], features=[2, 5], visits=[3, 4]),
            {"visits": 4, "plan": 5, "features": 5},
            (2, 4),
            {"visits", "plan", "features"},
            id="a change and new days",
        ),
    ],
)
def test_tables_of_one_run(
    unfinished: dict[str, dict[str, str]],
    ready: dict[str, int],
    span: tuple[int, int],
    tables: set[str],
) -> None:
    last = {table: f"2013-07-0{day}" for table, day in ready.items()}

    found, together = of_one_run(unfinished, BEGINS, last, CALENDAR)

    assert found == Span(f"2013-07-0{span[0]}", f"2013-07-0{span[1]}")
    assert {*together} == tables


def test_a_table_that_begins_later_is_not_in_a_run_of_earlier_days() -> None:
    unfinished = work(visits=[1, 2, 3], features=[3])
    ready = {"visits": "2013-07-03", "features": "2013-07-03"}

    _, together = of_one_run(unfinished, {**BEGINS, "features": "2013-07-03"}, ready, CALENDAR)

    assert {*together} == {"visits"}
