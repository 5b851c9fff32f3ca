"""Reading what a contract declares: keys, limits, units, types, and the source it depends on."""

from typing import ClassVar

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.cadence import Cadence, Calendar
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import (
    FROM,
    SEEN,
    Contract,
    Limits,
    columns,
    computed,
    described,
    has_rows_on,
    key_columns,
    limits,
    refuse_longer_partitions,
    text_limit,
    type_name,
    unit,
)
from ml_assets.contracts.dead_letters import DeadLetters
from ml_assets.contracts.validation import validate
from ml_assets.errors import ConfigurationError


class Readings(Contract):
    """A contract that declares everything."""

    station: str = pa.Field(description="Where it was measured.")
    taken_at: pd.DatetimeTZDtype = pa.Field(dtype_kwargs={"unit": "us", "tz": "UTC"})
    temp: float = pa.Field(nullable=True, metadata={"unit": "°F"})
    count: int = pa.Field()

    class Config:
        """With a key and limits."""

        unique: ClassVar = ["station", "taken_at"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.5}


class Plain(Contract):
    """A contract that declares nothing beyond its columns."""

    b: str
    a: str


class Misspelled(Contract):
    """A contract with an entry nobody reads."""

    class Config:
        """The entry lacks an s."""

        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_shar": 0.5}


class Impossible(Contract):
    """A contract whose share cannot be."""

    class Config:
        """More than all."""

        metadata: ClassVar = {"max_dead_letter_share": 1.5}


class NoDay(Contract):
    """A contract with a day of the week in another language."""

    class Config:
        """Expected is Saturday."""

        metadata: ClassVar = {"empty_on": ["Samstag"]}


class Workdays(Contract):
    """A contract of rows from Monday to Friday."""

    class Config:
        """Never has rows at weekends."""

        metadata: ClassVar = {"empty_on": ["Saturday", "Sunday"]}


def test_declared_limits_are_read() -> None:
    assert limits(Readings) == Limits(may_be_empty=True, max_dead_letter_share=0.5)


def test_limits_are_strict_without_a_declaration() -> None:
    assert limits(Plain) == Limits(may_be_empty=False, max_dead_letter_share=0.05)


@pytest.mark.parametrize(
    ("contract", "entry"),
    [
        pytest.param(Misspelled, "max_dead_letter_shar", id="unknown entry"),
        pytest.param(Impossible, "max_dead_letter_share", id="share above 1"),
        pytest.param(NoDay, "empty_on.*'Saturday'", id="no day of the week"),
    ],
)
def test_error_of_unusable_limits_names_the_entry(contract: type[Contract], entry: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"(?s){contract.__name__}.*{entry}"):
        limits(contract)


@pytest.mark.parametrize(
    ("contract", "partition", "expected"),
    [
        pytest.param(Workdays, "2024-02-09", True, id="a Friday"),
        pytest.param(Workdays, "2024-02-10", False, id="a Saturday"),
        pytest.param(Workdays, "2024-02-11-23:00", False, id="an hour of a Sunday"),
        pytest.param(Workdays, SNAPSHOT, True, id="a snapshot"),
        pytest.param(Plain, "2024-02-10", True, id="nothing declared"),
    ],
)
def test_partitions_that_can_have_rows(
    contract: type[Contract], partition: str, expected: bool
) -> None:
    assert has_rows_on(contract, partition) is expected


@pytest.mark.parametrize(
    ("calendar", "found"),
    [
        pytest.param(Calendar(Cadence.WEEKLY), "weekly partitions", id="weeks"),
        pytest.param(Calendar(Cadence.MONTHLY), "monthly partitions", id="months"),
        pytest.param(None, "no days", id="a snapshot"),
    ],
)
def test_longer_partitions_are_on_no_day_of_the_week(calendar: Calendar | None, found: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=rf"(?s)Workdays.*'empty_on'.* has {found}\. Remove it; 'may_be_empty' allows partitions "
        r"without rows\.$",
    ):
        refuse_longer_partitions(Workdays, calendar)
    refuse_longer_partitions(Plain, calendar)


@pytest.mark.parametrize("cadence", [Cadence.HOURLY, Cadence.DAILY])
def test_days_and_hours_may_be_on_days_without_rows(cadence: Cadence) -> None:
    refuse_longer_partitions(Workdays, Calendar(cadence))


def test_docstring_in_one_line_describes_the_table_of_a_contract() -> None:
    class Wrapped(Contract):
        """Measured by stations,

        of which some are  closed.
        """

    assert described(Wrapped) == "Measured by stations, of which some are closed."


