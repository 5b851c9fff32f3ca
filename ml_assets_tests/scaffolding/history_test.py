"""What a table's partitions with rows decide: days without rows, lags, look-back and windows."""

from collections.abc import Callable

import pytest

from ml_assets.cadence import Cadence, Calendar, weekday
from ml_assets.scaffolding.history import LEAST_TEST, History

DAILY, HOURLY, WEEKLY = (
    Calendar(cadence) for cadence in (Cadence.DAILY, Cadence.HOURLY, Cadence.WEEKLY)
)
WEEKEND = ("Saturday", "Sunday")
MONDAY = "2024-01-01"


def history(
    calendar: Calendar = DAILY,
    weeks: int = 20,
    has_rows: Callable[[str], bool] = lambda key: weekday(key) not in WEEKEND,
) -> History:
    """The history of some weeks of partitions."""
    days = DAILY.shifted(MONDAY, 7 * weeks)
    keys = calendar.keys(calendar.first_of(MONDAY), calendar.shifted(calendar.first_of(days), -1))
    return History.of(calendar, [key for key in keys if has_rows(key)])


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
