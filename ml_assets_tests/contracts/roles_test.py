"""The columns that a model uses by default, from their types and from what their fields say."""

from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.contracts.contract import Contract, Role, computed, used_as
from ml_assets.contracts.roles import columns_of_group, feature_columns
from ml_assets.errors import ConfigurationError


class Stays(Contract):
    """Columns of every type."""

    stay: int = pa.Field(description="Number of the stay.")
    city: str = pa.Field(description="Where.", metadata=used_as(group="structural"))
    nights: float = pa.Field(description="How long.")
    is_weekend: bool = pa.Field(description="Whether it began on a weekend.")
    kind: pd.CategoricalDtype = pa.Field(
        description="Kind of room.",
        dtype_kwargs={"categories": ["single", "double"], "ordered": False},
    )
    booked_at: pd.DatetimeTZDtype = pa.Field(
        description="When it was booked.", dtype_kwargs={"unit": "us", "tz": "UTC"}
    )
    guests: int = computed("Number of guests.", ["raw.guests"], group="structural")
    remark: str = computed("Free text.", ["raw.remark"], role="ignored")


def test_roles_follow_from_types_in_the_order_of_the_contract() -> None:
    found = feature_columns(Stays, ["stay"])

    assert found.numeric == ["nights", "is_weekend", "guests"]
    assert found.categorical == ["city", "kind"]


def test_a_key_is_a_feature_if_its_field_says_so() -> None:
    class WithRole(Stays):
        """The city identifies a row."""

        city: str = pa.Field(metadata=used_as("categorical"))

    found = feature_columns(WithRole, ["stay", "city", "guests"])

    assert found.categorical == ["city", "kind"]
    assert found.numeric == ["nights", "is_weekend"]


def test_free_text_is_a_feature_if_its_field_says_so() -> None:
    class WithText(Stays):
        """The remark is used."""

        city: str = pa.Field(metadata=used_as("text"))
        remark: str = computed("Free text.", ["raw.remark"], role="text")

    found = feature_columns(WithText, ["stay", "city"])

    assert found.text == ["city", "remark"]
    assert found.categorical == ["kind"]


def test_structural_columns_are_those_of_this_group() -> None:
    assert columns_of_group(Stays, "structural") == ["city", "guests"]


def test_computed_fields_say_both() -> None:
    field: Any = computed("A code.", ["raw.code"], "m", role="ignored", group="environment")

    assert field.metadata == {
        "from": ["raw.code"],
        "unit": "m",
        "role": "ignored",
        "group": "environment",
    }


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        pytest.param({"role": "numerical"}, "Did you mean 'numeric'?", id="misspelled role"),
        pytest.param(
            used_as("numeric"), "type string, expected numbers or booleans", id="number of texts"
        ),
    ],
)
def test_roles_that_cannot_be_used_are_refused(metadata: dict[str, str], message: str) -> None:
    class Wrong(Stays):
        """A city with another role."""

        city: str = pa.Field(metadata=metadata)

    with pytest.raises(ConfigurationError, match=f"'city' of Wrong .*{message}"):
        feature_columns(Wrong, [])


@pytest.mark.parametrize("role", ["categorical", "text"])
def test_texts_that_are_numbers_are_refused_in_one_line(role: Role) -> None:
    class Wrong(Stays):
        """Guests as texts."""

        guests: int = pa.Field(metadata=used_as(role))

    with pytest.raises(ConfigurationError, match="type int64, expected texts") as refused:
        feature_columns(Wrong, [])

    assert "\n" not in str(refused.value)


def test_an_unknown_group_is_refused() -> None:
    class Wrong(Stays):
        """An unknown group."""

        guests: int = pa.Field(metadata={"group": "structure"})

    with pytest.raises(ConfigurationError, match=r"Did you mean 'structural'\?"):
        columns_of_group(Wrong, "structural")
