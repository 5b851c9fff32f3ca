"""Contracts of a day: what is refused at load, what is usual, and what a verdict says."""

from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.cadence import Span
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.day import (
    DayContract,
    Measure,
    against_usual,
    day_contract,
    joined_share,
    measures_of,
    missing_share,
    rate,
    share_above,
    values_present,
)
from ml_assets.contracts.day_verdicts import judge_days, with_days_judged
from ml_assets.contracts.usual import history_of, usual_of_days
from ml_assets.contracts.validation import validate
from ml_assets.errors import ConfigurationError

DAYS = [f"2013-01-{day:02}" for day in range(1, 32)]
"""A Tuesday to a Thursday."""


def contract_with(day: object) -> type[Contract]:
    """A row contract that names a day contract."""

    class Readings(Contract):
        """Readings."""

        station: str = pa.Field()
        temp: float = pa.Field(nullable=True)
        alarm: bool = pa.Field()

        class Config:
            """With a day contract."""

            metadata: ClassVar = {"day": day, "max_dead_letter_share": 0.5}

    return Readings


def day_with(**fields: Any) -> type[DayContract]:
    """A day contract with these fields."""
    annotations = dict.fromkeys(fields, float)
    return type("ReadingsDay", (DayContract,), {**fields, "__annotations__": annotations})


def readings(counts: dict[str, int], **values: object) -> pd.DataFrame:
    """So many readings for each day."""
    days = [day for day, count in counts.items() for _ in range(count)]
    rows = {DAY: days, "station": "A", "temp": 1.0, "alarm": False, **values}
    return pd.DataFrame(rows).astype({DAY: "str", "station": "str"})


