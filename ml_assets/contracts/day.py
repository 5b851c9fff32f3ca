"""Day contracts: limits for all rows of a day together, in addition to those of each row.

A ``DayContract`` is a pandera model whose fields are measures of one day: its row count relative to
the usual one, the null share of a column, the rate of a boolean. A row contract sets its day
contract in ``Config.metadata``::

    class OrdersDay(DayContract):
        rows_against_usual: float = against_usual(ge=0.55, le=1.5)
        price_missing: float = missing_share("price", le=0.2, on_failure="warn")

    class Orders(Contract):
        ...
        class Config:
            metadata = {"day": OrdersDay}

``on_failure`` sets the consequence for a day outside the bounds: ``quarantine`` stores none of its
rows, ``warn`` stores them with a warning. ``day_verdicts`` measures and judges days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import Contract, columns, dtype, limits
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion

OnFailure = Literal["warn", "quarantine"]
ON_FAILURE: tuple[OnFailure, ...] = ("warn", "quarantine")

AGAINST_USUAL, MISSING, JOINED = "against_usual", "missing_share", "joined_share"
RATE, ABOVE, PRESENT = "rate", "share_above", "values_present"
MEASURES = (AGAINST_USUAL, MISSING, JOINED, RATE, ABOVE, PRESENT)
NUMERIC = (RATE, ABOVE)
"""Measures that need a numeric or boolean column."""


class DayContract(pa.DataFrameModel):
    """Base class of day contracts; a measure without a value is null and not judged."""

    class Config:
        """The frame of measures has further columns, which are used in reasons."""

        strict = False
        coerce = False


@dataclass(frozen=True)
class Measure:
    """The measure of a field of a day contract.

    Attributes:
        name: name of the field.
        kind: one of ``MEASURES``.
        column: measured column; empty for the row count.
        on_failure: consequence for a day outside the bounds.
        above: threshold of ``share_above``.
        expected: expected values of ``values_present``.
        description: description for messages.
    """

    name: str
    kind: str
    column: str
    on_failure: OnFailure
    above: float = 0.0
    expected: Sequence[Any] = ()
    description: str = ""


def against_usual(*, on_failure: OnFailure = "quarantine", **bounds: float) -> Any:
    """The day's row count divided by the usual one, see ``usual``; null while that is unknown.

    Args:
        on_failure: consequence for a day outside the bounds.
        bounds: ``ge``, ``gt``, ``le``, ``lt`` of pandera; 1 is the usual number of rows.
    """
    return _field(AGAINST_USUAL, "", on_failure, "rows against the usual number", bounds)


def missing_share(column: str, *, on_failure: OnFailure = "quarantine", **bounds: float) -> Any:
    """Share of the day's rows whose column is null, 0 to 1."""
    return _field(MISSING, column, on_failure, f"share of rows whose {column} is null", bounds)


def joined_share(column: str, *, on_failure: OnFailure = "quarantine", **bounds: float) -> Any:
    """Share of the day's rows with a match in a join: whose joined column is not null, 0 to 1."""
    return _field(JOINED, column, on_failure, f"share of rows with {column}", bounds)


def rate(column: str, *, on_failure: OnFailure = "quarantine", **bounds: float) -> Any:
    """Mean of a boolean, of a 0/1 column or of a probability; nulls are left out."""
    return _field(RATE, column, on_failure, f"mean of {column}", bounds)


def share_above(
    column: str, above: float, *, on_failure: OnFailure = "quarantine", **bounds: float
) -> Any:
    """Share of the values of a numeric column above a threshold, such as an allowed delay or age.

    Args:
        column: a numeric column.
        above: the threshold, in the column's unit; nulls are left out.
        on_failure: consequence for a day outside the bounds.
        bounds: ``ge``, ``gt``, ``le``, ``lt`` of pandera, 0 to 1.
    """
    words = f"share of {column} above {above:g}"
    return _field(ABOVE, column, on_failure, words, bounds, above=above)


def values_present(
    column: str, values: Sequence[Any], *, on_failure: OnFailure = "quarantine", **bounds: float
) -> Any:
    """Share of the expected values that occur at least once on the day, 0 to 1."""
    words = f"share of the expected values of {column}"
    return _field(PRESENT, column, on_failure, words, bounds, expected=list(values))


def _field(
    kind: str,
    column: str,
    on_failure: OnFailure,
    description: str,
    bounds: Mapping[str, float],
    **further: object,
) -> Any:
    metadata = {"measure": kind, "column": column, "on_failure": on_failure, **further}
    return pa.Field(nullable=True, description=description, metadata=metadata, **bounds)  # type: ignore[arg-type]


@cache
def day_contract(contract: type[Contract]) -> type[DayContract] | None:
    """The day contract of a row contract, or None.

    Raises:
        ConfigurationError: it is no day contract, or has an unknown measure or column.
    """
    found = limits(contract).day
    if found is None:
        return None
    if not (isinstance(found, type) and issubclass(found, DayContract)):
        raise ConfigurationError(
            f"'day' in {contract.__name__}.Config.metadata is {found!r}, expected a subclass of "
            "DayContract."
        )
    for item in measures_of(found):
        _refuse_unusable(found, item, contract)
    return found


@cache
def measures_of(contract: type[DayContract]) -> tuple[Measure, ...]:
    """The measures of a day contract, in the order of its fields.

    Raises:
        ConfigurationError: a field was not made by one of the helpers of this module.
    """
    return tuple(
        _measure_of(contract, name, column) for name, column in day_schema(contract).columns.items()
    )


@cache
def day_schema(contract: type[DayContract]) -> pa.DataFrameSchema:
    """The pandera schema of a frame of measures, one row per day."""
    return contract.to_schema()


def _measure_of(contract: type[DayContract], name: str, column: pa.Column) -> Measure:
    metadata = column.metadata or {}
    where = f"{contract.__name__}.{name}"
    kind = _known(metadata.get("measure"), MEASURES, f"measure of {where}")
    on_failure = _known(metadata.get("on_failure"), ON_FAILURE, f"on_failure of {where}")
    return Measure(
        name=name,
        kind=kind,
        column=metadata.get("column", ""),
        on_failure=cast("OnFailure", on_failure),
        above=metadata.get("above", 0.0),
        expected=metadata.get("expected", ()),
        description=column.description or name,
    )


def _refuse_unusable(day: type[DayContract], item: Measure, contract: type[Contract]) -> None:
    if item.kind == AGAINST_USUAL:
        return
    where = f"column of {day.__name__}.{item.name} in {contract.__name__}"
    column = columns(contract)[_known(item.column, list(columns(contract)), where)]
    if item.kind in NUMERIC and not pd.api.types.is_numeric_dtype(dtype(column)):
        raise ConfigurationError(
            f"{day.__name__}.{item.name} is a {item.kind} of '{item.column}', which is "
            f"{dtype(column)}; expected a numeric or boolean column of {contract.__name__}."
        )
    if item.kind == PRESENT and not item.expected:
        raise ConfigurationError(
            f"{day.__name__}.{item.name} has no expected values of '{item.column}'."
        )


def _known(name: object, known: Sequence[str], what: str) -> str:
    if name in known:
        return str(name)
    hint = suggestion(str(name), known) or f" Expected one of {', '.join(known)}."
    raise ConfigurationError(f"Unknown {what}: {name!r}.{hint}")
