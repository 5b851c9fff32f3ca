"""Which rows go on, which become dead letters, and which days are quarantined."""

import json
from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.dead_letters import DeadLetters
from ml_assets.contracts.validation import Validated, combine, schema_problem, validate
from ml_assets.defs.sources.contracts import Weather

MONDAY, TUESDAY = "2013-07-08", "2013-07-09"


class Orders(Contract):
    """Tolerates any share of dead letters."""

    id: int = pa.Field(ge=1)
    amount: float = pa.Field(nullable=True, ge=0, le=100)
    shop: str = pa.Field(isin=["A", "B"])

    class Config:
        """With a key."""

        unique: ClassVar = ["id"]
        metadata: ClassVar = {"max_dead_letter_share": 1.0}


class StrictOrders(Orders):
    """Tolerates one dead letter in four."""

    class Config:
        """As its base, with a limit."""

        unique: ClassVar = ["id"]
        metadata: ClassVar = {"max_dead_letter_share": 0.25}


class RareOrders(Orders):
    """Has days without rows."""

    class Config:
        """A day may be empty."""

        unique: ClassVar = ["id"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 1.0}


class WorkdayOrders(Orders):
    """Never has rows at weekends, always on other days."""

    class Config:
        """Two days of a week are empty."""

        unique: ClassVar = ["id"]
        metadata: ClassVar = {"empty_on": ["Saturday", "Sunday"], "max_dead_letter_share": 1.0}


class Visits(Contract):
    """Has no key, and checks of whole rows and of the whole frame."""

    came: int = pa.Field()
    left: int = pa.Field()
    note: str = pa.Field(nullable=True, metadata={"max_length": 3})

    @pa.dataframe_check
    def left_after_it_came(cls, rows: pd.DataFrame) -> pd.Series:
        """A check of each row."""
        return rows["left"] >= rows["came"]

    @pa.dataframe_check
    def not_all_at_once(cls, rows: pd.DataFrame) -> bool:
        """A check of all rows together."""
        return len(rows) < 4

    class Config:
        """Any number of dead letters."""

        metadata: ClassVar = {"max_dead_letter_share": 1.0}


def visits(*rows: tuple[int, int, str]) -> pd.DataFrame:
    """Visits on Monday."""
    return pd.DataFrame(rows, columns=["came", "left", "note"]).assign(**{DAY: MONDAY})


def order(number: Any, amount: Any = 10.0, shop: Any = "A", day: str = MONDAY) -> dict[str, Any]:
    """A raw row, valid by default."""
    return {DAY: day, "id": number, "amount": amount, "shop": shop}


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    """Raw rows as a source hands them on: objects."""
    return pd.DataFrame(list(rows), columns=[DAY, *columns(Orders)], dtype=object)


def rules(validated: Validated) -> dict[str, str]:
    """Key of each rejected row → rules it broke."""
    letters = validated.dead_letters
    return dict(zip(letters["source_key"], letters["rule"], strict=True))


def test_good_rows_are_typed_and_sorted_by_day_and_key() -> None:
    raw = frame(order("2", day=TUESDAY), order(3), order(1.0, amount=None))

    validated = validate(raw, Orders, [MONDAY, TUESDAY])

    expected = pd.DataFrame(
        {
            DAY: [MONDAY, MONDAY, TUESDAY],
            "id": [1, 3, 2],
            "amount": [None, 10.0, 10.0],
            "shop": ["A", "A", "A"],
        }
    )
    pd.testing.assert_frame_equal(validated.rows, expected)
    assert validated.dead_letters.empty
    assert validated.row_counts == {MONDAY: 2, TUESDAY: 1}
    assert validated.dead_letter_counts == {MONDAY: 0, TUESDAY: 0}


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        pytest.param({"amount": "ten"}, "amount: must be float64", id="text in a number column"),
        pytest.param({"amount": -1}, "amount: greater_than_or_equal_to(0)", id="below the range"),
        pytest.param({"amount": 101}, "amount: less_than_or_equal_to(100)", id="above the range"),
        pytest.param({"shop": None}, "shop: must not be null", id="null that may not be"),
        pytest.param({"shop": "C"}, "shop: isin(['A', 'B'])", id="not in the list"),
        pytest.param(
            {"shop": None, "amount": "ten"},
            "amount: must be float64; shop: must not be null",
            id="two rules at once",
        ),
    ],
)
def test_row_that_breaks_a_rule_becomes_a_dead_letter(bad: dict[str, Any], rule: str) -> None:
    validated = validate(frame(order(1), order(2, **bad)), Orders, [MONDAY])

    assert [*validated.rows["id"]] == [1]
    assert rules(validated) == {"2": rule}


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        pytest.param(b"\xff", "shop: must be string, has bytes that are no UTF-8 text", id="other"),
        pytest.param(b"A", "shop: must be string", id="UTF-8"),
    ],
)
def test_rule_of_bytes_names_those_that_are_no_text(value: bytes, rule: str) -> None:
    validated = validate(frame(order(1, shop=value)), Orders, [MONDAY])

    assert rules(validated) == {"1": rule}