@pytest.mark.parametrize(
    ("day", "message"),
    [
        pytest.param(
            day_with(x=missing_share("tmp", le=0.5)),
            "Unknown column of ReadingsDay.x in Readings: 'tmp'. Did you mean 'temp'?",
            id="unknown column",
        ),
        pytest.param(
            day_with(x=pa.Field(metadata={"measure": "mising_share", "on_failure": "warn"})),
            "Unknown measure of ReadingsDay.x: 'mising_share'. Did you mean 'missing_share'?",
            id="unknown measure",
        ),
        pytest.param(
            day_with(x=pa.Field(le=1)),
            "Unknown measure of ReadingsDay.x: None. Expected one of against_usual",
            id="a plain field",
        ),
        pytest.param(
            day_with(x=against_usual(ge=1, on_failure="wran")),  # type: ignore[arg-type]
            "Unknown on_failure of ReadingsDay.x: 'wran'. Did you mean 'warn'?",
            id="unknown consequence",
        ),
        pytest.param(
            day_with(x=rate("station", le=1)),
            "expected a numeric or boolean column",
            id="no number",
        ),
        pytest.param(
            day_with(x=values_present("station", [], ge=1)),
            "has no expected values",
            id="no values",
        ),
        pytest.param(DayContract(pd.DataFrame()), "a subclass of DayContract", id="not a class"),
        pytest.param("FlightsDay", "expected a subclass of DayContract", id="a name"),
    ],
)
def test_unusable_day_contract_is_refused_when_it_is_loaded(day: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        day_contract(contract_with(day))

    assert message in str(refused.value)


def every_measure() -> type[DayContract]:
    """A day contract with each kind of measure."""
    return day_with(
        few=against_usual(ge=0.5),
        gone=missing_share("station", le=0.1, on_failure="warn"),
        joined=joined_share("temp", ge=0.9),
        alarms=rate("alarm", le=0.5),
        hot=share_above("temp", 30, le=0.2),
        stations=values_present("station", ["A", "B"], ge=1),
    )


def test_measures_are_read_as_they_were_declared() -> None:
    assert measures_of(every_measure()) == (
        Measure(
            "few", "against_usual", "", "quarantine", description="rows against the usual number"
        ),
        Measure(
            "gone",
            "missing_share",
            "station",
            "warn",
            description="share of rows whose station is null",
        ),
        Measure(
            "joined",
            "joined_share",
            "temp",
            "quarantine",
            description="share of rows with temp",
        ),
        Measure("alarms", "rate", "alarm", "quarantine", description="mean of alarm"),
        Measure(
            "hot", "share_above", "temp", "quarantine", 30, description="share of temp above 30"
        ),
        Measure(
            "stations",
            "values_present",
            "station",
            "quarantine",
            expected=["A", "B"],
            description="share of the expected values of station",
        ),
    )


def test_day_contract_with_every_measure_is_accepted_and_null_while_unknown() -> None:
    day = every_measure()

    assert day_contract(contract_with(day)) is day
    assert judge_days(readings({}), DAYS[:1], {}, day) == ({}, {})


def test_day_contract_may_have_further_fields_without_a_description() -> None:
    metadata = {"measure": "rate", "column": "alarm", "on_failure": "warn"}

    [measure] = measures_of(day_with(x=pa.Field(le=1, metadata=metadata)))

    assert measure == Measure("x", "rate", "alarm", "warn", description="x")


def test_contract_without_one_is_not_judged() -> None:
    rows = readings({"2013-01-01": 3})
    validated = validate(rows, contract_with(None), ["2013-01-01"])

    assert with_days_judged(validated, contract_with(None), {}) is validated


WEEKLY = dict.fromkeys(DAYS, 100) | {day: 40 for day in DAYS if pd.Timestamp(day).weekday() == 5}


@pytest.mark.parametrize(
    ("day", "counts", "expected"),
    [
        pytest.param("2013-01-26", WEEKLY, (40, "on a Saturday"), id="same weekday"),
        pytest.param("2013-01-25", WEEKLY, (100, "on a Friday"), id="another weekday"),
        pytest.param("2013-01-12", WEEKLY, (100, "a day"), id="one same weekday is too few"),
        pytest.param("2013-01-04", WEEKLY, (100, "a day"), id="three days are enough"),
        pytest.param("2013-01-03", WEEKLY, (None, ""), id="two days are too few"),
        pytest.param("2013-01-01", WEEKLY, (None, ""), id="no day before"),
        pytest.param("2013-06-01", WEEKLY, (None, ""), id="all too long ago"),
        pytest.param(SNAPSHOT, WEEKLY, (None, ""), id="a snapshot has no weekday"),
        pytest.param(
            "2013-01-31",
            {"2013-01-03": 10, "2013-01-10": 20, "2013-01-24": 60, "2013-01-30": 999},
            (20, "on a Thursday"),
            id="median over a gap",
        ),
        pytest.param(
            "2013-01-31",
            {"2013-01-17": 10, "2013-01-24": 30, "2013-01-30": 999},
            (20, "on a Thursday"),
            id="two same weekdays are enough",
        ),
        pytest.param(
            "2013-01-31",
            {"2013-01-03": 10, "2013-01-10": 10, "2013-01-17": 30, "2013-01-24": 30}
            | {"2012-12-27": 0, "2012-12-20": 0},
            (20, "on a Thursday"),
            id="the last four same weekdays",
        ),
        pytest.param(
            "2013-01-31",
            dict.fromkeys(DAYS[25:29], 10) | dict.fromkeys([*DAYS[19:23], DAYS[24]], 30),
            (10, "a day"),
            id="the last seven days",
        ),
        pytest.param(
            "2013-01-31",
            {"2012-12-06": 10, "2012-12-13": 30},
            (20, "on a Thursday"),
            id="eight weeks ago",
        ),
        pytest.param(
            "2013-01-31",
            {"2012-12-06": 10, "2012-12-07": 20, "2012-12-08": 60},
            (20, "a day"),
            id="the first of eight weeks",
        ),
        pytest.param(
            "2013-01-31",
            {"2012-12-05": 10, "2012-12-07": 20, "2012-12-08": 60},
            (None, ""),
            id="a day more than eight weeks ago",
        ),
    ],
)
def test_usual_is_weekday_aware(
    day: str, counts: dict[str, int], expected: tuple[float | None, str]
) -> None:
    [usual] = usual_of_days([day], counts)

    assert (usual.rows, usual.words) == expected


def test_history_reaches_back_eight_weeks() -> None:
    history = history_of(["2013-03-01", "2013-03-02"])

    assert history == Span("2013-01-04", "2013-03-02")
    assert history_of([SNAPSHOT]) is None


def test_usual_of_an_hour_is_that_of_the_same_hour_on_the_same_weekday() -> None:
    counts = {"2013-01-03-13:00": 10, "2013-01-10-13:00": 20, "2013-01-17-12:00": 90}

    [usual] = usual_of_days(["2013-01-17-13:00"], counts)

    assert (usual.rows, usual.words) == (15, "on a Thursday at 13:00")


def test_usual_of_an_hour_without_the_same_weekday_is_that_of_the_last_hours() -> None:
    counts = {"2013-01-17-10:00": 10, "2013-01-17-11:00": 30, "2013-01-17-12:00": 20}

    [usual] = usual_of_days(["2013-01-17-13:00"], counts)

    assert (usual.rows, usual.words) == (20, "an hour")


def test_usual_of_a_week_is_that_of_the_last_four() -> None:
    weeks = ["2013-01-07", "2013-01-14", "2013-01-21", "2013-02-04", "2013-02-11"]
    counts = dict(zip(weeks, [99, 10, 20, 30, 40], strict=True))

    [usual] = usual_of_days(["2013-02-18"], counts)

    assert (usual.rows, usual.words) == (25, "on a Monday")


USUAL = day_with(rows_against_usual=against_usual(ge=0.6, le=1.6))


def test_reason_of_few_rows_contains_the_usual_number() -> None:
    quarantined, _ = judge_days(readings({"2013-01-26": 12}), ["2013-01-26"], WEEKLY, USUAL)

    assert quarantined == {
        "2013-01-26": "12 rows, usually 40 on a Saturday: rows_against_usual 0.30 is below 0.6"
    }


def test_day_without_history_is_not_judged() -> None:
    assert judge_days(readings({"2013-01-02": 1}), ["2013-01-02"], {}, USUAL) == ({}, {})


def test_day_is_judged_against_one_usual_row_and_not_against_none() -> None:
    one, none = dict.fromkeys(DAYS[:3], 1), dict.fromkeys(DAYS[:3], 0)

    quarantined, _ = judge_days(readings({}), [DAYS[3]], one, USUAL)

    assert quarantined == {DAYS[3]: "0 rows, usually 1 a day: rows_against_usual 0.00 is below 0.6"}
    assert judge_days(readings({DAYS[3]: 5}), [DAYS[3]], none, USUAL) == ({}, {})


def test_quarantined_days_are_not_usual_for_later_ones_and_a_range_judges_as_single_days() -> None:
    counts = dict.fromkeys(DAYS, 100) | dict.fromkeys(DAYS[10:20], 20)
    rows = readings(counts)

    together, _ = judge_days(rows, DAYS, {}, USUAL)

    stored: dict[str, int] = {}
    alone: dict[str, str] = {}
    for day in DAYS:
        found, _ = judge_days(rows[rows[DAY] == day], [day], stored, USUAL)
        alone |= found
        if day not in found:
            stored[day] = counts[day]
    assert [*together] == DAYS[10:20]
    assert together == alone


def test_usual_number_ignores_later_days_and_the_day_itself() -> None:
    counts = dict.fromkeys(DAYS[:20], 100) | dict.fromkeys(DAYS[20:], 5)

    found = judge_days(readings({DAYS[10]: 100}), [DAYS[10]], counts, USUAL)

    assert found == ({}, {})


@pytest.mark.parametrize(
    ("field", "values", "reason"),
    [
        pytest.param(
            missing_share("temp", le=0.4),
            {"temp": [None, None, 1.0, 2.0]},
            "share of rows whose temp is null: x 0.50 is above 0.4",
            id="missing",
        ),
        pytest.param(
            joined_share("temp", ge=0.9),
            {"temp": [None, 1.0, 1.0, 2.0]},
            "share of rows with temp: x 0.75 is below 0.9",
            id="joined",
        ),
        pytest.param(
            rate("alarm", lt=0.75),
            {"alarm": [True, True, True, False]},
            "mean of alarm: x 0.75 is not below 0.75",
            id="rate",
        ),
        pytest.param(
            rate("alarm", ne=0.75),
            {"alarm": [True, True, True, False]},
            "mean of alarm: x 0.75 breaks not_equal_to(0.75)",
            id="another check",
        ),
        pytest.param(
            share_above("temp", 10, gt=0.5),
            {"temp": [11.0, 10.0, None, None]},
            "share of temp above 10: x 0.5 is not above 0.5",
            id="above",
        ),
        pytest.param(
            share_above("temp", 10, ge=0.67),
            {"temp": [11.0, 11.0, 10.0, None]},
            "share of temp above 10: x 0.6667 is below 0.67",
            id="as large as the bound in two decimals",
        ),
        pytest.param(
            values_present("station", ["A", "B"], ge=1),
            {},
            "none whose station is B: x 0.50 is below 1",
            id="present",
        ),
    ],
)
def test_reason_contains_the_measure_outside_its_bound(
    field: Any, values: dict[str, list[object]], reason: str
) -> None:
    rows = readings({DAYS[0]: 4}, **values)

    quarantined, _ = judge_days(rows, DAYS[:1], {}, day_with(x=field))

    assert quarantined == {DAYS[0]: f"4 rows, {reason}"}


def test_every_measure_outside_its_bound_is_a_reason() -> None:
    day = day_with(x=missing_share("temp", le=0.5), y=rate("alarm", ge=0.5))

    quarantined, _ = judge_days(readings({DAYS[0]: 1}, temp=None), DAYS[:1], {}, day)

    assert quarantined == {
        DAYS[0]: "1 rows, share of rows whose temp is null: x 1.00 is above 0.5; "
        "1 rows, mean of alarm: y 0.00 is below 0.5"
    }


def test_day_with_none_of_the_expected_values_is_quarantined_naming_them() -> None:
    day = day_with(x=values_present("station", ["A", "B"], ge=0.5))
    rows = readings({DAYS[0]: 4, DAYS[1]: 4})
    rows.loc[rows[DAY] == DAYS[0], "station"] = "C"

    quarantined, _ = judge_days(rows, DAYS[:2], {}, day)

    assert quarantined == {
        DAYS[0]: "4 rows, none whose station is A, B: x 0.00 is below 0.5",
    }


def test_warning_leaves_the_day_stored_and_quarantine_removes_its_rows() -> None:
    day = day_with(rows=against_usual(ge=0.5), few=against_usual(ge=0.9, on_failure="warn"))
    contract = contract_with(day)
    rows = readings(dict.fromkeys(DAYS[:8], 100) | {DAYS[8]: 20, DAYS[9]: 80})
    validated = validate(rows, contract, DAYS[:10])

    judged = with_days_judged(validated, contract, {})

    assert [*judged.quarantined] == [DAYS[8]]
    assert judged.warnings == {DAYS[9]: ["80 rows, usually 100 a day: few 0.80 is below 0.9"]}
    assert set(judged.rows[DAY]) == {*DAYS[:8], DAYS[9]}
    assert [*judged.rows.columns] == [*validated.rows.columns]
    assert [*judged.rows.index] == [*range(len(judged.rows))]


def test_empty_day_that_may_be_is_judged_by_its_row_count_only() -> None:
    day = day_with(rows=against_usual(ge=0.5, on_failure="warn"), x=missing_share("temp", le=0.1))

    quarantined, warnings = judge_days(readings({}), [DAYS[8]], dict.fromkeys(DAYS[:8], 100), day)

    assert quarantined == {}
    assert warnings == {DAYS[8]: ["0 rows, usually 100 a day: rows 0.00 is below 0.5"]}
