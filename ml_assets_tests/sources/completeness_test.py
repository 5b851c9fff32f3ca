"""Up to when a source has its rows: what proves it, and what does not."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.sources.completeness import (
    Day,
    Hour,
    extent,
    extent_of,
    usual_rows,
)

FIRST = date(2013, 1, 1)
MAX_AGE = timedelta(hours=4)


def days(count: int = 365) -> list[Day]:
    """Consecutive days from the first on."""
    starts = [datetime(2013, 1, 1, 5, tzinfo=UTC) + timedelta(days=n) for n in range(count)]
    return [
        (f"{FIRST + timedelta(days=n)}", start, start + timedelta(days=1))
        for n, start in enumerate(starts)
    ]


def hours(rows: Mapping[int, int], last_hour: int = 22) -> list[Hour]:
    """Number of a day → its rows, half of them in its first and half in its last hour."""
    found = []
    for number, count in rows.items():
        start = days(400)[number][1]
        late = start + timedelta(hours=last_hour)
        found += [Hour(start, count // 2, start)] if count > 1 else []
        found.append(Hour(late, count - count // 2 if count > 1 else count, late))
    return found


def complete(
    rows: Mapping[int, int], usual: float | None = None, last_hour: int = 22, count: int = 365
) -> int:
    """How many days from the first on are complete."""
    until = extent(days(count), hours(rows, last_hour), MAX_AGE, usual).complete_until
    return 0 if until is None else sum(end <= until for _, _, end in days(count))


def usual_days(numbers: range, rows: int = 842) -> dict[int, int]:
    """Days with the usual rows."""
    return dict.fromkeys(numbers, rows)


@pytest.mark.parametrize("usual", [842.0, None], ids=["with history", "without history"])
@pytest.mark.parametrize(
    ("stray", "expected"),
    [
        pytest.param({}, 5, id="nothing else"),
        pytest.param({243: 1}, 5, id="one row eight months ahead"),
        pytest.param({243: 3}, 5, id="three rows on a far day"),
        pytest.param({243: 1, 244: 1, 245: 1}, 5, id="a row on three far days"),
        pytest.param({100: 2, 200: 2, 300: 2}, 5, id="rows on days far apart"),
        pytest.param({8: 1}, 5, id="one row three days ahead"),
        pytest.param({390: 1}, 5, id="one row after the last day"),
        pytest.param({5: 5}, 5, id="a day that just began"),
        pytest.param({5: 400}, 6, id="half a day up to its end"),
    ],
)
def test_c3_few_rows_do_not_move_the_end(
    stray: Mapping[int, int], expected: int, usual: float | None
) -> None:
    assert complete(usual_days(range(5)) | stray, usual) == expected


@pytest.mark.parametrize(
    ("last_hour", "expected"),
    [pytest.param(22, 3, id="up to its end"), pytest.param(12, 2, id="up to noon")],
)
def test_c3_a_stray_row_does_not_complete_half_a_day(last_hour: int, expected: int) -> None:
    rows = usual_days(range(2)) | {2: 421}

    assert complete(rows | {243: 1}, 842, last_hour) == expected
    assert complete(rows, 842, last_hour) == expected


@pytest.mark.parametrize("usual", [842.0, None], ids=["with history", "without history"])
@pytest.mark.parametrize("outage", [1, 6, 7, 40, 200])
def test_c3_the_end_of_an_outage_is_detected(outage: int, usual: float | None) -> None:
    before, after = usual_days(range(3)), usual_days(range(3 + outage, 5 + outage))

    assert complete(before, usual) == 3
    assert complete(before | after, usual) == 5 + outage


def test_c3_an_outage_of_40_days_ends_with_half_a_usual_day() -> None:
    before = usual_days(range(3))

    assert complete(before | {43: 400}, 842) == 3
    assert complete(before | {43: 430}, 842) == 44


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param({}, 0, id="no row"),
        pytest.param({0: 842}, 1, id="one day"),
        pytest.param({0: 842, 243: 1}, 1, id="one day and a stray row"),
        pytest.param({0: 842, 1: 1, 2: 1}, 1, id="one day and two stray rows"),
        pytest.param({0: 842, 1: 800, 300: 2}, 2, id="two days and two stray rows"),
    ],
)
def test_first_days_without_history(rows: Mapping[int, int], expected: int) -> None:
    assert complete(rows) == expected


@pytest.mark.parametrize("per_day", [1, 3, 10])
def test_a_small_source_continues_and_stray_rows_do_not_move_its_end(per_day: int) -> None:
    rows = usual_days(range(10), per_day)

    assert complete(rows, per_day) == 10
    assert complete(rows | {243: 1}, per_day) == 10
    assert complete(rows | usual_days(range(60, 70), per_day), per_day) == 70


def test_a_source_of_weekdays_only_continues_on_monday() -> None:
    weekdays = {n: 500 for n in range(70) if (FIRST + timedelta(days=n)).weekday() < 5}
    friday = max(n for n in range(60) if (FIRST + timedelta(days=n)).weekday() == 4)

    assert complete({n: 500 for n in weekdays if n <= friday}, 500) == friday + 1
    assert complete({n: 500 for n in weekdays if n <= friday + 3}, 500) == friday + 4


def test_a_permanently_smaller_source_continues() -> None:
    shrunk = usual_days(range(10)) | usual_days(range(10, 20), 20)

    assert complete(shrunk, 842) >= 17


def test_c3_a_day_without_rows_between_dense_days_is_complete() -> None:
    assert complete({0: 842, 2: 842, 4: 842}, 842) == 5


def test_rows_after_the_last_day_complete_it() -> None:
    rows = usual_days(range(9)) | {9: 400}

    assert complete(rows, 842, last_hour=10, count=10) == 9
    assert complete(rows | {10: 800}, 842, last_hour=10, count=10) == 10


@pytest.mark.parametrize(
    ("rows", "day"),
    [
        pytest.param(usual_days(range(5)), 5, id="the day after"),
        pytest.param(usual_days(range(5)) | {243: 1}, 5, id="with a stray row"),
        pytest.param(usual_days(range(5)) | {45: 842}, 46, id="after an outage"),
    ],
)
def test_times_after_the_day_that_follows_the_newest_dense_one_are_not_plausible(
    rows: Mapping[int, int], day: int
) -> None:
    found = extent(days(), hours(rows), MAX_AGE, 842)

    assert found.plausible_until == days()[day][2]
    assert found.newest is not None
    assert found.newest < found.plausible_until


def test_no_time_is_implausible_without_a_dense_day() -> None:
    found = extent(days(), hours({243: 1}), MAX_AGE, 842)

    assert found.plausible_until is None
    assert found.complete_until is None


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param([], None, id="no day"),
        pytest.param([0, 0], None, id="empty days"),
        pytest.param([842, 1, 1], 842, id="stray rows beside one day"),
        pytest.param([0, 800, 900, 850, 0], 850, id="few days"),
        pytest.param([10, 20, 30, 40, 50, 60, 7000], 40, id="a burst among many days"),
    ],
)
def test_usual_rows(counts: list[int], expected: float | None) -> None:
    assert usual_rows(counts) == expected


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param([], 24, id="the day before"),
        pytest.param([24], 25, id="the first hour of a day"),
        pytest.param([24, 25], 26, id="two hours"),
        pytest.param([26], 27, id="after two hours without rows"),
        pytest.param([26, 31], 27, id="a row that does not follow closely"),
        pytest.param([47], 24, id="a row at the end of the day"),
    ],
)
def test_first_hours_of_a_day_count_if_they_follow_closely(later: list[int], expected: int) -> None:
    begin, one = datetime(2024, 1, 1, tzinfo=UTC), timedelta(hours=1)
    found = [Hour(begin + n * one, 3, begin + n * one) for n in [*range(24), *later]]

    until = extent_of(Calendar(Cadence.HOURLY), "2024-01-01", {}, lambda _: found, one)

    assert until.complete_until == begin + expected * one
