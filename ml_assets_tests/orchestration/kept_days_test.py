"""Final days that cannot be computed again keep their last stored rows."""

from pathlib import Path

import pandas as pd
import pytest

from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.validation import Validated
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.assets.table_output import TableOutput
from ml_assets.orchestration.assets.table_storing import _kept_days
from ml_assets.planning.plan import Plan

TABLE, MONDAY = "shop/champion", "2013-07-08"
ROWS = pd.DataFrame({DAY: [MONDAY], "fingerprint": ["f"]})
STALE = TableOutput(
    Plan([], {}, {MONDAY: "its input is stale"}, {}, {}),
    Validated(ROWS[:0], ROWS[:0], {}),
    "code",
    keeps_rows=True,
)


def released(tmp_path: Path, rows: pd.DataFrame) -> Lake:
    """A lake whose Monday was stored with some rows."""
    lake = Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    version = lake.write(TABLE, rows, [MONDAY]).version
    content = day_hashes(rows, [MONDAY])[MONDAY]
    lake.ledger.append(
        [
            Entry(
                TABLE,
                MONDAY,
                Status.STORED,
                content_hash=content,
                rows=len(rows),
                version=version,
            )
        ]
    )
    return lake


@pytest.mark.parametrize(
    "since",
    [
        pytest.param([], id="still stored"),
        pytest.param([Status.SKIPPED], id="given up"),
        pytest.param([Status.WRITING], id="interrupted"),
        pytest.param([Status.WRITING, Status.SKIPPED], id="interrupted and given up"),
    ],
)
def test_a_released_day_is_kept_whatever_was_recorded_since(
    tmp_path: Path, since: list[Status]
) -> None:
    lake = released(tmp_path, ROWS)
    for status in since:
        lake.ledger.append([Entry(TABLE, MONDAY, status)])

    [kept] = _kept_days(lake, TABLE, STALE).values()

    assert (kept.status, kept.rows) == (Status.STORED, 1)


def test_a_closed_day_without_a_release_is_not_kept(tmp_path: Path) -> None:
    lake = released(tmp_path, ROWS[:0])
    lake.ledger.append([Entry(TABLE, MONDAY, Status.SKIPPED)])

    assert _kept_days(lake, TABLE, STALE) == {}


def test_rows_that_were_altered_are_not_kept(tmp_path: Path) -> None:
    lake = released(tmp_path, ROWS)
    lake.ledger.append([Entry(TABLE, MONDAY, Status.SKIPPED)])
    lake.write(TABLE, ROWS.assign(fingerprint="other"), [MONDAY])

    assert _kept_days(lake, TABLE, STALE) == {}
