"""Rows that belong to no day are counted and stored; unreadable days do not affect others."""

from collections.abc import Sequence

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.errors import SourceCorrupt
from ml_assets.ledger.entries import Status
from ml_assets.sources.database_table import DatabaseTable
from ml_assets_tests.project import Project

FLIGHTS = "sources/flights"
FLIGHTS_KEY = f'key:"{FLIGHTS}"'
DAY_5 = "2013-01-05"
OF_DAY_5 = "year = 2013 AND month = 1 AND day = 5"
RANGE = "2013-01-04...2013-01-06"
PLACEMENT = "every_row_has_a_day"


def placement(project: Project, days: str) -> dict[str | None, str]:
    """Day → reason of the placement check where it does not pass."""
    results = project.check(FLIGHTS_KEY, days)
    return {
        item.day: str(item.reason) for item in results if item.check == PLACEMENT and item.reason
    }


def unplaced(project: Project) -> Sequence[str]:
    """Rules of the dead letters without a day, as they are stored."""
    return sorted(
        str(letter["rule"]) for letter in project.dead_letters(FLIGHTS) if letter[DAY] == "unplaced"
    )


def test_f3_rows_without_a_usable_time_are_counted_and_stored(project: Project) -> None:
    half = f"{OF_DAY_5} AND flight % 2"
    lost = project.sql(f"UPDATE flights SET time_hour = NULL WHERE {half}")
    broken = [
        ("'2013-09-05 12:00:00'", "is far after all other rows"),
        ("'1970-01-01 00:00:00'", "is far before all other rows"),
        ("'soon'", "must be a moment like 2024-07-08 12:00:00"),
        ("20130105", "must be a moment like 2024-07-08 12:00:00"),
    ]
    for value, _ in broken:
        project.sql(
            f"UPDATE flights SET time_hour = {value} WHERE rowid = "
            f"(SELECT min(rowid) FROM flights WHERE {OF_DAY_5} AND time_hour LIKE '2013-01-05 %')"
        )

    outcome = project.materialize(FLIGHTS_KEY, RANGE)

    assert outcome.succeeded, outcome.failed_steps
    assert len(project.lake.read(FLIGHTS, [DAY_5])) == 720 - lost - len(broken)
    assert unplaced(project) == sorted(
        ["time_hour: must not be null"] * lost + [f"time_hour: {rule}" for _, rule in broken]
    )
    entry = project.entries(f"{FLIGHTS}_dead_letters")["unplaced"]
    assert (entry.status, entry.rows) == (Status.STORED, lost + len(broken))
    [(day, reason)] = placement(project, RANGE).items()
    assert day == "2013-01-06"
    assert f"{lost + len(broken)} rows of the source belong to no day" in reason
    assert "sources/flights_dead_letters, partition 'unplaced'" in reason
    assert project.materialized_days(f"{FLIGHTS}_dead_letters") == set()

    assert project.materialize(FLIGHTS_KEY, "2013-01-07").succeeded
    assert project.entries(f"{FLIGHTS}_dead_letters")["unplaced"].rows == entry.rows

    project.sql("UPDATE flights SET time_hour = '2013-01-05 12:00:00' WHERE time_hour IS NULL")
    project.sql("DELETE FROM flights WHERE time_hour NOT LIKE '2013-01-%'")
    assert project.materialize(FLIGHTS_KEY, DAY_5).succeeded
    assert unplaced(project) == []
    assert placement(project, DAY_5) == {}


def test_c3_a_far_row_is_no_row_of_its_day(project: Project) -> None:
    assert project.materialize(FLIGHTS_KEY, RANGE).succeeded
    project.sql(
        f"UPDATE flights SET time_hour = '2013-09-05 12:00:00' WHERE rowid = "
        f"(SELECT min(rowid) FROM flights WHERE {OF_DAY_5})"
    )

    outcome = project.materialize(FLIGHTS_KEY, "2013-09-05")

    assert not outcome.succeeded
    assert (
        "whose newest row is of 2013-01-22 04:00" in project.entries(FLIGHTS)["2013-09-05"].reason
    )
    assert unplaced(project) == ["time_hour: is far after all other rows"]


@pytest.fixture
def corrupt_days(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """UTC days whose pages cannot be read: any span that touches them fails, as SQLite does."""
    days: set[str] = set()
    read = DatabaseTable.rows

    def rows(self: DatabaseTable, start: object, end: object) -> object:
        span = pd.date_range(start, end, freq="h", inclusive="left")  # type: ignore[call-overload]
        if {f"{moment:%Y-%m-%d %H}" for moment in span} & {f"{day} 12" for day in days}:
            raise SourceCorrupt("The source cannot be read (database disk image is malformed).")
        return read(self, start, end)  # type: ignore[arg-type]

    monkeypatch.setattr(DatabaseTable, "rows", rows)
    return days


def test_d1_unreadable_days_do_not_affect_others(project: Project, corrupt_days: set[str]) -> None:
    assert project.materialize(FLIGHTS_KEY, "2013-01-04").succeeded
    before = project.versions(FLIGHTS)
    corrupt_days |= {"2013-01-04", "2013-01-05"}

    outcome = project.materialize(FLIGHTS_KEY, "2013-01-03...2013-01-07")

    entries = project.entries(FLIGHTS)
    assert not outcome.succeeded
    assert entries[DAY_5].status is Status.QUARANTINED
    assert "database disk image is malformed" in entries[DAY_5].reason
    assert set(project.lake.days_stored(FLIGHTS)) == {
        f"2013-01-{day}" for day in ("03", "04", "06", "07")
    }
    assert project.versions(FLIGHTS).items() >= before.items()
    reported = {
        item.day: str(item.reason)
        for item in project.check(FLIGHTS_KEY, "2013-01-03...2013-01-04")
        if item.check == "up_to_date_with_source" and item.reason
    }
    assert [*reported] == ["2013-01-04"]
    assert "cannot be compared" in reported["2013-01-04"]

    corrupt_days.clear()
    assert project.materialize(FLIGHTS_KEY, "2013-01-03...2013-01-07").succeeded
    assert DAY_5 in project.lake.days_stored(FLIGHTS)


def test_d1_a_day_alone_that_cannot_be_read_ends_in_a_state(
    project: Project, corrupt_days: set[str]
) -> None:
    corrupt_days.add(DAY_5)

    outcome = project.materialize(FLIGHTS_KEY, DAY_5)

    assert "database disk image is malformed" in outcome.failed_steps["sources__flights"]
    assert project.entries(FLIGHTS)[DAY_5].status is Status.QUARANTINED
