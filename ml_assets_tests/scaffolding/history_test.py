"""What a table's partitions with rows decide: days without rows, lags, look-back and windows."""

from collections.abc import Callable
from operator import attrgetter

import pandas as pd
import pytest

from ml_assets.cadence import Cadence, Calendar, weekday
from ml_assets.monitoring.drift import usual_min_rows
from ml_assets.scaffolding.history import LEAST_TEST, ROWS, History

DAILY, HOURLY, WEEKLY, MONTHLY = (
    Calendar(cadence)
    for cadence in (Cadence.DAILY, Cadence.HOURLY, Cadence.WEEKLY, Cadence.MONTHLY)
)
WEEKEND = ("Saturday", "Sunday")
MONDAY = "2024-01-01"


def history(
    calendar: Calendar = DAILY,
    weeks: int = 20,
    has_rows: Callable[[str], bool] = lambda key: weekday(key) not in WEEKEND,
    per_partition: int = 1,
) -> History:
    """The history of some weeks of partitions."""
    days = DAILY.shifted(MONDAY, 7 * weeks)
    keys = calendar.keys(calendar.first_of(MONDAY), calendar.shifted(calendar.first_of(days), -1))
    with_rows = [key for key in keys if has_rows(key)]
    return History.of(calendar, with_rows, per_partition * len(with_rows))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(history(), WEEKEND, id="weekdays"),
        pytest.param(history(HOURLY), WEEKEND, id="hours of weekdays"),
        pytest.param(
            history(has_rows=lambda key: weekday(key) in {"Monday", "Thursday"}),
            ("Tuesday", "Wednesday", "Friday", *WEEKEND),
            id="two days a week",
        ),
        pytest.param(
            history(has_rows=lambda key: weekday(key) not in WEEKEND and key[-2:] != "01"),
            WEEKEND,
            id="weekdays without some holidays",
        ),
        pytest.param(
            history(has_rows=lambda key: weekday(key) not in WEEKEND or key == "2024-02-03"),
            ("Sunday",),
            id="a row on one Saturday",
        ),
        pytest.param(history(has_rows=lambda _: True), (), id="all days"),
        pytest.param(history(weeks=3), (), id="too few weeks to say"),
        pytest.param(
            history(has_rows=lambda key: int(key[-2:]) % 9 == 0 and weekday(key) not in WEEKEND),
            (),
            id="too few rows to say",
        ),
        pytest.param(history(WEEKLY), (), id="weeks"),
    ],
)
def test_days_of_the_week_that_never_have_rows(found: History, expected: tuple[str, ...]) -> None:
    assert found.empty_on == expected


@pytest.mark.parametrize(
    ("found", "lags", "means", "look_back"),
    [
        pytest.param(history(has_rows=lambda _: True), (1, 2, 7), (7, 28), 28, id="all days"),
        pytest.param(history(), (1, 2, 5), (5, 20), 28, id="weekdays"),
        pytest.param(history(HOURLY), (1, 2, 24), (24, 48), 96, id="hours of weekdays"),
        pytest.param(
            history(has_rows=lambda key: weekday(key) == "Monday"), (1, 2), (1, 4), 28, id="Mondays"
        ),
    ],
)
def test_lags_of_whole_weeks_are_of_the_same_day_and_within_the_look_back(
    found: History, lags: tuple[int, ...], means: tuple[int, ...], look_back: int
) -> None:
    assert (found.lags, found.means, found.look_back) == (lags, means, look_back)


@pytest.mark.parametrize("weeks", [14, 20, 60])
def test_the_partitions_after_the_first_model_have_rows_enough(weeks: int) -> None:
    found = history(weeks=weeks)
    found.refuse_short()

    after = DAILY.keys(DAILY.shifted(found.as_of, 1), found.last)

    assert sum(weekday(day) not in WEEKEND for day in after) >= LEAST_TEST


@pytest.mark.parametrize(
    ("found", "windows"),
    [
        pytest.param(
            history(weeks=200, has_rows=lambda _: True, per_partition=20), {}, id="as usual"
        ),
        pytest.param(
            history(weeks=200, has_rows=lambda _: True),
            {
                "window": "1130d",
                "validation_window": "30d",
                "test_window": "100d",
                "drift_window": "40d",
            },
            id="longer for few rows",
        ),
        pytest.param(
            history(weeks=40, has_rows=lambda _: True),
            {"validation_window": "21d", "test_window": "63d", "drift_window": "40d"},
            id="longer as far as there is history",
        ),
        pytest.param(
            history(weeks=13, has_rows=lambda _: True, per_partition=20),
            {"validation_window": "5d", "test_window": "15d"},
            id="shorter for a short history",
        ),
    ],
)
def test_windows_follow_from_the_rows_and_the_length_of_the_history(
    found: History, windows: dict[str, str]
) -> None:
    assert found.windows == windows


def test_a_drift_window_with_its_rows_is_judged_by_default() -> None:
    days = 1000
    reference = pd.DataFrame({"rows": [days], "window_days": [ROWS["drift_window"]]})
    assert usual_min_rows(reference, days) <= ROWS["drift_window"]


def test_the_partitions_after_the_first_model_fill_a_drift_window() -> None:
    found = history(weeks=200, has_rows=lambda _: True)
    assert DAILY.between(found.as_of, found.last) == 40


@pytest.mark.parametrize("calendar", [HOURLY, DAILY, WEEKLY, MONTHLY], ids=attrgetter("cadence"))
@pytest.mark.parametrize("count", [300, 420, 600, 1000, 1200])
def test_the_partitions_after_the_first_model_judge_drift(calendar: Calendar, count: int) -> None:
    first = calendar.first_of("1990-01-01")
    keys = [first, calendar.shifted(first, count - 1)]
    found = History.of(calendar, keys, count)
    reference = pd.DataFrame({"rows": [count], "window_days": [found.drift_rows]})

    left = calendar.between(found.as_of, found.last) + 1

    assert left >= usual_min_rows(reference, count)


@pytest.mark.parametrize(
    ("found", "first"),
    [
        pytest.param(history(weeks=100, has_rows=lambda _: True), MONDAY, id="not much longer"),
        pytest.param(
            history(weeks=300, has_rows=lambda _: True, per_partition=20),
            DAILY.shifted("2029-09-30", -(28 + 365 + 28)),
            id="look-back, window and days to predict",
        ),
        pytest.param(
            history(WEEKLY, weeks=600, has_rows=lambda _: True, per_partition=20),
            WEEKLY.shifted("2035-06-25", -(13 + 156 + 13)),
            id="weeks",
        ),
    ],
)
def test_a_history_that_is_much_longer_than_its_windows_is_read_from_where_they_begin(
    found: History, first: str
) -> None:
    assert found.first_used == first
    assert found.first_with_features == found.calendar.shifted(found.first_used, found.look_back)


def test_the_first_model_of_a_part_of_a_history_is_that_of_all_of_it() -> None:
    whole = history(weeks=300, has_rows=lambda _: True, per_partition=20)
    used = DAILY.keys(whole.first_used, whole.last)
    part = History.of(DAILY, used, 20 * len(used))

    assert (part.as_of, part.windows) == (whole.as_of, whole.windows)


def test_events_without_earlier_values_need_no_look_back() -> None:
    keys = DAILY.keys(MONDAY, "2024-12-31")
    found = History.of(DAILY, keys, 20 * len(keys), has_past=False)

    assert (found.lags, found.means, found.look_back) == ((), (), 0)
    assert found.first_with_features == MONDAY
