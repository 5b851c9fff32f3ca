"""The rules of a contract for one row of plain values, as a request has them.

A value is accepted, changed and refused as ``validation`` does for rows of a table, with the same
text of the rule that a dead letter has. Data frames cost milliseconds for each row, plain values
microseconds.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.coercion import is_null, value_coercer
from ml_assets.contracts.contract import (
    Contract,
    columns,
    dtype,
    row_schema,
    text_limit,
    type_name,
)
from ml_assets.contracts.text import normalized_value
from ml_assets.errors import ConfigurationError

Predicate = Callable[[Any], bool]
"""Whether a typed value that is not null keeps a rule."""


@dataclass(frozen=True)
class ValueRules:
    """The rules of one column.

    Attributes:
        type_name: its type, for the rule that a value breaks.
        nullable: whether a value may be missing.
        coerce: see ``coercion.value_coercer``.
        text_limit: maximum number of characters of a text that is normalized; None for others.
        checks: text of a rule, and whether a value keeps it.
    """

    type_name: str
    nullable: bool
    coerce: Callable[[Any], Any]
    text_limit: int | None
    checks: Sequence[tuple[str, Predicate]]

    def apply(self, value: Any) -> tuple[Any, list[str]]:
        """The typed value, and the rules that it breaks.

        Args:
            value: a plain value; None for a missing one.
        """
        if is_null(value):
            return None, [] if self.nullable else ["must not be null"]
        typed = self.coerce(value)
        if typed is None:
            return None, [f"must be {self.type_name}"]
        if self.text_limit is not None:
            typed, broken = normalized_value(typed, self.text_limit)
            if broken:
                return typed, broken
            if typed is None:
                return None, [] if self.nullable else ["must not be null"]
        return typed, sorted([rule for rule, keeps in self.checks if not keeps(typed)])


@cache
def row_rules(contract: type[Contract]) -> dict[str, ValueRules]:
    """Column → its rules."""
    of_rows = row_schema(contract).columns
    return {
        name: ValueRules(
            type_name=type_name(column),
            nullable=bool(column.nullable),
            coerce=value_coercer(column),
            text_limit=text_limit(contract, name),
            checks=[
                (str(strict.error or strict.name), _predicate(check, strict, dtype(column)))
                for check, strict in zip(column.checks, of_rows[name].checks, strict=True)
            ],
        )
        for name, column in columns(contract).items()
    }


def _predicate(check: pa.Check, strict: pa.Check, kind: Any) -> Predicate:
    """A check as a function of one value; pandera's own where it is not known here.

    Args:
        check: the check as declared.
        strict: as ``row_schema`` applies it.
        kind: dtype of the column.
    """
    found, name = check.statistics or {}, str(check.name)
    if name in _BOUNDS:
        compare, [limit] = _BOUNDS[name], found.values()
        return lambda value: compare(value, limit)
    if name == "isin":
        return frozenset(found["allowed_values"]).__contains__
    if name == "str_matches":
        pattern = re.compile(found["pattern"])
        return lambda value: pattern.fullmatch(value) is not None
    return lambda value: bool(strict(pd.Series([value], dtype=kind)).check_passed)


_BOUNDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "greater_than_or_equal_to": operator.ge,
    "less_than_or_equal_to": operator.le,
    "greater_than": operator.gt,
    "less_than": operator.lt,
}


@cache
def row_checks(contract: type[Contract]) -> list[tuple[str, Predicate]]:
    """Rules about several columns of a row: text, and whether a typed row keeps the rule.

    Raises:
        ConfigurationError: one is not computed row by row.
    """
    return [
        (str(check.error or check.name), _row_predicate(contract, check))
        for check in row_schema(contract).checks
    ]


def _row_predicate(contract: type[Contract], check: pa.Check) -> Predicate:
    function = getattr(contract, str(check.name), None)
    if not check.element_wise or function is None:
        raise ConfigurationError(
            f"The check '{check.name}' of {contract.__name__} cannot be applied to a request, which is "
            "checked row by row. Expected '@pa.dataframe_check(element_wise=True)' without 'name', and "
            "a method of one row."
        )
    return lambda row: bool(function(row))


def broken_checks(contract: type[Contract], row: Mapping[str, Any]) -> list[str]:
    """The rules about several columns that a row breaks.

    Args:
        contract: the contract.
        row: column → typed value, which keeps the rules of its column.
    """
    checks = row_checks(contract)
    if not checks:
        return []
    given = {name: _as_in_frame(row.get(name)) for name in columns(contract)}
    return [rule for rule, keeps in checks if not keeps(given)]


def _as_in_frame(value: Any) -> Any:
    """A plain value as pandas has it in a row of a frame."""
    if value is None:
        return pd.NaT  # compares as every null does
    return pd.Timestamp(value) if isinstance(value, datetime) else value


def typed_row(
    rules: Mapping[str, ValueRules], row: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """A row with typed values, and the rules that it breaks.

    Args:
        rules: column → its rules.
        row: column → plain value; a missing column is a missing value.

    Returns:
        Column → typed value, and column → the rules that it breaks.
    """
    typed: dict[str, Any] = {}
    broken: dict[str, list[str]] = {}
    for name, of_column in rules.items():
        typed[name], problems = of_column.apply(row.get(name))
        if problems:
            broken[name] = problems
    return typed, broken
