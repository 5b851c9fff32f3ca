"""Questions about the latest entries of all tables."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ml_assets.cadence import Span
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.ledger.overview import Overview

STORED, QUARANTINED, WRITING = Status.STORED, Status.QUARANTINED, Status.WRITING


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_only_what_is_quarantined_by_its_latest_entry_is_returned(ledger: Ledger) -> None:
    ledger.append(
        [
            Entry("b/t", "2013-01-02", QUARANTINED, "why"),
            Entry("a/t", "2013-01-02", STORED),
            Entry("a/t", "2013-01-01", QUARANTINED),
            Entry("a/t", "2013-01-02", QUARANTINED),
            Entry("a/t", "2013-01-01", STORED),
        ]
    )

    found = Overview(ledger.url).quarantined()

    assert [(one.table, one.day, one.reason) for one in found] == [
        ("a/t", "2013-01-02", ""),
        ("b/t", "2013-01-02", "why"),
    ]


def test_the_last_stored_day_is_that_of_the_latest_entries(ledger: Ledger) -> None:
    ledger.append([Entry("a/t", f"2013-01-0{number}", STORED) for number in (1, 2, 3)])
    ledger.append([Entry("a/t", "2013-01-03", WRITING), Entry("b/t", "2013-01-04", STORED)])
    overview = Overview(ledger.url)

    assert overview.last_stored("a/t", "2013-12-31") == "2013-01-02"
    assert overview.last_stored("a/t", "2013-01-01") == "2013-01-01"
    assert overview.last_stored("a/t", "2012-12-31") is None


def test_tables_of_which_a_day_is_being_written(ledger: Ledger) -> None:
    ledger.append([Entry(f"{name}/t", "2013-01-01", WRITING) for name in "ab"])
    ledger.append([Entry("b/t", "2013-01-01", STORED)])
    now, overview = datetime.now(UTC), Overview(ledger.url)

    assert overview.written_since(now - timedelta(hours=1)) == ["a/t"]
    assert overview.written_since(now + timedelta(hours=1)) == []


def test_tables_with_rejected_rows_are_those_of_stored_days(ledger: Ledger) -> None:
    ledger.append(
        [
            Entry("a/t", "2013-01-01", STORED, dead_letters=3),
            Entry("b/t", "2013-01-01", QUARANTINED, dead_letters=3),
            Entry("c/t", "2013-01-01", STORED, dead_letters=3),
            Entry("c/t", "2013-01-01", STORED),
        ]
    )

    assert Overview(ledger.url).tables_with_dead_letters() == ["a/t"]


def test_the_first_time_of_a_day_is_that_of_its_first_stored_entry(ledger: Ledger) -> None:
    at = datetime(2013, 1, 3, 6, tzinfo=UTC)
    statuses = (WRITING, STORED, STORED, QUARANTINED)
    ledger.reset(
        "id",
        [
            Entry("a/t", "2013-01-02", status, written_at=at + timedelta(hours=number))
            for number, status in enumerate(statuses)
        ],
    )
    ledger.append([Entry("a/t", "2013-01-01", QUARANTINED), Entry("a/t", "2013-01-03", STORED)])
    overview = Overview(ledger.url)

    assert overview.first_stored("a/t") == "2013-01-02"
    assert overview.first_stored("b/t") is None
    assert overview.first_times("a/t", Span("2013-01-01", "2013-01-02")) == {
        "2013-01-02": at + timedelta(hours=1)
    }