def test_text_in_a_number_column_does_not_hide_a_negative_value_beside_it() -> None:
    raw = frame(order(1), order(2, amount="ten"), order(3, amount=-5.0))

    validated = validate(raw, Orders, [MONDAY])

    assert rules(validated) == {
        "2": "amount: must be float64",
        "3": "amount: greater_than_or_equal_to(0)",
    }


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        pytest.param("one", "id: must be int64", id="text"),
        pytest.param(1.5, "id: must be int64", id="fraction"),
        pytest.param(None, "id: must not be null", id="null"),
    ],
)
def test_row_with_an_unusable_key_becomes_a_dead_letter(number: Any, rule: str) -> None:
    validated = validate(frame(order(1), order(number)), Orders, [MONDAY])

    assert [*validated.dead_letters["rule"]] == [rule]
    assert [*validated.rows["id"]] == [1]


def test_rows_of_one_key_that_differ_all_become_dead_letters() -> None:
    raw = frame(order(1), order(2, amount=1), order(2, amount=2), order(2, amount=2))

    validated = validate(raw, Orders, [MONDAY])

    assert [*validated.rows["id"]] == [1]
    assert [*validated.dead_letters["source_key"]] == ["2", "2"]
    assert validated.merged_duplicates == {MONDAY: 1}
    assert set(validated.dead_letters["rule"]) == {"key: must be unique"}


def test_a_key_may_come_again_on_another_day() -> None:
    validated = validate(frame(order(1), order(1, day=TUESDAY)), Orders, [MONDAY, TUESDAY])

    assert validated.dead_letter_counts == {MONDAY: 0, TUESDAY: 0}
    assert validated.row_counts == {MONDAY: 1, TUESDAY: 1}


def test_column_with_a_range_and_a_duplicate_names_both_rules() -> None:
    raw = frame(order(1), order(2, amount=-1), order(2))

    validated = validate(raw, Orders, [MONDAY])

    letters = validated.dead_letters
    assert sorted(letters["rule"]) == [
        "amount: greater_than_or_equal_to(0); key: must be unique",
        "key: must be unique",
    ]


@pytest.mark.parametrize(
    ("visit", "rule"),
    [
        pytest.param((2, 1, "x"), "left_after_it_came", id="check of the row"),
        pytest.param((1, 2, "long"), "note: must have at most 3 characters", id="long text"),
        pytest.param(
            (1, 2, "a\tb"),
            "note: must not contain control or format characters",
            id="control character",
        ),
    ],
)
def test_rule_of_a_row_has_no_column_and_rule_of_a_text_has_its_own(
    visit: tuple[int, int, str], rule: str
) -> None:
    validated = validate(visits((1, 2, "x"), visit), Visits, [MONDAY])

    assert [*validated.dead_letters["rule"]] == [rule]
    assert len(validated.rows) == 1


def test_equal_rows_without_a_key_are_not_merged() -> None:
    validated = validate(visits((1, 2, "x"), (1, 2, "x"), (2, 1, "x")), Visits, [MONDAY])

    assert validated.merged_duplicates == {}
    assert validated.row_counts == {MONDAY: 2}
    assert validated.dead_letter_counts == {MONDAY: 1}


def test_failed_check_of_all_rows_together_quarantines_the_days_and_is_named() -> None:
    validated = validate(visits(*[(1, 2, "x")] * 4), Visits, [MONDAY])

    assert validated.quarantined == {
        MONDAY: "contract check 'not_all_at_once' failed as a whole: False"
    }


def test_dead_letter_contains_the_raw_row() -> None:
    raw = frame(order(2, amount="ten", shop=None)).assign(extra="kept")

    letters = validate(raw, Orders, [MONDAY]).dead_letters

    assert [*letters.columns] == [DAY, *columns(DeadLetters)]
    assert json.loads(letters["row"].iloc[0]) == {
        "id": 2,
        "amount": "ten",
        "shop": None,
        "extra": "kept",
    }


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="not a number"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(float("-inf"), id="minus infinity"),
        pytest.param(pd.NaT, id="not a time"),
        pytest.param(b"\xff", id="bytes"),
        pytest.param(pd.Timestamp("2013-07-08", tz="UTC"), id="timestamp"),
        pytest.param('a "quoted"\nvalue', id="quotes and line ends"),
    ],
)
def test_dead_letter_row_is_valid_json(value: Any) -> None:
    letters = validate(frame(order(1, amount=value, shop="?")), Orders, [MONDAY]).dead_letters

    row = json.loads(letters["row"].iloc[0], parse_constant=_not_json)

    assert row["shop"] == "?"


