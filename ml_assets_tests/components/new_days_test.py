"""Which days the sensor compares with the source again."""

from pathlib import Path

import pytest

from ml_assets.components.new_days import days_to_recheck
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
