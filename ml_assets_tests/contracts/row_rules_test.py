"""One row of plain values is accepted, changed and refused as rows of a table are."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.cadence import DAYS
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.row_rules import broken_checks, row_checks, row_rules, typed_row
from ml_assets.contracts.validation import validate
from ml_assets.errors import ConfigurationError
from ml_assets.online.values import plain

DAY = "2013-05-01"
"""Of the first row of a table; each has a day of its own."""


class Parcels(Contract):
    """Columns of each type, with each kind of rule."""

    number: int = pa.Field(ge=1, lt=100)
    weight: float = pa.Field(nullable=True, gt=0, le=30, whole_number=True)
    at: pd.DatetimeTZDtype = pa.Field(
        nullable=True, whole_hour=True, dtype_kwargs={"unit": "us", "tz": "UTC"}
    )
    local: pd.DatetimeTZDtype = pa.Field(
        ge=pd.Timestamp("2013-01-01", tz="UTC"), dtype_kwargs={"unit": "ns", "tz": "UTC"}
    )
    code: str = pa.Field(str_matches=r"^[A-Z]{2}$|^ab$")
    kind: str = pa.Field(nullable=True, isin=["box", "bag"])
    remark: str = pa.Field(nullable=True, metadata={"free_text": True})
    zone: str = pa.Field(nullable=True, iana_zone=True, str_length={"max_value": 30})
    fragile: bool = pa.Field()

    class Config:
        """Rows are not keyed, so that equal ones are not merged."""

        metadata: ClassVar = {"max_dead_letter_share": 1.0, "max_text_length": 14}


GOOD: dict[str, Any] = {
    "number": 7,
    "weight": 2.0,
    "at": "2013-05-01T09:00-04:00",
    "local": "2013-05-01 09:30",
    "code": "UA",
    "kind": "box",
    "remark": "left\nat the door",
    "zone": "Europe/Berlin",
    "fragile": False,
}

VALUES: dict[str, list[Any]] = {
    "null": [None],
    "booleans": [True],
    "integers": [0, 1, 100],
    "an integer of too many bits": [2**63],
    "floats": [-1.5, 2.5, 30.0, float("nan"), float("inf")],
    "texts": [
        "",
        " UA ",
        "UA\n",
        "ab",
        "abab",
        "7",
        "7.0",
        "1_0",
        "nan",
        "box",
        "true",
        "a text that is much too long",
        "tab\tin it",
        "Europe/Berlin",
        "Mars/Olympus",
        "2013-05-01T09:00:00Z",
        "2013-05-01T09:00:00.123456789+02:00",
        "1600-01-01",
        "2012-12-31",
        "2013-13-01",
    ],
    "moments": [datetime(2013, 5, 1, 9, tzinfo=UTC)],
}
"""By kind, as a column with values of one kind is coerced at once."""

EVERY_VALUE = [value for of_kind in VALUES.values() for value in of_kind]


Result = tuple[dict[str, Any] | None, list[str]]
"""The values that are stored, or None and the rules that are broken."""


def of_table(*rows: dict[str, Any]) -> list[Result]:
    """What validation of a table with these rows stores of each, and the rules of its dead letter."""
    days = DAYS.keys(DAY, DAYS.shifted(DAY, len(rows) - 1))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    found = validate(pd.DataFrame({"ds": days, **columns}, dtype=object), Parcels, days)
    letters = dict(zip(found.dead_letters["ds"], found.dead_letters["rule"], strict=True))
    stored = {one.pop("ds"): one for one in found.rows.to_dict("records")}
    return [
        (None, letters[day].split("; "))
        if day in letters
        else ({str(name): plain(value) for name, value in stored[day].items()}, [])
        for day in days
    ]


def of_row(row: dict[str, Any]) -> Result:
    """The same by the rules of single rows."""
    typed, broken = typed_row(row_rules(Parcels), row)
    rules = sorted(f"{name}: {rule}" for name, found in broken.items() for rule in found)
    return (None, rules) if rules else ({n: plain(v) for n, v in typed.items()}, [])


@pytest.mark.parametrize("column", [*GOOD])
@pytest.mark.parametrize("kind", VALUES)
def test_a_value_has_the_same_result_as_in_a_table(column: str, kind: str) -> None:
    rows = {repr(value): {**GOOD, column: value} for value in VALUES[kind]}

    assert {value: of_row(row) for value, row in rows.items()} == dict(
        zip(rows, of_table(*rows.values()), strict=True)
    )


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {
            name: st.sampled_from([GOOD[name], *EVERY_VALUE])
            | st.text(max_size=14)
            | st.floats(allow_subnormal=False)
            for name in GOOD
        }
    )
)
def test_a_row_is_refused_for_all_that_a_dead_letter_says(row: dict[str, Any]) -> None:
    """A dead letter whose values have wrong types says nothing of ranges; a request is told all."""
    [(stored, rules)], (typed, told) = of_table(row), of_row(row)

    assert typed == stored
    assert {*rules} <= {*told}


def test_a_missing_column_is_a_missing_value() -> None:
    _, broken = typed_row(row_rules(Parcels), {"number": 1})

    assert broken["code"] == ["must not be null"]
    assert "weight" not in broken


class Stays(Contract):
    """With rules about several columns."""

    came: pd.DatetimeTZDtype = pa.Field(nullable=True, dtype_kwargs={"unit": "us", "tz": "UTC"})
    left: pd.DatetimeTZDtype = pa.Field(nullable=True, dtype_kwargs={"unit": "us", "tz": "UTC"})
    guests: int = pa.Field()

    @pa.dataframe_check(element_wise=True)
    @classmethod
    def left_on_the_day_it_came(cls, row: Mapping[str, Any]) -> bool:
        """Uses what pandas has beside ``datetime``."""
        return bool(row["left"].floor("D") == row["came"].floor("D"))

    @pa.dataframe_check(element_wise=True)
    @classmethod
    def guests_do_not_come_without_leaving(cls, row: Mapping[str, Any]) -> bool:
        """Of another type."""
        return bool(row["guests"] < 9 or row["came"] == row["left"])

    class Config:
        """Any number of dead letters."""

        metadata: ClassVar = {"max_dead_letter_share": 1.0}


@pytest.mark.parametrize("came", ["2013-05-01T09:00Z", "2013-05-02T00:00Z", None])
@pytest.mark.parametrize("left", ["2013-05-01T09:00Z", None])
@pytest.mark.parametrize("guests", [1, 9])
def test_rules_about_several_columns_are_those_of_a_table(
    came: str | None, left: str | None, guests: int
) -> None:
    row = {"came": came, "left": left, "guests": guests}
    frame = pd.DataFrame({name: pd.Series([value]) for name, value in row.items()}).assign(ds=DAY)
    letters = validate(frame, Stays, [DAY]).dead_letters

    typed, broken = typed_row(row_rules(Stays), row)

    assert broken == {}
    rules = "; ".join(sorted(broken_checks(Stays, typed)))
    assert [*letters["rule"]] == ([rules] if rules else [])


def test_a_check_of_a_whole_frame_is_refused_for_rows() -> None:
    class Frames(Contract):
        """With a check of all rows."""

        came: int = pa.Field()

        @pa.dataframe_check
        @classmethod
        def comes_once(cls, rows: pd.DataFrame) -> pd.Series:
            """Is not asked for a row."""
            return ~rows["came"].duplicated()

    with pytest.raises(ConfigurationError, match="'comes_once' of Frames cannot be applied"):
        row_checks(Frames)
