"""The base of every table's contract, and reading a contract's parts.

A contract is a pandera ``DataFrameModel``: types, ranges, what may be null, and for each column
a description and a unit. What pandera has no word for (may a day be empty, how many rows may be
rejected) is declared in ``Config.metadata``. Applying a contract to rows is in ``validation``.
"""

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml_assets.contracts import checks
from ml_assets.errors import ConfigurationError

checks.register()

FROM = "from"
"""Entry of a field's metadata: what its column is made from; an empty list for a constant."""


class Contract(pa.DataFrameModel):
    """Base class of all contracts; subclasses declare columns and ``Config``.

    Text that comes from outside is made uniform before anything else is checked: blanks at both
    ends are trimmed, and a text without anything else counts as null. A text with control or format
    characters (line end, tab, NUL, zero width) or with more than ``max_text_length`` characters is
    rejected. A column comes from outside when its field does not declare ``from``: columns made by
    the project are stored as they were made. ``metadata={"free_text": True}`` stores any text as it
    came, ``metadata={"max_length": 2000}`` sets another limit for one column. ``str_matches`` means
    the whole text.

    Rows of a day that are equal in all columns are one row when the contract has a key; rows with
    the same key that differ are all rejected.
    """

    class Config:
        """Columns that the contract does not name are dropped before storing."""

        strict = "filter"
        coerce = False


def made(description: str, made_from: Sequence[str], unit: str = "", **further: Any) -> Any:
    """A field of a column that the project makes.

    Args:
        description: what the column says.
        made_from: the columns that it is made from, see ``contracts.lineage``.
        unit: its unit, if it has one.
        further: what pandera's ``Field`` takes besides: bounds, whether it may be null.
    """
    metadata = {FROM: [*made_from]} | ({"unit": unit} if unit else {})
    return pa.Field(description=description, metadata=metadata, **further)


class Limits(BaseModel):
    """What a contract's ``Config.metadata`` may say about a whole day or all columns.

    Attributes:
        day: its ``DayContract``, see ``contracts.day``.
        may_be_empty: whether a day without rows is stored.
        max_dead_letter_share: share of rejected rows above which a day is quarantined.
        max_text_length: characters that a text from outside may have: codes, names and remarks
            have fewer, and what has more is a document or a fault.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: Any = None
    may_be_empty: bool = False
    max_dead_letter_share: float = Field(0.05, ge=0, le=1)
    max_text_length: int = Field(1000, ge=1)


@cache
def limits(contract: type[Contract]) -> Limits:
    """The day-level limits of a contract.

    Raises:
        ConfigurationError: the contract's metadata has an unknown or unusable entry.
    """
    try:
        return Limits.model_validate(getattr(contract.__config__, "metadata", None) or {})
    except ValidationError as error:
        raise ConfigurationError(
            f"{contract.__name__}.Config.metadata is not usable: {error}. Allowed are "
            f"{', '.join(Limits.model_fields)}."
        ) from None


def key_columns(contract: type[Contract]) -> list[str]:
    """Columns that identify a row, from the contract's uniqueness; all columns without one."""
    return list(contract.to_schema().unique or columns(contract))


def is_keyed(contract: type[Contract]) -> bool:
    """Whether the contract says what identifies a row of a day."""
    return bool(contract.to_schema().unique)


@cache
def row_schema(contract: type[Contract]) -> pa.DataFrameSchema:
    """The contract's checks of single rows; keys are unique per day, which pandera cannot say."""
    schema = copy.deepcopy(contract.to_schema())
    schema.unique = None
    for column in schema.columns.values():
        column.checks = [_strict(check) for check in column.checks]
    return schema


def _strict(check: pa.Check) -> pa.Check:
    if check.name == "str_matches":
        return checks.matches_whole((check.statistics or {})["pattern"], str(check.error))
    if check.statistics == {"wanted": True}:
        check.error = check.name
    return check


@cache
def columns(contract: type[Contract]) -> dict[str, pa.Column]:
    """Column name → pandera column, in the contract's order."""
    return cast("dict[str, pa.Column]", contract.to_schema().columns)


def dtype(column: pa.Column) -> Any:
    """The pandas dtype that a column's values have in the lake."""
    return cast("Any", column.dtype).type


def type_name(column: pa.Column) -> str:
    """A column's type in words a table schema shows."""
    return "string" if isinstance(dtype(column), pd.StringDtype) else str(dtype(column))


def text_limit(contract: type[Contract], name: str) -> int | None:
    """Characters that a text of a column may have; None where its texts are not judged."""
    column = columns(contract)[name]
    said = column.metadata or {}
    if not isinstance(dtype(column), pd.StringDtype) or FROM in said or said.get("free_text"):
        return None
    return int(said.get("max_length", limits(contract).max_text_length))


def unit(column: pa.Column) -> str:
    """The unit that a column declares, or an empty string."""
    return str((column.metadata or {}).get("unit", ""))
