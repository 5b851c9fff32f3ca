"""Verdicts on whole days: measures of each day's rows, compared with the day contract.

Pure functions; the row counts of earlier days are an argument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from pandera.errors import SchemaErrors

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.day import (
    ABOVE,
    AGAINST_USUAL,
    JOINED,
    MISSING,
    PRESENT,
    RATE,
    DayContract,
    Measure,
    day_contract,
    day_schema,
    measures_of,
)
from ml_assets.contracts.usual import usual_of_days
from ml_assets.contracts.validation import Validated, without_days

ROWS, USUAL, USUAL_FOR = "_rows", "_usual", "_usual_for"
"""Columns of the measures that are used in reasons, in addition to those of the contract."""

OUTSIDE = {
    "greater_than_or_equal_to": "below",
    "less_than_or_equal_to": "above",
    "greater_than": "not above",
    "less_than": "not below",
}
"""pandera check → relation of a failing value to the bound."""


def measure(
    rows: pd.DataFrame,
    days: Sequence[str],
    counts_before: Mapping[str, int],
    contract: type[DayContract],
) -> pd.DataFrame:
    """Measure days.

    Args:
        rows: (n, columns) rows of the days, with ``ds``.
        days: the days, each measured even when it has no rows.
        counts_before: day → row count of stored days, from which the usual count of later days is
            taken. It may include days of ``days``.
        contract: the measures.

    Returns:
        One row per day, indexed by day: the contract's fields, and columns used in reasons.
    """
    every = pd.Index(days)
    by_day = rows.groupby(DAY, sort=False)
    counts = by_day.size().reindex(every, fill_value=0)
    found: dict[str, pd.Series] = {ROWS: counts}
    for item in measures_of(contract):
        if item.kind != AGAINST_USUAL:
            found[item.name] = _measured(rows, by_day, item).reindex(every).astype("float64")
        if item.kind == PRESENT:
            incomplete = rows[rows[DAY].isin(list(found[item.name].index[found[item.name] < 1]))]
            found[_absent(item)] = _values_absent(incomplete, item).reindex(every, fill_value="")
    return _with_usual(pd.DataFrame(found, index=every), counts_before, contract)


def _with_usual(
    measures: pd.DataFrame, counts_before: Mapping[str, int], contract: type[DayContract]
) -> pd.DataFrame:
    names = [item.name for item in measures_of(contract) if item.kind == AGAINST_USUAL]
    usual = usual_of_days(list(measures.index), counts_before if names else {})
    expected = pd.Series([item.rows for item in usual], index=measures.index, dtype="float64")
    ratio = (measures[ROWS] / expected).where(expected > 0)
    words = pd.Series([item.words for item in usual], index=measures.index, dtype="str")
    return measures.assign(**{USUAL: expected, USUAL_FOR: words, **dict.fromkeys(names, ratio)})


def _measured(rows: pd.DataFrame, by_day: Any, item: Measure) -> pd.Series:
    values = rows[item.column]
    if item.kind == MISSING:
        return values.isna().groupby(rows[DAY]).mean()
    if item.kind == JOINED:
        return values.notna().groupby(rows[DAY]).mean()
    if item.kind == RATE:
        return values.astype("float64").groupby(rows[DAY]).mean()
    if item.kind == ABOVE:
        known = values.dropna()
        return (known > item.above).groupby(rows.loc[known.index, DAY]).mean()
    seen = rows.loc[values.isin(item.expected), [DAY, item.column]].drop_duplicates()
    present = seen.groupby(DAY).size()
    return present.reindex(by_day.size().index, fill_value=0) / len(item.expected)


def _values_absent(rows: pd.DataFrame, item: Measure) -> pd.Series:
    seen = rows.groupby(DAY)[item.column].agg(set)
    return seen.map(lambda found: ", ".join(str(v) for v in item.expected if v not in found))


def _absent(item: Measure) -> str:
    return f"_absent_{item.name}"


def judge(
    measures: pd.DataFrame, contract: type[DayContract]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Compare measures with the bounds of a day contract.

    Args:
        measures: the result of ``measure``.
        contract: the day contract.

    Returns:
        day → why it is quarantined, and day → warnings.
    """
    try:
        day_schema(contract).validate(measures, lazy=True)
    except SchemaErrors as errors:
        failures = errors.failure_cases
    else:
        return {}, {}
    known = {item.name: item for item in measures_of(contract)}
    records = measures.loc[list(failures["index"].unique())].to_dict("index")
    quarantined: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for failure in failures.to_dict("records"):
        item, day = known[failure["column"]], str(failure["index"])
        reason = _reason(records[day], item, str(failure["check"]))
        (quarantined if item.on_failure == "quarantine" else warnings).setdefault(day, []).append(
            reason
        )
    return {day: "; ".join(reasons) for day, reasons in quarantined.items()}, warnings


def _reason(measures: Mapping[Any, Any], item: Measure, check: str) -> str:
    name, _, bound = check.partition("(")
    outside = f"is {OUTSIDE[name]} {bound.rstrip(')')}" if name in OUTSIDE else f"breaks {check}"
    reason = f"{int(measures[ROWS])} rows"
    if item.kind == AGAINST_USUAL:
        reason += f", usually {measures[USUAL]:g} {measures[USUAL_FOR]}"
    elif item.kind == PRESENT:
        reason += f", none whose {item.column} is {measures[_absent(item)]}"
    else:
        reason += f", {item.description}"
    return f"{reason}: {item.name} {_formatted(measures[item.name], bound)} {outside}"


def _formatted(value: float, bound: str) -> str:
    """Two decimals, or four significant digits if two decimals equal the bound."""
    short = f"{value:.2f}"
    try:
        return f"{value:.4g}" if float(short) == float(bound.rstrip(")")) else short
    except ValueError:
        return short


def judge_days(
    rows: pd.DataFrame,
    days: Sequence[str],
    counts_before: Mapping[str, int],
    contract: type[DayContract],
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Judge the days of a run in order, leaving quarantined days out of the usual row counts.

    A day gets the same verdict alone and within a range.

    Args:
        rows: (n, columns) rows of the days, with ``ds``.
        days: the days of the run that are about to be stored.
        counts_before: day → row count of stored days; the run's own days are ignored.
        contract: the day contract.

    Returns:
        day → why it is quarantined, and day → warnings of the other days.
    """
    days = sorted(days)
    measures = measure(rows, days, {}, contract)
    stored = {day: count for day, count in counts_before.items() if day not in set(days)}
    own = dict(zip(days, measures[ROWS].astype("int64"), strict=True))
    quarantined: dict[str, str] = {}
    while True:
        usable = {day: count for day, count in own.items() if day not in quarantined}
        bad, warnings = judge(_with_usual(measures, stored | usable, contract), contract)
        found = next((day for day in days if day in bad and day not in quarantined), None)
        if found is None:
            kept = {day: texts for day, texts in warnings.items() if day not in quarantined}
            return quarantined, kept
        quarantined[found] = bad[found]


def with_days_judged(
    validated: Validated, contract: type[Contract], counts_before: Mapping[str, int]
) -> Validated:
    """Validated rows, with the days that break the day contract quarantined.

    Args:
        validated: rows that keep their row contract.
        contract: the row contract.
        counts_before: day → row count of the stored days of the table, see ``judge_days``.

    Returns:
        ``validated`` itself when there is no day contract.
    """
    day = day_contract(contract)
    days = [name for name in validated.row_counts if name not in validated.quarantined]
    if day is None or not days:
        return validated
    quarantined, warnings = judge_days(validated.rows, days, counts_before, day)
    return replace(without_days(validated, quarantined), warnings=warnings)
