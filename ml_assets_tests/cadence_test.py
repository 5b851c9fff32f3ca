"""Keys, bounds and durations of partitions, compared with Dagster's own partitions."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from pydantic import ValidationError

from ml_assets.cadence import DAYS, Cadence, Calendar, Span, as_key, in_a_row
from ml_assets.configuration.days import Days
from ml_assets.durations import Duration
from ml_assets.errors import ConfigurationError
from ml_assets.orchestration.partitions import calendar_of, days_of_run, dependencies, partitions
from ml_assets.planning.inputs import Input

NEW_YORK, BERLIN, SYDNEY = "America/New_York", "Europe/Berlin", "Australia/Sydney"
ZONES = [NEW_YORK, BERLIN, SYDNEY, "UTC"]
FIRST = {Cadence.WEEKLY: "2012-12-31"}
"""First day of 2013 on which a partition begins, if it is not the first of January."""


def days(cadence: Cadence, zone: str = NEW_YORK) -> Days:
    """The year 2013, with both clock changes."""
    first = FIRST.get(cadence, "2013-01-01")
    return Days(first=first, last="2013-12-31", timezone=zone, cadence=cadence)


def test_a_partition_has_a_length_in_a_word() -> None:
    assert [cadence.unit for cadence in Cadence] == ["hour", "day", "week", "month"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cadence", Cadence)
def test_keys_are_those_of_dagster_in_the_order_of_time(cadence: Cadence, zone: str) -> None:
    year = days(cadence, zone)

    keys = list(partitions(year).get_partition_keys())

    assert year.last_key is not None
    assert year.calendar.keys(year.first_key, year.last_key) == keys
    assert sorted(keys) == keys
    assert calendar_of(partitions(year)) == year.calendar


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cadence", Cadence)
def test_bounds_are_those_of_dagster_and_leave_no_gap(cadence: Cadence, zone: str) -> None:
    year = days(cadence, zone)
    definition = partitions(year)
    keys = list(definition.get_partition_keys())[:: 7 if cadence is Cadence.HOURLY else 1]

    for key in keys:
        window = definition.time_window_for_partition_key(key)
        start, end = year.calendar.bounds(key)
        window_in_utc = (window.start.astimezone(UTC), window.end.astimezone(UTC))
        assert (start, end) == window_in_utc
        last = end.astimezone(UTC) - timedelta(microseconds=1)
        assert [year.calendar.key_of(moment) for moment in (start, last)] == [key, key]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param(NEW_YORK, "2013-03-10", 23, id="forward in New York"),
        pytest.param(NEW_YORK, "2013-11-03", 25, id="back in New York"),
        pytest.param(BERLIN, "2013-03-31", 23, id="forward in Berlin"),
        pytest.param(BERLIN, "2013-10-27", 25, id="back in Berlin"),
        pytest.param(SYDNEY, "2013-10-06", 23, id="forward in Sydney"),
        pytest.param(SYDNEY, "2013-04-07", 25, id="back in Sydney"),
        pytest.param("UTC", "2013-03-10", 24, id="no change"),
    ],
)
def test_a_day_has_each_of_its_hours_once(zone: str, day: str, hours: int) -> None:
    of_day = Input(
        "shop/orders",
        calendar=Calendar(Cadence.DAILY, zone),
        input_calendar=Calendar(Cadence.HOURLY, zone),
    ).days_of(day)

    starts = [Calendar(Cadence.HOURLY, zone).start_of(key).timestamp() for key in of_day]
    assert len({*of_day}) == len(of_day) == hours
    assert {int(then - before) for before, then in itertools.pairwise(starts)} == {3600}


@pytest.mark.parametrize(
    ("reader", "of_input", "offsets"),
    [
        pytest.param(Cadence.DAILY, Cadence.HOURLY, (0, 0), id="day of hours"),
        pytest.param(Cadence.DAILY, Cadence.HOURLY, (-11, 0), id="days before of hours"),
        pytest.param(Cadence.WEEKLY, Cadence.DAILY, (0, 0), id="week of days"),
        pytest.param(Cadence.WEEKLY, Cadence.HOURLY, (-2, -1), id="weeks before of hours"),
        pytest.param(Cadence.MONTHLY, Cadence.DAILY, (-1, 0), id="months of days"),
        pytest.param(Cadence.HOURLY, Cadence.HOURLY, (-25, 0), id="hours of hours"),
    ],
)
def test_input_partitions_are_those_that_dagster_maps_to(
    reader: Cadence, of_input: Cadence, offsets: tuple[int, int]
) -> None:
    own, other = days(reader), days(of_input)
    item = Input("t/t", *offsets, calendar=own.calendar, input_calendar=other.calendar)
    [found] = dependencies([item])
    mapping = found.partition_mapping or dg.TimeWindowPartitionMapping()
    assert isinstance(mapping, dg.TimeWindowPartitionMapping)
    known = set(partitions(other).get_partition_keys())
    keys = partitions(own).get_partition_keys()

    for key in [*keys[1:8], *keys[len(keys) // 2 : len(keys) // 2 + 5]]:
        mapped = mapping.get_upstream_mapped_partitions_result_for_partitions(
            partitions(own).subset_with_partition_keys([key]), partitions(own), partitions(other)
        )
        expected = sorted(mapped.partitions_subset.get_partition_keys())
        assert [day for day in item.days_of(key) if day in known] == expected


def test_inputs_of_the_same_asset_are_one_dependency_over_all_partitions_they_read() -> None:
    [found, other] = dependencies(
        [Input("shop/orders"), Input("shop/orders", -28, -1), Input("shop/items", -1, -1)]
    )

    mapping = dg.TimeWindowPartitionMapping(-28, 0, allow_nonexistent_upstream_partitions=True)
    assert (found.asset_key, found.partition_mapping) == (dg.AssetKey(["shop", "orders"]), mapping)
    assert other.asset_key == dg.AssetKey(["shop", "items"])


def test_only_the_hours_of_the_day_itself_are_required() -> None:
    item = Input("shop/orders", -1, 0, calendar=DAYS, input_calendar=Calendar(Cadence.HOURLY))

    required = [key for key in item.days_of("2013-01-02") if item.is_required("2013-01-02", key)]

    assert len(item.days_of("2013-01-02")) == 48
    assert required == [f"2013-01-02-{hour:02}:00" for hour in range(24)]


@pytest.mark.parametrize(
    ("text", "cadence", "count"),
    [
        ("7d", Cadence.DAILY, 7),
        ("48h", Cadence.DAILY, 2),
        ("8w", Cadence.DAILY, 56),
        ("36h", Cadence.HOURLY, 36),
        ("7d", Cadence.HOURLY, 168),
        ("8w", Cadence.WEEKLY, 8),
        ("56d", Cadence.WEEKLY, 8),
        ("3mo", Cadence.MONTHLY, 3),
        ("0d", Cadence.WEEKLY, 0),
    ],
)
def test_duration_is_a_number_of_partitions(text: str, cadence: Cadence, count: int) -> None:
    assert Duration.parse(text).partitions(Calendar(cadence)) == count


@pytest.mark.parametrize(
    ("text", "cadence"),
    [
        ("36h", Cadence.DAILY),
        ("10d", Cadence.WEEKLY),
        ("1mo", Cadence.DAILY),
        ("30d", Cadence.MONTHLY),
    ],
)
def test_duration_that_ends_within_a_partition_is_refused(text: str, cadence: Cadence) -> None:
    with pytest.raises(ValueError, match=f"{text} is not a whole number of {cadence} partitions"):
        Duration.parse(text).partitions(Calendar(cadence))


@pytest.mark.parametrize("text", ["", "7", "d", "7 days", "-7d", "1.5h", "7d ", "7D", "P7D"])
def test_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration, expected for example '7d' or '36h'"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"cadence": "weekly", "first": "2013-01-01"},
            "no weekly partition begins on 2013-01-01: use 2012-12-31 or 2013-01-07",
            id="no Monday",
        ),
        pytest.param(
            {"cadence": "monthly", "first": "2013-01-02"},
            "no monthly partition begins on 2013-01-02: use 2013-01-01 or 2013-02-01",
            id="no first of a month",
        ),
        pytest.param(
            {"cadence": "monthly", "first": "2013-01-01", "last": "2013-01-30"},
            "no monthly partition fits between 2013-01-01 and 2013-01-30",
            id="less than a month",
        ),
        pytest.param(
            {"cadence": "hourly", "first": "2013-01-01", "timezone": "Asia/Kolkata"},
            "hours of Asia/Kolkata do not begin with those of UTC",
            id="half hours",
        ),
    ],
)
def test_days_without_partitions_are_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Days.model_validate(changes)


def test_last_partition_ends_by_the_end_of_the_last_day() -> None:
    week = Days(first="2013-01-07", last="2013-01-26", cadence=Cadence.WEEKLY)
    hour = Days(first="2013-01-07", last="2013-01-08", cadence=Cadence.HOURLY)

    assert (week.first_key, week.last_key) == ("2013-01-07", "2013-01-14")
    assert (hour.first_key, hour.last_key) == ("2013-01-07-00:00", "2013-01-08-23:00")


def test_days_without_an_end_are_open() -> None:
    assert Days(first="2013-01-07", cadence=Cadence.WEEKLY).last_key is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("2013-01-05", "2013-01-05"),
        ("2013-01-05-13:00", "2013-01-05-13:00"),
        ("2013-11-03-01:00-0500", "2013-11-03-01:00-0500"),
        ("2013-01-05-13:30", None),
        ("2013-02-30", None),
        ("snapshot", None),
        ("2013-01-05-25:00", None),
        ("2013-01-05T13:00", None),
    ],
)
def test_key_is_told_from_other_text(text: str, key: str | None) -> None:
    assert as_key(text) == key


def test_range_of_hours_is_read() -> None:
    assert Span.parse("2013-01-05-13:00...2013-01-06-02:00") == Span(
        "2013-01-05-13:00", "2013-01-06-02:00"
    )
    with pytest.raises(ConfigurationError, match="is not a day, an hour, or a range of them"):
        Span.parse("2013-01-05-13:30")


def test_range_of_days_contains_its_hours() -> None:
    span = Span("2013-01-05", "2013-01-06")

    inside = ["2013-01-05", "2013-01-05-00:00", "2013-01-06-23:00", "2013-01-06"]
    assert all(map(span.contains, inside))
    assert not any(map(span.contains, ["2013-01-04-23:00", "2013-01-07-00:00", "2013-01-07"]))


def test_hours_in_a_row_are_one_range_over_a_clock_change() -> None:
    calendar = Calendar(Cadence.HOURLY, NEW_YORK)
    keys = calendar.keys("2013-11-03-00:00", "2013-11-03-05:00")

    assert len(keys) == 7
    assert [*in_a_row(keys)] == [Span(keys[0], keys[-1])]
    assert [*in_a_row([keys[0], keys[1], keys[4]])] == [
        Span(keys[0], keys[1]),
        Span(keys[4], keys[4]),
    ]


def test_next_partition_from_a_moment_begins_then_or_later() -> None:
    weeks = Calendar(Cadence.WEEKLY, NEW_YORK)
    monday = datetime(2013, 1, 7, tzinfo=ZoneInfo(NEW_YORK))

    assert weeks.next_from(monday) == "2013-01-07"
    assert weeks.next_from(monday + timedelta(seconds=1)) == "2013-01-14"


@pytest.mark.parametrize("moment", ["2024-03-10T06:00", "2024-11-03T05:00", "2024-11-03T06:00"])
def test_hours_at_clock_changes_contain_themselves_alone(moment: str) -> None:
    start = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    hours = Calendar(Cadence.HOURLY, NEW_YORK)
    key = hours.key_of(start)

    assert hours.bounds(key) == (start, start + timedelta(hours=1))
    assert hours.within(*hours.bounds(key)) == [key]
    assert hours.next_from(start) == key


def test_an_hour_that_a_clock_change_skips_is_refused() -> None:
    definition = partitions(
        Days(first="2024-03-01", last="2024-03-31", timezone="America/New_York", cadence="hourly")
    )

    @dg.asset(partitions_def=definition)
    def hours(context: dg.AssetExecutionContext) -> list[str]:
        return days_of_run(context, definition)

    def run(key: str) -> list[str]:
        return dg.materialize([hours], partition_key=key).output_for_node("hours")

    assert run("2024-03-10-03:00") == ["2024-03-10-03:00"]
    with pytest.raises(ConfigurationError, match=r"no partition 2024-03-10-02:00.*2024-03-10-03"):
        run("2024-03-10-02:00")
