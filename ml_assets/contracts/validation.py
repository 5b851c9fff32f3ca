"""Validation of rows against a contract: accepted rows, dead letters and quarantined days.

No row is dropped silently: every raw row is in ``rows``, or has a dead letter with its raw values
and the rule it broke, or is counted as a duplicate of one of those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
from pandera.errors import SchemaErrors

from ml_assets.cadence import weekday
from ml_assets.content import DAY, NO_ROWS
from ml_assets.contracts.coercion import coerce_column
from ml_assets.contracts.contract import (
    Contract,
    columns,
    dtype,
    has_rows_on,
    is_keyed,
    key_columns,
    limits,
    row_schema,
    text_limit,
    type_name,
)
from ml_assets.contracts.dead_letters import as_bytes, dead_letters, no_dead_letters
from ml_assets.contracts.text import normalized_text
from ml_assets.names import most_similar


@dataclass(frozen=True)
class Validated:
    """Result of validating rows against a contract.

    Attributes:
        rows: the valid rows, typed, sorted by day and key, with ``ds``.
        dead_letters: one row for each rejected row, see ``DeadLetters``.
        quarantined: day → why none of its rows may be stored.
        row_counts: day → number of valid rows.
        dead_letter_counts: day → number of rejected rows.
        merged_duplicates: day → number of rows that were merged with an equal one; days without
            any are left out.
        warnings: day → warnings of its day contract; the day is stored.
    """

    rows: pd.DataFrame
    dead_letters: pd.DataFrame
    quarantined: Mapping[str, str]
    row_counts: Mapping[str, int] = field(default_factory=dict)
    dead_letter_counts: Mapping[str, int] = field(default_factory=dict)
    merged_duplicates: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)


def validate(
    raw: pd.DataFrame,
    contract: type[Contract],
    days: Sequence[str],
    empty_reasons: Mapping[str, str] | None = None,
) -> Validated:
    """Apply a contract to the rows of some days.

    Args:
        raw: (n, columns) raw rows, with the partition column ``ds``.
        contract: the table's contract.
        days: all days of the rows; a day without rows is judged too.
        empty_reasons: day → why it has no rows, if that is known.

    Returns:
        Valid rows, dead letters and quarantined days. If a column of the contract is missing, every
        day is quarantined.
    """
    raw = raw.reset_index(drop=True)
    if problem := schema_problem(raw, contract):
        return _nothing_stored(contract, dict.fromkeys(days, problem))
    broken = _BrokenRules()
    typed = _coerce(raw, contract, broken)
    good, merged = _merged(broken.removed_from(typed), contract, broken)
    problem = _check(good, contract, broken)
    if problem:
        return _nothing_stored(contract, dict.fromkeys(days, problem))
    good = _finish_types(broken.removed_from(good), contract)
    rejected, merged_letters = _rejected(raw, contract, broken)
    rules = ["; ".join(sorted(set(broken.rules[row]))) for row in rejected.index]
    letters = dead_letters(rejected, contract, rules)
    row_counts = _per_day(good, days)
    dead_letter_counts = _per_day(letters, days)
    reasons = empty_reasons or {}
    problems = {
        day: _day_problem(contract, day, row_counts[day], dead_letter_counts[day], reasons)
        for day in days
    }
    quarantined = {day: reason for day, reason in problems.items() if reason}
    kept = good[~good[DAY].isin(quarantined)] if quarantined else good
    return Validated(
        _sorted(kept, [DAY, *key_columns(contract)]),
        letters,
        quarantined,
        row_counts,
        dead_letter_counts,
        _counted([merged, merged_letters]),
    )


def _sorted(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    order = frame[by].sort_values(by, kind="stable").index
    is_sorted = order.is_monotonic_increasing
    return (frame if is_sorted else frame.loc[order]).reset_index(drop=True)


def without_days(validated: Validated, reasons: Mapping[str, str]) -> Validated:
    """The result with further days quarantined.

    Args:
        validated: the result.
        reasons: day → why none of its rows may be stored.
    """
    if not reasons:
        return validated
    rows = validated.rows[~validated.rows[DAY].isin(reasons)].reset_index(drop=True)
    quarantined = {**reasons, **validated.quarantined}
    return replace(validated, rows=rows, quarantined=quarantined)


def combine(parts: Sequence[Validated]) -> Validated:
    """Combine results of consecutive spans of days; at least one."""
    return Validated(
        pd.concat([part.rows for part in parts], ignore_index=True),
        pd.concat([part.dead_letters for part in parts], ignore_index=True),
        {day: reason for part in parts for day, reason in part.quarantined.items()},
        {day: count for part in parts for day, count in part.row_counts.items()},
        {day: count for part in parts for day, count in part.dead_letter_counts.items()},
        {day: count for part in parts for day, count in part.merged_duplicates.items()},
    )


def no_rows(contract: type[Contract]) -> pd.DataFrame:
    """An empty frame with ``ds`` and the contract's columns, typed."""
    types = {name: dtype(column) for name, column in columns(contract).items()}
    return NO_ROWS.assign(**{name: pd.Series([], dtype=kind) for name, kind in types.items()})


def schema_problem(frame: pd.DataFrame, contract: type[Contract]) -> str | None:
    """Missing columns of a frame, each with the most similar unexpected name; None without any."""
    missing = [name for name in columns(contract) if name not in frame.columns]
    if not missing:
        return None
    unexpected = [name for name in frame.columns if name not in columns(contract) and name != DAY]
    hints = [
        f"'{name}'"
        + (f" (renamed to '{found}'?)" if (found := most_similar(name, unexpected)) else "")
        for name in missing
    ]
    return f"schema is wrong: column {', '.join(hints)} is missing, as {contract.__name__} needs it"