def _not_json(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def test_dead_letters_are_valid_in_their_own_contract() -> None:
    rejected = validate(frame(order(0), order(-1)), Orders, [MONDAY]).dead_letters

    again = validate(rejected, DeadLetters, [MONDAY])

    assert len(again.rows) == 2
    assert again.quarantined == {}


def test_share_above_the_limit_quarantines_only_that_day() -> None:
    monday = [order(number) for number in (1, 2)] + [order(3, amount=-1)]
    tuesday = [order(number, day=TUESDAY) for number in (4, 5, 6)]
    tuesday.append(order(7, amount=-1, day=TUESDAY))

    validated = validate(frame(*monday, *tuesday), StrictOrders, [MONDAY, TUESDAY])

    assert [*validated.quarantined] == [MONDAY]
    assert "1 of 3 rows break the contract (33.3%)" in validated.quarantined[MONDAY]
    assert set(validated.rows[DAY]) == {TUESDAY}
    assert len(validated.dead_letters) == 2
    assert validated.row_counts == {MONDAY: 2, TUESDAY: 3}


def test_share_at_the_limit_is_allowed() -> None:
    raw = frame(*[order(number) for number in (1, 2, 3)], order(4, amount=-1))

    assert validate(raw, StrictOrders, [MONDAY]).quarantined == {}


def test_empty_day_is_quarantined_beside_a_full_one() -> None:
    validated = validate(frame(order(1)), Orders, [MONDAY, TUESDAY])

    assert validated.quarantined == {
        TUESDAY: "no rows, and its contract does not allow an empty day"
    }
    assert set(validated.rows[DAY]) == {MONDAY}


def test_known_reason_of_an_empty_day_is_reported() -> None:
    validated = validate(frame(), Orders, [MONDAY], empty_reasons={MONDAY: "the source ends here"})

    assert validated.quarantined == {MONDAY: "the source ends here"}


def test_empty_day_is_kept_where_the_contract_allows_it() -> None:
    validated = validate(frame(), RareOrders, [MONDAY])

    assert validated.quarantined == {}
    assert validated.row_counts == {MONDAY: 0}
    assert [*validated.rows.columns] == [DAY, *columns(RareOrders)]


def test_rows_of_an_empty_day_have_the_types_of_a_full_one() -> None:
    empty = validate(frame(), RareOrders, [MONDAY]).rows
    full = validate(frame(order(1)), RareOrders, [MONDAY]).rows

    assert [*empty.dtypes] == [*full.dtypes]


def test_day_of_dead_letters_only_is_judged_by_its_share() -> None:
    validated = validate(frame(order(1, amount=-1)), StrictOrders, [MONDAY])

    assert "1 of 1 rows" in validated.quarantined[MONDAY]
    assert validated.rows.empty
    assert len(validated.dead_letters) == 1


def test_renamed_column_quarantines_every_day_and_names_the_likely_new_name() -> None:
    raw = frame(order(1), order(2, day=TUESDAY)).rename(columns={"amount": "amounts"})

    validated = validate(raw, Orders, [MONDAY, TUESDAY])

    assert [*validated.quarantined] == [MONDAY, TUESDAY]
    for reason in validated.quarantined.values():
        assert "'amount' (renamed to 'amounts'?) is missing" in reason
    assert validated.rows.empty
    assert [*validated.rows.columns] == [DAY, *columns(Orders)]


def test_result_without_a_column_has_the_shape_of_a_usual_one_and_counts_no_rows() -> None:
    usual = validate(frame(order(1), order(0)), Orders, [MONDAY])

    without = validate(frame(order(1)).drop(columns="amount"), Orders, [MONDAY])

    pd.testing.assert_frame_equal(without.rows, usual.rows.iloc[:0])
    pd.testing.assert_frame_equal(without.dead_letters, usual.dead_letters.iloc[:0])
    assert without.row_counts == {MONDAY: 0}
    assert without.dead_letter_counts == {MONDAY: 0}


def test_missing_column_without_a_likely_name() -> None:
    problem = schema_problem(frame().drop(columns="amount"), Orders)

    assert problem == "schema is wrong: column 'amount' is missing, as Orders needs it"


def test_column_that_the_contract_has_is_not_proposed_for_a_missing_one() -> None:
    class Prices(Contract):
        """Columns with similar names."""

        price: float
        prices: float
        shop: str

    problem = schema_problem(pd.DataFrame(columns=[DAY, "prices"]), Prices)

    assert problem == "schema is wrong: column 'price', 'shop' is missing, as Prices needs it"


def test_further_columns_are_dropped() -> None:
    raw = frame(order(1)).assign(extra=1)

    validated = validate(raw, Orders, [MONDAY])

    assert schema_problem(raw, Orders) is None
    assert [*validated.rows.columns] == [DAY, *columns(Orders)]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0, id="negative"),
        pytest.param("x", id="text"),
        pytest.param(None, id="null"),
    ],
)
def test_index_of_the_raw_rows_does_not_matter(value: Any) -> None:
    raw = frame(order(1), order(value), order(3))

    usual = validate(raw, Orders, [MONDAY])
    doubled = validate(raw.set_axis([5, 5, 5]), Orders, [MONDAY])

    pd.testing.assert_frame_equal(usual.rows, doubled.rows)
    pd.testing.assert_frame_equal(usual.dead_letters, doubled.dead_letters)