@pytest.mark.parametrize("docstring", [None, " \n "], ids=["none", "blank"])
def test_contract_without_a_docstring_does_not_describe_its_table(docstring: str | None) -> None:
    undescribed = type("Undescribed", (Contract,), {"__doc__": docstring})

    with pytest.raises(ConfigurationError) as refused:
        described(undescribed)

    assert str(refused.value) == (
        "Undescribed has no docstring, and its table in defs.yaml no 'description'. Add one of them."
    )


@pytest.mark.parametrize(
    ("contract", "key"),
    [
        pytest.param(Readings, ["station", "taken_at"], id="declared"),
        pytest.param(Plain, ["b", "a"], id="all columns in their order"),
        pytest.param(DeadLetters, ["source_key", "rule", "row"], id="dead letters"),
    ],
)
def test_key_columns(contract: type[Contract], key: list[str]) -> None:
    assert key_columns(contract) == key


@pytest.mark.parametrize(
    ("column", "name"),
    [
        pytest.param("station", "string", id="text"),
        pytest.param("taken_at", "datetime64[us, UTC]", id="moment"),
        pytest.param("temp", "float64", id="float"),
        pytest.param("count", "int64", id="int"),
    ],
)
def test_type_name(column: str, name: str) -> None:
    assert type_name(columns(Readings)[column]) == name


@pytest.mark.parametrize(
    ("column", "expected"),
    [pytest.param("temp", "°F", id="declared"), pytest.param("count", "", id="none")],
)
def test_unit(column: str, expected: str) -> None:
    assert unit(columns(Readings)[column]) == expected


class Texts(Contract):
    """Texts of a source, and columns whose texts have no limit."""

    plain: str
    short: str = pa.Field(metadata={"max_length": 3})
    free: str = pa.Field(metadata={"free_text": True})
    made: str = computed("Made of others.", ["raw.plain"])
    number: float

    class Config:
        """Shorter texts than usual."""

        metadata: ClassVar = {"max_text_length": 40}


@pytest.mark.parametrize(
    ("column", "limit"),
    [
        pytest.param("plain", 40, id="that of the contract"),
        pytest.param("short", 3, id="its own"),
        pytest.param("free", None, id="free text"),
        pytest.param("made", None, id="computed"),
        pytest.param("number", None, id="no text"),
    ],
)
def test_limit_of_a_text(column: str, limit: int | None) -> None:
    assert text_limit(Texts, column) == limit


def test_texts_may_have_a_thousand_characters_without_a_limit() -> None:
    assert text_limit(Plain, "a") == 1000


def test_computed_column_declares_its_description_inputs_unit_texts_and_bounds() -> None:
    class Ratios(Contract):
        """Two computed columns."""

        delay: float = computed("Its delay.", ["raw.a", "raw.b"], "minutes", nullable=True, ge=0)
        constant: str = computed("The same everywhere.", [], seen=("north", "south"))

    delay, constant = columns(Ratios).values()

    assert (delay.description, constant.description) == ("Its delay.", "The same everywhere.")
    assert delay.metadata == {FROM: ["raw.a", "raw.b"], "unit": "minutes"}
    assert constant.metadata == {FROM: [], SEEN: ["north", "south"]}
    assert delay.nullable
    assert [check.name for check in delay.checks] == ["greater_than_or_equal_to"]


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        pytest.param({}, [], id="valid"),
        pytest.param({"code": "AB1"}, ["code: str_matches('^[A-Z]{2}')"], id="only begins so"),
        pytest.param({"code": "A"}, ["code: str_matches('^[A-Z]{2}')"], id="does not match"),
        pytest.param({"count": 1.5}, ["count: whole_number"], id="fraction"),
        pytest.param({"share": 1.5}, ["share: less_than_or_equal_to(1)"], id="check of pandera"),
    ],
)
def test_checks_of_rows_match_whole_texts_and_are_named_without_their_switch(
    values: dict[str, object], rules: list[str]
) -> None:
    class Checked(Contract):
        """A pattern, a check of ours and one of pandera."""

        code: str = pa.Field(str_matches="^[A-Z]{2}")
        count: float = pa.Field(whole_number=True)
        share: float = pa.Field(le=1)

        class Config:
            """Any number of dead letters."""

            metadata: ClassVar = {"max_dead_letter_share": 1.0}

    row = {DAY: "2013-07-08", "code": "AB", "count": 1.0, "share": 0.5, **values}
    validated = validate(pd.DataFrame([row]), Checked, ["2013-07-08"])

    assert [*validated.dead_letters["rule"]] == rules
    assert len(validated.rows) == 1 - len(rules)