class _BrokenRules:
    """Row index → the rules that the row broke."""

    def __init__(self) -> None:
        self.rules: dict[int, list[str]] = {}

    def add(self, rows: pd.Index, rule: str) -> None:
        for row in rows:
            self.rules.setdefault(row, []).append(rule)

    def removed_from(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.loc[~frame.index.isin(self.rules)] if self.rules else frame


def _coerce(raw: pd.DataFrame, contract: type[Contract], broken: _BrokenRules) -> pd.DataFrame:
    typed = {DAY: raw[DAY].astype("str")}
    for name, column in columns(contract).items():
        typed[name], bad = coerce_column(raw[name], column)
        if bad.any():
            _add_bad(raw[name][bad], f"{name}: must be {type_name(column)}", broken)
        if limit := text_limit(contract, name):
            typed[name], masks = normalized_text(typed[name], limit)
            for rule, mask in masks.items():
                broken.add(mask.index[mask], f"{name}: {rule}")
        if not column.nullable:
            null = typed[name].isna() & ~bad
            broken.add(null.index[null], f"{name}: must not be null")
    return pd.DataFrame(typed)


def _add_bad(values: pd.Series, rule: str, broken: _BrokenRules) -> None:
    undecodable = values.map(_is_undecodable).astype(bool)
    broken.add(values.index[undecodable], f"{rule}, has bytes that are no UTF-8 text")
    broken.add(values.index[~undecodable], rule)


def _is_undecodable(value: object) -> bool:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        return False
    try:
        bytes(value).decode()
    except UnicodeDecodeError:
        return True
    return False


def _merged(
    frame: pd.DataFrame, contract: type[Contract], broken: _BrokenRules
) -> tuple[pd.DataFrame, pd.Series]:
    """The rows without duplicates of the same day, and the days of the duplicates.

    Rows with the same key that are not equal are all broken.
    """
    if not is_keyed(contract):
        return frame, frame[DAY].iloc[:0]
    key = [DAY, *key_columns(contract)]
    twice = frame[frame.duplicated(key, keep=False)]
    if twice.empty:
        return frame, twice[DAY]
    is_repeated = twice.duplicated()
    different = twice[~is_repeated]
    contradicting = different.duplicated(key, keep=False)
    broken.add(different.index[contradicting], "key: must be unique")
    return frame.drop(index=twice.index[is_repeated]), twice.loc[is_repeated, DAY]


def _rejected(
    raw: pd.DataFrame, contract: type[Contract], broken: _BrokenRules
) -> tuple[pd.DataFrame, pd.Series]:
    """The rows that broke a rule, without duplicates, and the days of the duplicates."""
    rows = raw.loc[sorted(broken.rules)]
    if rows.empty or not is_keyed(contract):
        return rows, rows[DAY].iloc[:0]
    repeated = rows[[DAY, *columns(contract)]].map(lambda value: repr(as_bytes(value))).duplicated()
    return rows[~repeated], rows.loc[repeated, DAY].astype("str")


def _counted(days: Sequence[pd.Series]) -> dict[str, int]:
    counts = pd.concat(days).value_counts().sort_index()
    return {str(day): int(count) for day, count in counts.items()}


def _finish_types(frame: pd.DataFrame, contract: type[Contract]) -> pd.DataFrame:
    types = {name: dtype(column) for name, column in columns(contract).items()}
    changed = {name: kind for name, kind in types.items() if frame[name].dtype != kind}
    return frame.astype(changed) if changed else frame


def _check(frame: pd.DataFrame, contract: type[Contract], broken: _BrokenRules) -> str | None:
    """Run the contract's checks and record broken rules; returns a failure of the whole frame."""
    try:
        row_schema(contract).validate(_finish_types(frame, contract), lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        whole = cases[cases["index"].isna()]
        if len(whole):
            first = whole.iloc[0]
            return f"contract check '{first['check']}' failed as a whole: {first['failure_case']}"
        of_column = cases["schema_context"] == "Column"  # a check of rows has no column
        column = (cases["column"].astype("str") + ": ").where(of_column, "")
        rules = column + cases["check"].astype("str")
        for rule, rows in cases.groupby(rules)["index"]:
            broken.add(pd.Index(rows.unique()), str(rule))
    return None


def _per_day(frame: pd.DataFrame, days: Sequence[str]) -> dict[str, int]:
    counts = frame[DAY].value_counts()
    return {day: int(counts.get(day, 0)) for day in days}


def _day_problem(
    contract: type[Contract], day: str, rows: int, dead_letters: int, why_empty: Mapping[str, str]
) -> str | None:
    allowed = limits(contract)
    total = rows + dead_letters
    if not has_rows_on(contract, day):
        on = f"{total} rows on a {weekday(day)}, which is in 'empty_on' of its contract"
        return f"{on}: correct the source or the contract" if total else None
    if total == 0:
        if allowed.may_be_empty:
            return None
        return why_empty.get(day, "no rows, and its contract does not allow an empty day")
    share = dead_letters / total
    if share > allowed.max_dead_letter_share:
        return (
            f"{dead_letters} of {total} rows break the contract ({share:.1%}), more than the "
            f"{allowed.max_dead_letter_share:.1%} allowed"
        )
    return None


def _nothing_stored(contract: type[Contract], quarantined: Mapping[str, str]) -> Validated:
    zero = dict.fromkeys(quarantined, 0)
    return Validated(no_rows(contract), no_dead_letters(), quarantined, zero, zero)
