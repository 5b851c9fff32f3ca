"""B2: a column that a newer contract added is no alteration of the days stored before."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.checks.checks import read_stored
from ml_assets.orchestration.checks.standard import standard_checks
from ml_assets.orchestration.checks.table_check import DayVerdict
from ml_assets.settings import settings
from ml_assets.workspace import Workspace

TABLE = "sources/flights"
OLD = [f"2013-01-{number:02}" for number in range(1, 11)]
NEW = "2013-01-11"


class Today(Contract):
    """The contract with its new columns."""

    carrier: str = pa.Field(description="Carrier.")
    delay: float = pa.Field(description="Delay.", nullable=True)
    hour: int = pa.Field(description="New: an integer.")
    is_late: bool = pa.Field(description="New: a boolean.")
    seen: pd.DatetimeTZDtype = pa.Field(
        description="New: a moment.", dtype_kwargs={"unit": "us", "tz": "UTC"}
    )


def rows(day: str) -> pd.DataFrame:
    """Three rows of a day with the old columns."""
    return pd.DataFrame(
        {DAY: [day] * 3, "carrier": ["AA", "B6", "UA"], "delay": [1.5, None, 3.0]}
    ).astype({DAY: "str", "carrier": "str"})


def with_new_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with those of today."""
    moment = pd.Timestamp("2013-01-11 05:30", tz="UTC").as_unit("us")
    return frame.assign(hour=2**60 + 1, is_late=True, seen=moment)


def store(lake: Lake, frame: pd.DataFrame, days: Sequence[str]) -> None:
    """Store days as the IO manager does it."""
    written = lake.write(TABLE, frame, days)
    counts = frame[DAY].value_counts()
    lake.ledger.append(
        [
            written.complete(Entry(TABLE, day, Status.STORED, rows=int(counts.get(day, 0))))
            for day in days
        ]
    )


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Ten days of the old contract and one of the new, in the project's lake."""
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path))
    monkeypatch.setenv("ML_ASSETS_POSTGRES_URL", "")
    monkeypatch.setenv("ML_ASSETS_LAKE", "")
    settings.cache_clear()
    lake = Workspace.of_environment().unconfirmed_lake
    lake.mark()
    store(lake, pd.concat([rows(day) for day in OLD], ignore_index=True), OLD)
    store(lake, with_new_columns(rows(NEW)), [NEW])
    return lake


def checked(lake: Lake) -> dict[str, dict[str, DayVerdict]]:
    """Check → day → verdict, for all days in one frame."""
    stored = read_stored(Workspace.of_environment(), TABLE, [*OLD, NEW])
    return {check.name: dict(check.judge(stored)) for check in standard_checks(Today)}


def test_b2_old_and_new_days_checked_together_are_unaltered(lake: Lake) -> None:
    found = checked(lake)["rows_match_data_version"]

    assert [day for day, verdict in found.items() if not verdict.passed] == []
    assert lake.days_stored(TABLE) == [*OLD, NEW]


def test_b2_old_days_are_reported_as_of_an_older_contract_with_the_command(lake: Lake) -> None:
    found = checked(lake)["meets_contract"]

    assert found[NEW] == DayVerdict(True)
    assert all(found[day].is_warning for day in OLD)
    assert "hour, is_late, seen" in found[OLD[0]].reason
    assert "ml-assets recompute sources/flights --partition 2013-01-01'" in found[OLD[0]].reason


def test_b2_old_and_new_days_are_read_together_and_verified(lake: Lake) -> None:
    window = lake.window(TABLE, [*OLD, NEW])

    assert len(window.read()) == 33
    assert lake.damaged(window) == {}
    assert lake.differing_days(TABLE, window.hashes, None) == []


def test_b2_an_altered_old_day_is_still_reported_from_an_older_contract(lake: Lake) -> None:
    lake.write(TABLE, rows(OLD[2]).assign(delay=0.0), [OLD[2]])

    found = checked(lake)["rows_match_data_version"]

    assert [day for day, verdict in found.items() if not verdict.passed] == [OLD[2]]
    assert lake.ledger.latest(TABLE)[OLD[2]].status is Status.QUARANTINED


def test_b2_a_contract_that_lost_a_column_leaves_old_days_as_they_are(lake: Lake) -> None:
    store(lake, rows("2013-01-12").drop(columns="delay"), ["2013-01-12"])

    window = lake.window(TABLE, [OLD[0], NEW, "2013-01-12"])

    assert len(window.read()) == 9
    assert lake.differing_days(TABLE, window.hashes, None) == []