def test_combined_result_contains_all_parts() -> None:
    parts = [
        validate(frame(order(1), order(0)), Orders, [MONDAY]),
        validate(frame(), Orders, [TUESDAY]),
    ]

    combined = combine(parts)

    assert [*combined.rows["id"]] == [1]
    assert len(combined.dead_letters) == 1
    assert [*combined.quarantined] == [TUESDAY]
    assert combined.row_counts == {MONDAY: 1, TUESDAY: 0}
    assert combined.dead_letter_counts == {MONDAY: 1, TUESDAY: 0}


def test_combined_rows_are_numbered_through_and_their_duplicates_counted() -> None:
    parts = [
        validate(frame(*[order(1, day=day)] * 2, order(0, day=day)), Orders, [day])
        for day in (MONDAY, TUESDAY)
    ]

    combined = combine(parts)

    assert [*combined.rows.index] == [*combined.dead_letters.index] == [0, 1]
    assert combined.merged_duplicates == {MONDAY: 1, TUESDAY: 1}


def test_absurd_wind_speed_is_a_dead_letter_and_the_day_is_stored() -> None:
    hours = pd.date_range("2013-02-12 05:00", periods=24, freq="h")
    raw = pd.DataFrame(dict.fromkeys(columns(Weather)), index=range(24)).assign(
        ds="2013-02-12", origin="EWR", time_hour=hours, wind_speed=10.0
    )
    raw.loc[3, "wind_speed"] = 1048.0

    validated = validate(raw, Weather, ["2013-02-12"])

    assert validated.quarantined == {}
    assert len(validated.rows) == 23
    assert [*validated.dead_letters["rule"]] == ["wind_speed: less_than_or_equal_to(200)"]


QUICK = settings(deadline=None, max_examples=25)
VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.floats(-200, 200),
    st.sampled_from(["A", "B", "1", "x", "", True, float("nan"), float("inf")]),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            DAY: st.sampled_from([MONDAY, TUESDAY]),
            "id": VALUES,
            "amount": VALUES,
            "shop": VALUES,
        }
    ),
    max_size=12,
)


@QUICK
@given(ROWS)
def test_no_row_is_lost(rows: list[dict[str, Any]]) -> None:
    validated = validate(frame(*rows), RareOrders, [MONDAY, TUESDAY])

    assert validated.quarantined == {}
    for day in (MONDAY, TUESDAY):
        came = sum(row[DAY] == day for row in rows)
        merged = validated.merged_duplicates.get(day, 0)
        assert validated.row_counts[day] + validated.dead_letter_counts[day] + merged == came


@QUICK
@given(ROWS)
def test_accepted_rows_are_valid(rows: list[dict[str, Any]]) -> None:
    first = validate(frame(*rows), RareOrders, [MONDAY, TUESDAY])

    again = validate(first.rows, RareOrders, [MONDAY, TUESDAY])

    assert again.dead_letters.empty
    pd.testing.assert_frame_equal(again.rows, first.rows)


@QUICK
@given(ROWS, st.randoms())
def test_order_of_the_rows_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))

    first = validate(frame(*rows), RareOrders, [MONDAY, TUESDAY])
    second = validate(frame(*shuffled), RareOrders, [MONDAY, TUESDAY])

    pd.testing.assert_frame_equal(first.rows, second.rows)
    pd.testing.assert_frame_equal(first.dead_letters, second.dead_letters)


def test_days_of_the_week_that_never_have_rows_are_stored_empty_and_quarantined_with_rows() -> None:
    saturday, sunday = "2024-02-10", "2024-02-11"
    raw = frame(order(1, day=sunday), order(2, amount=-1, day=sunday))

    validated = validate(raw, WorkdayOrders, [MONDAY, saturday, sunday])

    assert validated.rows.empty
    assert validated.quarantined == {
        MONDAY: "no rows, and its contract does not allow an empty day",
        sunday: "2 rows on a Sunday, which is in 'empty_on' of its contract: correct the source or "
        "the contract",
    }
