"""The rows that are written: one for each entity, the newest, with its event time."""

from datetime import UTC, datetime

import pandas as pd

from ml_assets.online.rows import newest_rows
from ml_assets.online.values import decoded, entity_key
from ml_assets_tests.online.conftest import BY_DAY, READINGS

FIRST, SECOND = "2013-03-09", "2013-03-10"
"""On the second, clocks were set forward."""


def readings(*rows: tuple[str, str, int, str, float | None]) -> pd.DataFrame:
    """Rows of day, meter, number, time and consumption."""
    frame = pd.DataFrame(rows, columns=["ds", "meter", "number", "at", "used"])
    return frame.astype({"ds": "str", "meter": "str", "used": "float64"}).assign(
        at=pd.to_datetime(frame["at"], utc=True).dt.as_unit("us")
    )


def test_the_newest_row_of_each_entity_by_its_own_time() -> None:
    rows = newest_rows(
        READINGS,
        readings(
            (SECOND, "b", 1, "2013-03-10 14:00", 3.0),
            (FIRST, "a", 1, "2013-03-09 20:00", 2.0),
            (FIRST, "a", 1, "2013-03-09 12:00", 1.0),
            (FIRST, "a", 2, "2013-03-09 13:00", None),
        ),
    )

    assert [(row.entity, row.event_time.hour, row.day) for row in rows] == [
        (entity_key(["a", 1]), 20, FIRST),
        (entity_key(["a", 2]), 13, FIRST),
        (entity_key(["b", 1]), 14, SECOND),
    ]
    assert decoded(rows[1].features) == {
        "at": datetime(2013, 3, 9, 13, tzinfo=UTC),
        "used": None,
    }


def test_without_a_time_of_its_own_a_row_was_known_at_the_end_of_its_partition() -> None:
    rows = newest_rows(
        BY_DAY,
        readings(
            (FIRST, "a", 1, "2013-03-09 20:00", 1.0), (SECOND, "a", 2, "2013-03-10 9:00", 2.0)
        ),
    )

    assert [row.event_time for row in rows] == [
        datetime(2013, 3, 10, 5, tzinfo=UTC),
        datetime(2013, 3, 11, 4, tzinfo=UTC),
    ]


def test_of_rows_of_one_time_that_of_the_later_partition_is_the_newest() -> None:
    at = "2013-03-10 04:30"
    [row] = newest_rows(READINGS, readings((SECOND, "a", 1, at, 2.0), (FIRST, "a", 1, at, 1.0)))

    assert row.day == SECOND


def test_no_rows_are_written_of_empty_partitions() -> None:
    assert newest_rows(READINGS, readings()) == []
    assert newest_rows(BY_DAY, readings()) == []
