"""The log of approvals is append-only, on both databases."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Action, Record
from ml_assets_tests.release.approvals.conftest import NOW, approval
from ml_assets_tests.releases import PIPELINE


def test_records_are_read_as_they_were_appended(url: str) -> None:
    log = ApprovalLog(url)
    rejection = approval(action=Action.REJECT, by="Bjørn", serves_from="", expires_at=None)

    numbers = [log.append(one).number for one in (approval(), rejection)]

    found = log.records(PIPELINE)
    assert numbers == [one.number for one in found] == [1, 2]
    assert found == [approval(number=1), Record(**vars(rejection) | {"number": 2})]


def test_records_of_other_pipelines_and_days_are_apart(url: str) -> None:
    log = ApprovalLog(url)
    for one in (approval(), approval(as_of="2013-08-01"), approval(pipeline="trains")):
        log.append(one)

    assert [one.number for one in log.records(PIPELINE)] == [1, 2]
    assert [one.number for one in log.records(PIPELINE, "2013-08-01")] == [2]
    assert log.records("nope") == []


def test_moments_are_kept_in_utc(url: str) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=9)))

    added = ApprovalLog(url).append(approval(at=there, expires_at=there))

    assert (added.at, added.expires_at) == (NOW, NOW)
    assert added.at.tzinfo is UTC


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE release_approvals SET reason = 'other'", id="update"),
        pytest.param("UPDATE release_approvals SET expires_at = NULL WHERE id = 1", id="one row"),
        pytest.param("DELETE FROM release_approvals", id="delete"),
        pytest.param("DELETE FROM release_approvals WHERE id = 1", id="delete one row"),
    ],
)
def test_the_database_refuses_to_change_a_record(url: str, change: str) -> None:
    log = ApprovalLog(url)
    log.append(approval())
    engine = sa.create_engine(url)

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(change))

    engine.dispose()
    assert ApprovalLog(url).records(PIPELINE) == [approval(number=1)]


@pytest.mark.slow
def test_postgres_refuses_to_empty_the_table(postgres: str) -> None:
    log = ApprovalLog(postgres)
    log.append(approval())
    engine = sa.create_engine(postgres)

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text("TRUNCATE release_approvals"))

    engine.dispose()
    assert log.records(PIPELINE) == [approval(number=1)]


def test_sqlite_refuses_to_replace_a_record(log: ApprovalLog, tmp_path: Path) -> None:
    log.append(approval())

    with (
        closing(sqlite3.connect(tmp_path / "ledger.db")) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(
            "INSERT OR REPLACE INTO release_approvals "
            "SELECT id, pipeline, as_of, action, 'Eve', reason, evidence, serves_from, at, "
            "expires_at FROM release_approvals"
        )

    assert log.records(PIPELINE) == [approval(number=1)]


def test_concurrent_writers_of_a_new_database_all_land(url: str) -> None:
    def write(number: int) -> int:
        return ApprovalLog(url).append(approval(by=f"writer {number}")).number

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(write, range(8)))

    found = ApprovalLog(url).records(PIPELINE)
    assert sorted(numbers) == [one.number for one in found]
    assert {one.by for one in found} == {f"writer {number}" for number in range(8)}


def test_the_log_can_do_nothing_but_grow_and_be_read() -> None:
    assert {name for name in dir(ApprovalLog) if not name.startswith("_")} == {
        "append",
        "records",
    }
