"""The base class of table contracts, and access to a contract's parts.

A contract is a pandera ``DataFrameModel`` with the type, range, nullability, description and unit
of each column. Limits that pandera does not have (empty days, share of rejected rows) are declared
in ``Config.metadata``. ``validation`` applies a contract to rows.
"""

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, cast

import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict, Field

from ml_assets.cadence import Cadence, Calendar, weekday
from ml_assets.content import SNAPSHOT
from ml_assets.contracts import checks
from ml_assets.errors import ConfigurationError
from ml_assets.reading import read

checks.register()

FROM = "from"
"""Key of a field's metadata with the input columns of its column; an empty list for a constant.
Columns of a table that a function computes may do without, see ``contracts.lineage``."""

ROLE, GROUP = "role", "group"
"""Keys of a field's metadata about its column as a feature, see ``used_as``."""

SEEN = "seen"
"""Key of a field's metadata with the texts that a column had when its contract was made. Others are
allowed in rows; in a rule of an ensemble they are taken for typing errors."""

Role = Literal["numeric", "categorical", "text", "ignored"]
"""How a model uses a column."""
Group = Literal["structural", "environment", "calendar"]
"""Whether the distribution of a feature should be stable, may change, or moves with the date itself."""
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class Contract(pa.DataFrameModel):
    """Base class of all contracts; subclasses declare columns and ``Config``.

    Text from a source is normalized before it is checked: blanks at both ends are trimmed, and an
    empty text becomes null. A text with control or format characters (line end, tab, NUL, zero
    width) or with more than ``max_text_length`` characters is rejected. A column is from a source
    if its field does not declare ``from``; columns computed by the project are not normalized.
    ``metadata={"free_text": True}`` stores any text unchanged, ``metadata={"max_length": 2000}``
    sets another limit for one column. ``str_matches`` matches the whole text.

    If the contract has a key, rows of a day that are equal in all columns are merged, and rows with
    the same key that differ are all rejected.
    """

    class Config:
        """Columns that the contract does not declare are dropped before storing."""

        strict = "filter"
        coerce = False


def used_as(role: Role | None = None, group: Group | None = None) -> dict[str, str]:
    """Metadata of a field about its column as a feature; what is omitted follows from its type.

    Use it as in ``metadata={"from": ["orders.region"], **used_as("categorical")}``.

    Args:
        role: how a model uses it that does not name its features.
        group: its group in monitoring; ``environment`` when omitted.
    """
    return {key: value for key, value in ((ROLE, role), (GROUP, group)) if value is not None}


def computed(
    description: str,
    sources: Sequence[str],
    unit: str = "",
    *,
    role: Role | None = None,
    group: Group | None = None,
    seen: Sequence[str] = (),
    **further: Any,
) -> Any:
    """A field of a column that the project computes.

    Args:
        description: description of the column.
        sources: its input columns, see ``contracts.lineage``.
        unit: unit of its values, if any.
        role: how a model uses it as a feature, see ``used_as``.
        group: its group in monitoring.
        seen: texts that it had when the contract was made, if they are few, see ``SEEN``.
        further: further arguments of pandera's ``Field``, such as bounds.
    """
    metadata = {FROM: [*sources], **used_as(role, group)} | ({"unit": unit} if unit else {})
    metadata |= {SEEN: [*seen]} if seen else {}
    return pa.Field(description=description, metadata=metadata, **further)


def described(contract: type[Contract]) -> str:
    """The docstring of a contract in one line, which describes its table.

    Raises:
        ConfigurationError: it has none.
    """
    if text := " ".join((contract.__doc__ or "").split()):
        return text
    raise ConfigurationError(
        f"{contract.__name__} has no docstring, and its table in defs.yaml no 'description'. Add one of "
        "them."
    )


class Limits(BaseModel):
    """Limits of a whole day or of all columns, from a contract's ``Config.metadata``.

    Attributes:
        day: its ``DayContract``, see ``contracts.day``.
        may_be_empty: whether a day without rows is stored.
        empty_on: days of the week on which partitions begin that never have rows. They are stored
            without rows, and quarantined if there are any; no function is asked for their rows.
        max_dead_letter_share: share of rejected rows above which a day is quarantined, 0 to 1.
        max_text_length: maximum number of characters of a text from a source; codes, names and
            remarks are shorter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: Any = None
    may_be_empty: bool = False
    empty_on: frozenset[Weekday] = Field(frozenset(), max_length=6)
    max_dead_letter_share: float = Field(0.05, ge=0, le=1)
    max_text_length: int = Field(1000, ge=1)


@cache
def limits(contract: type[Contract]) -> Limits:
    """The day-level limits of a contract.

    Raises:
        ConfigurationError: the contract's metadata has an unknown or unusable entry.
    """
    metadata = getattr(contract.__config__, "metadata", None) or {}
    return read(Limits, metadata, f"{contract.__module__}.{contract.__name__}.Config.metadata")


def has_rows_on(contract: type[Contract], day: str) -> bool:
    """Whether a partition can have rows by its contract, see ``empty_on`` of its limits."""
    empty_on = limits(contract).empty_on
    return not empty_on or day == SNAPSHOT or weekday(day) not in empty_on


def refuse_longer_partitions(contract: type[Contract], calendar: Calendar | None) -> None:
    """Refuse days of the week without rows in a table whose partitions are not on one.

    Args:
        contract: contract of the table.
        calendar: its partitions; None for a table without any.

    Raises:
        ConfigurationError: they are weeks or months, or there are none.
    """
    is_on_a_day = calendar is not None and calendar.cadence in {Cadence.HOURLY, Cadence.DAILY}
    if limits(contract).empty_on and not is_on_a_day:
        raise ConfigurationError(
            f"{contract.__name__}.Config.metadata has 'empty_on', which days and hours can have, but "
            f"its table has {f'{calendar.cadence} partitions' if calendar else 'no days'}. Remove it; "
            "'may_be_empty' allows partitions without rows."
        )


def key_columns(contract: type[Contract]) -> list[str]:
    """Columns that identify a row, from the contract's uniqueness; all columns without one."""
    return list(contract.to_schema().unique or columns(contract))


def is_keyed(contract: type[Contract]) -> bool:
    """Whether the contract declares columns that identify a row of a day."""
    return bool(contract.to_schema().unique)


@cache
def row_schema(contract: type[Contract]) -> pa.DataFrameSchema:
    """The contract's checks of single rows that have its types.

    Without uniqueness, which applies to each day, and without types, whose check takes longer than
    most others.
    """
    schema = copy.deepcopy(contract.to_schema())
    schema.unique = None
    for column in schema.columns.values():
        column.dtype = None
        column.checks = [_strict(check) for check in column.checks]
    return schema


def _strict(check: pa.Check) -> pa.Check:
    if check.name == "str_matches":
        return checks.matches_whole((check.statistics or {})["pattern"], str(check.error))
    if check.statistics == {"enabled": True}:
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
    """A column's type as shown in a table schema."""
    return "string" if isinstance(dtype(column), pd.StringDtype) else str(dtype(column))


def text_limit(contract: type[Contract], name: str) -> int | None:
    """Maximum number of characters of a column's texts; None without a limit."""
    column = columns(contract)[name]
    metadata = column.metadata or {}
    is_text = isinstance(dtype(column), pd.StringDtype)
    if not is_text or FROM in metadata or metadata.get("free_text"):
        return None
    return int(metadata.get("max_length", limits(contract).max_text_length))


def unit(column: pa.Column) -> str:
    """The unit that a column declares, or an empty string."""
    return str((column.metadata or {}).get("unit", ""))
