"""Which partitions of an input those of a table are computed from, also of another length."""

import pytest

from ml_assets.cadence import DAYS, Cadence, Calendar
from ml_assets.content import SNAPSHOT
from ml_assets.planning.inputs import Input

SUNDAY, MONDAY, TUESDAY = "2013-07-07", "2013-07-08", "2013-07-09"
HOURS, WEEKS = Calendar(Cadence.HOURLY), Calendar(Cadence.WEEKLY)
BERLIN_DAYS = Calendar(Cadence.DAILY, "Europe/Berlin")
DAYS_OF_WEEKS = Input("t", first=-1, calendar=WEEKS, input_calendar=DAYS)


@pytest.mark.parametrize(
    ("item", "days"),
    [
        pytest.param(Input("t"), [MONDAY], id="same day"),
        pytest.param(Input("t", -2, 0), ["2013-07-06", SUNDAY, MONDAY], id="look-back"),
        pytest.param(Input("t", -1, -1), [SUNDAY], id="day before"),
        pytest.param(Input("t", is_snapshot=True), [SNAPSHOT], id="snapshot"),
        pytest.param(Input("t", picks={MONDAY: ["2013-05-01"]}), ["2013-05-01"], id="picked"),
        pytest.param(Input("t", picks={TUESDAY: ["2013-05-01"]}), [], id="picked for another day"),
    ],
)
def test_input_days_of_a_day(item: Input, days: list[str]) -> None:
    assert item.days_of(MONDAY) == days


@pytest.mark.parametrize(
    ("item", "input_day", "required"),
    [
        pytest.param(Input("t", -1, 0), MONDAY, True, id="its own day"),
        pytest.param(Input("t", -1, 0), SUNDAY, False, id="look-back"),
        pytest.param(Input("t", is_snapshot=True), SNAPSHOT, True, id="snapshot"),
        pytest.param(Input("t", picks={MONDAY: [SUNDAY]}), SUNDAY, True, id="picked"),
        pytest.param(Input("t", -1, 0, is_optional=True), MONDAY, False, id="optional"),
        pytest.param(
            Input("t", is_snapshot=True, is_optional=True), SNAPSHOT, False, id="optional snapshot"
        ),
        pytest.param(
            Input("t", picks={MONDAY: [SUNDAY]}, is_optional=True),
            SUNDAY,
            False,
            id="optional pick",
        ),
    ],
)
def test_required_input_days(item: Input, input_day: str, required: bool) -> None:
    assert item.is_required(MONDAY, input_day) is required


def test_input_days_of_a_week_are_those_of_the_weeks_that_it_reads() -> None:
    assert DAYS_OF_WEEKS.days_of(MONDAY) == DAYS.keys("2013-07-01", "2013-07-14")


def test_input_hours_of_a_day_are_those_of_the_day_in_its_zone() -> None:
    item = Input("t", calendar=BERLIN_DAYS, input_calendar=HOURS)

    assert item.days_of(MONDAY) == HOURS.keys("2013-07-07-22:00", "2013-07-08-21:00")


@pytest.mark.parametrize("input_calendar", [None, WEEKS], ids=["by default", "declared"])
def test_input_with_the_same_partitions_has_those_of_the_offsets(
    input_calendar: Calendar | None,
) -> None:
    item = Input("t", first=-1, calendar=WEEKS, input_calendar=input_calendar)

    assert item.days_of(MONDAY) == ["2013-07-01", MONDAY]


@pytest.mark.parametrize(
    ("input_day", "required"),
    [
        pytest.param(SUNDAY, False, id="last day of the week before"),
        pytest.param(MONDAY, True, id="first day of its week"),
        pytest.param("2013-07-14", True, id="last day of its week"),
    ],
)
def test_every_day_of_its_own_week_is_required(input_day: str, required: bool) -> None:
    assert DAYS_OF_WEEKS.is_required(MONDAY, input_day) is required


@pytest.mark.parametrize(
    ("item", "input_day", "own"),
    [
        pytest.param(Input("t"), MONDAY, MONDAY, id="same partitions"),
        pytest.param(
            Input("t", calendar=HOURS, input_calendar=HOURS),
            "2013-07-08-13:00",
            "2013-07-08-13:00",
            id="same partitions, declared",
        ),
        pytest.param(DAYS_OF_WEEKS, TUESDAY, MONDAY, id="day of a week"),
        pytest.param(
            Input("t", calendar=BERLIN_DAYS, input_calendar=HOURS),
            "2013-07-07-22:00",
            MONDAY,
            id="hour of the next day in its zone",
        ),
        pytest.param(
            Input("t", is_snapshot=True, calendar=WEEKS, input_calendar=DAYS),
            SNAPSHOT,
            SNAPSHOT,
            id="snapshot",
        ),
    ],
)
def test_own_partition_is_that_in_which_one_of_the_input_begins(
    item: Input, input_day: str, own: str
) -> None:
    assert item.own_partition(input_day) == own
